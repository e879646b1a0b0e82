// SPDX-License-Identifier: Apache-2.0
#include "machine.hpp"

#include <fmt/format.h>

#include "../support/process.hpp"

namespace capos::cli {
namespace {

using Words = std::vector<std::string>;

void append(Words& words, std::initializer_list<std::string> more) { words.insert(words.end(), more); }

// Instruction counting with one instruction a nanosecond; sleep=off lets idle time pass at once. The clock
// and the random seed are fixed, because a run must repeat to the digit.
void add_processor(Words& words, const MachineSpec& spec) {
  if (spec.accelerator == Accelerator::kvm) {
    // Without arch-capabilities: a KVM that emulates the MSR badly aborts QEMU, and nothing here reads it.
    append(words, {"-accel", "kvm", "-cpu", "host,-arch-capabilities"});
  } else if (spec.accelerator == Accelerator::tcg_real_time) {
    append(words, {"-accel", "tcg,thread=multi", "-cpu", "max,+rdtscp"});
  } else {
    append(words, {"-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max,+rdtscp", "-rtc",
                   "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"});
  }
  // Of CPUs that are simulated in turn every second one rests: kernel/core/turns.hpp.
  const unsigned vcpus = is_deterministic(spec.accelerator) ? 2 * spec.cpus - 1 : spec.cpus;
  append(words, {"-smp", fmt::format("{}", vcpus), "-m", fmt::format("{}M", spec.memory_bytes >> 20)});
}

void add_channel(Words& words, const MachineSpec& spec) {
  if (spec.channel.empty() || spec.microvm) return;
  append(words, {"-object",
                 fmt::format("memory-backend-file,id=channel,share=on,mem-path={},size={}",
                             spec.channel.string(), spec.channel_bytes),
                 "-device", "ivshmem-plain,memdev=channel"});
}

}  // namespace

Words qemu_command(const MachineSpec& spec) {
  Words words;
  if (spec.host_cpu >= 0) append(words, {"taskset", "-c", fmt::format("{}", spec.host_cpu)});
  append(words, {"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"});
  const std::string machine = spec.microvm ? "microvm" : "q35";
  append(words, {"-machine", spec.visible_memory ? machine + ",memory-backend=memory" : machine});
  add_processor(words, spec);
  if (spec.visible_memory) {
    append(words, {"-object", fmt::format("{},id=memory,share=on,size={}M", kMemoryBackend, spec.memory_bytes >> 20)});
  }
  append(words, {"-kernel", spec.kernel.string(), "-initrd", spec.pack.string()});
  if (!spec.arguments.empty()) append(words, {"-append", spec.arguments});
  append(words, {"-serial", "file:" + spec.console.string()});
  if (spec.second_serial) append(words, {"-serial", "null"});
  append(words, {"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"});
  add_channel(words, spec);
  if (spec.educational_device && !spec.microvm) append(words, {"-device", "edu"});
  if (!spec.gdb.empty()) append(words, {"-gdb", spec.gdb});
  if (!spec.plugin.empty()) append(words, {"-plugin", spec.plugin});
  if (spec.stopped) words.emplace_back("-S");
  return words;
}

std::string describe(const MachineSpec& spec) {
  return fmt::format("QEMU {}, {} CPU{}, {} MiB, {}", spec.microvm ? "microvm" : "q35", spec.cpus,
                     spec.cpus == 1 ? "" : "s", spec.memory_bytes >> 20,
                     spec.accelerator == Accelerator::kvm ? "KVM" : is_deterministic(spec.accelerator) ? "TCG with instruction counting" : "TCG in real time");
}

std::string qemu_version() {
  const auto run = capture({"qemu-system-x86_64", "--version"}, std::chrono::seconds(10));
  return run && run->state.exited(0) ? run->out.substr(0, run->out.find('\n')) : "";
}

}  // namespace capos::cli
