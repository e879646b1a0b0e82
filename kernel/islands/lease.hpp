// SPDX-License-Identifier: Apache-2.0
// Which CPUs are leased to islands, and who may use them.
//
// A CPU that is leased without slack has no best-effort threads but those of passive servers. What may live anywhere is moved
// away first (process/moving.hpp); a lease that finds others is refused, and names one. Enlisting and leasing hold one
// lock; admitted jobs do neither. Leases change on CPU 0 only.
#pragma once

#include <array>
#include <cstdint>

#include "capos/base/result.hpp"
#include "capos/base/strong.hpp"

namespace capos::kernel {

class Process;

// Bit c: CPU c runs.
[[nodiscard]] std::uint32_t running_cpus() noexcept;
// Bit c: CPU c is leased.
[[nodiscard]] std::uint32_t leased_cpus() noexcept;

// Who is in the way of a lease: the process with best-effort threads on that CPU that came first.
struct Occupant {
  CpuId cpu{};
  std::array<char, 32> name{};  // ends with 0
};
// Leases the CPUs, those that other islands lease already among them; best effort below the islands only if `slack`. All of
// them or, with an error, none anew. O(CPUs).
[[nodiscard]] ResultOf<void, Occupant> lease_cpus(std::uint32_t cpus, bool slack) noexcept;
// Back to housekeeping; nobody leases them any more.
void release_cpus(std::uint32_t cpus) noexcept;
// Those of them that no island that stands leases.
void release_unused_cpus(std::uint32_t cpus) noexcept;

// May a thread without a context be started there? A passive server may anywhere: it only runs up to its first wait.
[[nodiscard]] bool best_effort_allowed(CpuId cpu, bool passive) noexcept;
// The process is about to have a best-effort thread on its CPU, and counts as having some until it ends. False if the CPU
// is leased without slack, or does not run. Any CPU; O(1).
[[nodiscard]] bool enlist_best_effort(Process& process) noexcept;
// It has ended. No effect if it is not enlisted.
void delist_best_effort(Process& process) noexcept;

// For moves. How many are enlisted on the CPU; any CPU; O(1).
[[nodiscard]] std::uint32_t enlisted_on(CpuId cpu) noexcept;
// The next of them, in turn: so many looks at it as there are see each once. The caller gives the reference back. nullptr: none. O(1).
[[nodiscard]] Process* next_enlisted_on(CpuId cpu) noexcept;
// From the CPU where it lives, the caller's, to another. False, and no effect, if that is leased; `slack`: without slack. O(1).
[[nodiscard]] bool relist(Process& process, CpuId to, bool slack) noexcept;
// CPUs that are to be leased: least_busy_cpu() chooses others, and nothing moves there. CPU 0 only, the question from any.
void set_vacating(std::uint32_t cpus) noexcept;
void end_vacating(std::uint32_t cpus) noexcept;
[[nodiscard]] bool is_vacating(CpuId cpu) noexcept;

// Bit c: best-effort processes may be started on CPU c (PlacementControl); all at first. Any CPU.
[[nodiscard]] std::uint32_t placement() noexcept;
void set_placement(std::uint32_t cpus) noexcept;
[[nodiscard]] inline bool may_be_placed(CpuId cpu) noexcept { return (placement() >> cpu.value() & 1) != 0; }

// ProcessSpawner.spawn's `cpu` for least_busy_cpu().
inline constexpr CpuId kAnyCpu{0xffff};
// Of the housekeeping CPUs of the placement, or, if there is none, of those leased with slack, the first with the fewest best-effort processes.
// Others may be placed meanwhile: a good choice, not the best. O(CPUs).
[[nodiscard]] CpuId least_busy_cpu() noexcept;

}  // namespace capos::kernel
