// SPDX-License-Identifier: Apache-2.0
// Judges how an injected fault was contained: budget, neighbours, and the actuator's way to its safe state.
#pragma once

#include <vector>

#include "capos/report/result.hpp"

namespace capos::report {

// `result.islands` and `result.pendulum` are complete; `events` are in time order. The fault's onset is the
// faulty service's `fault` event (crash) or its task's first spent budget (hang). Absent if no fault was
// asked for.
[[nodiscard]] std::optional<FaultResult> judge_fault(const std::vector<Event>& events, const Result& result);

}  // namespace capos::report
