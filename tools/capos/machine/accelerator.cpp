// SPDX-License-Identifier: Apache-2.0
#include "accelerator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../support/process.hpp"

namespace capos::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kProbeFine = 0x2a << 1 | 1;  // isa-debug-exit status of the value the guest writes
constexpr int kProbeWrong = 0x01 << 1 | 1;

std::vector<std::string> probe_command(const std::filesystem::path& guest, Accelerator accelerator) {
  const bool kvm = accelerator == Accelerator::kvm;
  return {"qemu-system-x86_64",
          "-nodefaults",
          "-no-user-config",
          "-display",
          "none",
          "-no-reboot",
          "-machine",
          "microvm,pit=off,rtc=off,isa-serial=off",
          "-m",
          "32",
          "-smp",
          "1",
          "-accel",
          kvm ? "kvm" : "tcg",
          "-cpu",
          kvm ? "host,-arch-capabilities" : "max",
          "-kernel",
          guest.string(),
          "-device",
          "isa-debug-exit,iobase=0xf4,iosize=0x04"};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

KvmProbe judge(const Captured& run, std::chrono::milliseconds took) {
  if (run.timed_out) {
    return {
        KvmState::unusable,
        fmt::format("4 million instructions and a system call did not end within {} s", kProbeLimit.count())};
  }
  if (run.state.exited(kProbeFine))
    return {KvmState::usable, fmt::format("probe guest: {} ms", took.count())};
  if (run.state.exited(kProbeWrong)) return {KvmState::unusable, "a system call lost a register"};
  if (run.state.exited(0))
    return {KvmState::unusable, "the probe guest died of a fault that no processor raises"};
  const std::string said = first_line(run.err);
  return {KvmState::unusable, said.empty() ? fmt::format("QEMU ended with status {}, signal {}",
                                                         run.state.status, run.state.signal)
                                           : said};
}

}  // namespace

std::string KvmProbe::text() const {
  switch (state) {
    case KvmState::absent:
      return "KVM: absent";
    case KvmState::unusable:
      return "KVM: unusable: " + reason;
    case KvmState::usable:
      return "KVM: usable (" + reason + ")";
  }
  return {};
}

KvmProbe probe_guest(const std::filesystem::path& guest, Accelerator accelerator) {
  const auto start = Clock::now();
  const auto run = capture(probe_command(guest, accelerator), kProbeLimit);
  if (!run) return {KvmState::unusable, run.error().cause};
  return judge(*run, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start));
}

KvmProbe probe_kvm(const Paths& paths) {
  struct stat status {};
  if (stat("/dev/kvm", &status) != 0) return {KvmState::absent, ""};
  const int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (device < 0) return {KvmState::unusable, std::string("/dev/kvm: ") + std::strerror(errno)};
  close(device);
  return probe_guest(paths.build / "tools" / "capos" / "kvm_probe", Accelerator::kvm);
}

const char* name_of(Accelerator accelerator) noexcept {
  switch (accelerator) {
    case Accelerator::tcg: return "tcg";
    case Accelerator::kvm: return "kvm";
    case Accelerator::tcg_real_time: return "tcg-real-time";
  }
  return "?";
}

AcceleratorChoice choose_accelerator(const Paths& paths, const std::string& wanted) {
  if (wanted == "kvm") return {Accelerator::kvm, "KVM: not probed, told to by --accel kvm"};
  if (wanted == name_of(Accelerator::tcg_real_time)) {
    return {Accelerator::tcg_real_time, "KVM: not probed, --accel tcg-real-time asks for emulation on the host's clock"};
  }
  if (wanted == "tcg") {
    return {Accelerator::tcg,
            "KVM: not probed, --accel tcg asks for the deterministic machine (instruction counting)"};
  }
  const KvmProbe probe = probe_kvm(paths);
  if (probe.state == KvmState::usable) return {Accelerator::kvm, probe.text() + ": taking it"};
  return {Accelerator::tcg,
          probe.text() + "; taking the deterministic machine (QEMU TCG, instruction counting)"};
}

}  // namespace capos::cli
