// SPDX-License-Identifier: Apache-2.0
// In real time a guest is no better than its host: the CPU to pin both guests to, and cyclictest's figures there.
#pragma once

#include <cstdint>
#include <optional>

#include "../latency/cyclictest.hpp"

namespace capos::cli {

// The last of the CPUs that this process may use. Errors: the kernel does not say.
[[nodiscard]] std::optional<int> measuring_cpu();

// Runs cyclictest on that CPU of the host. Errors: it may not use realtime priorities; its result cannot be read.
[[nodiscard]] Outcome<CyclictestResult> measure_host(int cpu, std::uint64_t samples, std::uint64_t period_us);

}  // namespace capos::cli
