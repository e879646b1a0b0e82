// SPDX-License-Identifier: Apache-2.0
// What all desks share: the CPUs, behind a lock, and the kernel's authority over them.
//
// All methods may be called by any thread of the program; each takes at most so many calls of the kernel as it says.
#pragma once

#include "capos/policy/cpu_book.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/sync.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::policy {

class Office {
 public:
  using Outcome = schema::PolicyOutcome;
  explicit Office(const runtime::Runtime& runtime) noexcept
      : parking_(runtime),
        placement_(runtime.find<schema::PlacementControl>("placement")),
        standing_(runtime.find<schema::IslandReader>("standing")) {}

  // Two calls; refused without a PlacementControl.
  [[nodiscard]] Outcome place(std::uint32_t cpus, std::uint32_t& now) noexcept;
  // Up to three calls.
  [[nodiscard]] Outcome lease(std::uint16_t cpu, std::uint16_t desk) noexcept;
  // One call.
  [[nodiscard]] Outcome give_back(std::uint16_t cpu, std::uint16_t desk) noexcept;
  // Two calls, and one for each island that stands, by message.
  [[nodiscard]] schema::Policy::Cpu::Results::Value describe(std::uint16_t cpu) noexcept;

 private:
  [[nodiscard]] Outcome publish() noexcept;
  // Which island of the manifest leases the CPU; false: none, or the service may not look.
  [[nodiscard]] bool find_island(std::uint16_t cpu, std::uint16_t& island) noexcept;

  runtime::Parking parking_;
  runtime::Mutex mutex_;
  runtime::Capability<schema::PlacementControl> placement_;
  runtime::Capability<schema::IslandReader> standing_;
  CpuBook book_;
};

}  // namespace capos::policy
