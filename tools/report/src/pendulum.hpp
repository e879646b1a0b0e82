// SPDX-License-Identifier: Apache-2.0
// The pendulum as the plant reported it: did it stay up, and what did the drive do?
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "capos/report/result.hpp"

namespace capos::report {

// `events` in time order. Absent if the inputs describe none.
[[nodiscard]] std::optional<PendulumResult> follow_pendulum(const std::vector<Event>& events,
                                                            const RunInputs& inputs, std::uint64_t start_ns);

}  // namespace capos::report
