// SPDX-License-Identifier: Apache-2.0
// Which CPUs are leased to islands, and who may use them.
//
// One lock-free word of CPUs; changed by admission and retirement on housekeeping CPUs only.
#pragma once

#include <cstdint>

#include "capos/base/strong.hpp"

namespace capos::kernel {

// Bit c: CPU c runs.
[[nodiscard]] std::uint32_t running_cpus() noexcept;
// Bit c: CPU c is leased.
[[nodiscard]] std::uint32_t leased_cpus() noexcept;
// Marks the CPUs as leased; best effort below the island only if `slack`.
void lease_cpus(std::uint32_t cpus, bool slack) noexcept;
void release_cpus(std::uint32_t cpus) noexcept;

// May a thread without a context be started there? A passive server may anywhere: it only runs up to its first wait.
[[nodiscard]] bool best_effort_allowed(CpuId cpu, bool passive) noexcept;

// ProcessSpawner.spawn's `cpu` for least_busy_cpu().
inline constexpr CpuId kAnyCpu{0xffff};
// Of the housekeeping CPUs, or, if there is none, of those leased with slack, the first with the fewest best-effort processes.
// Others may be placed meanwhile: a good choice, not the best. O(CPUs).
[[nodiscard]] CpuId least_busy_cpu() noexcept;

}  // namespace capos::kernel
