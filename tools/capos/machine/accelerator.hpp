// SPDX-License-Identifier: Apache-2.0
// Which accelerator QEMU gets: decided by a guest that must run, not by /dev/kvm being there.
#pragma once

#include <chrono>
#include <string>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

enum class Accelerator {
  tcg,            // the deterministic machine: instructions are counted, runs repeat to the digit
  kvm,            // on the host's clock
  tcg_real_time,  // the same without KVM: the CPUs run at a time, emulated; nothing repeats, and no figure is one of hardware
};
[[nodiscard]] constexpr bool is_deterministic(Accelerator accelerator) noexcept { return accelerator == Accelerator::tcg; }
// As options and reports name it.
[[nodiscard]] const char* name_of(Accelerator accelerator) noexcept;
enum class KvmState { absent, unusable, usable };

struct KvmProbe {
  KvmState state = KvmState::absent;
  std::string reason;  // why it is unusable, or how long the guest took
  // "KVM: absent", "KVM: unusable: ...", "KVM: usable (...)".
  [[nodiscard]] std::string text() const;
};

inline constexpr std::chrono::seconds kProbeLimit{3};

// Boots the probe guest (probe/kvm_probe.S) under `accelerator`. Takes at most kProbeLimit and a second.
[[nodiscard]] KvmProbe probe_guest(const std::filesystem::path& guest, Accelerator accelerator);
// The same for KVM on this machine, with what stands before it: /dev/kvm there and open to us.
[[nodiscard]] KvmProbe probe_kvm(const Paths& paths);

struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::tcg;
  std::string reason;  // one line: the probe's result, and what was chosen
};

// `wanted`: "auto", or a name; those are taken as told, without a probe.
[[nodiscard]] AcceleratorChoice choose_accelerator(const Paths& paths, const std::string& wanted);

}  // namespace capos::cli
