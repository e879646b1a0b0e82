// SPDX-License-Identifier: Apache-2.0
// Which desk keeps which CPU free of best effort, and where best effort may be started otherwise.
//
// Invariants: CPU 0 is kept by nobody and always in the placement; a CPU is kept by one desk at most. No locks, no clock: the
// service's threads take turns. Bounds: O(1), but placement(): O(CPUs).
#pragma once

#include <array>
#include <cstdint>

#include "capos/base/strong.hpp"
#include "capos/schema/policy.hpp"

namespace capos::policy {

inline constexpr std::uint16_t kNoDesk = 0xffff;

class CpuBook {
 public:
  CpuBook() noexcept { keepers_.fill(kNoDesk); }

  // Bit c: best effort may be started on CPU c.
  [[nodiscard]] std::uint32_t placement() const noexcept {
    std::uint32_t cpus = wanted_;
    for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
      if (keepers_[cpu] != kNoDesk) cpus &= ~(std::uint32_t{1} << cpu);
    }
    return cpus;
  }
  // Where it may be, but for CPUs that are kept. outOfRange without CPU 0; then nothing has changed.
  [[nodiscard]] schema::PolicyOutcome want(std::uint32_t cpus) noexcept {
    if ((cpus & 1) == 0) return schema::PolicyOutcome::out_of_range;
    wanted_ = cpus;
    return schema::PolicyOutcome::done;
  }
  [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_; }

  // The desk that keeps it; kNoDesk: none.
  [[nodiscard]] std::uint16_t keeper(std::uint16_t cpu) const noexcept { return cpu < kMaxCpus ? keepers_[cpu] : kNoDesk; }
  // `desk` may keep it, if nobody else does. notAllowed for CPU 0 and CPUs that no machine has; taken.
  [[nodiscard]] schema::PolicyOutcome keep(std::uint16_t cpu, std::uint16_t desk) noexcept {
    if (cpu == 0 || cpu >= kMaxCpus) return schema::PolicyOutcome::not_allowed;
    if (keepers_[cpu] != kNoDesk && keepers_[cpu] != desk) return schema::PolicyOutcome::taken;
    keepers_[cpu] = desk;
    return schema::PolicyOutcome::done;
  }
  // taken if another desk keeps it.
  [[nodiscard]] schema::PolicyOutcome give_back(std::uint16_t cpu, std::uint16_t desk) noexcept {
    if (cpu >= kMaxCpus) return schema::PolicyOutcome::not_allowed;
    if (keepers_[cpu] != kNoDesk && keepers_[cpu] != desk) return schema::PolicyOutcome::taken;
    keepers_[cpu] = kNoDesk;
    return schema::PolicyOutcome::done;
  }

 private:
  std::array<std::uint16_t, kMaxCpus> keepers_{};
  std::uint32_t wanted_ = ~std::uint32_t{0};
};

}  // namespace capos::policy
