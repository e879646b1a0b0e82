// SPDX-License-Identifier: Apache-2.0
// How old the data was that went through a chain of tasks, from the stamps of their jobs.
#pragma once

#include <vector>

#include "capos/report/result.hpp"

namespace capos::report {

// `jobs[i]`: the finished jobs of the chain's i-th task, in order of their finish. A job works on the newest
// output that was complete when it started; its age is counted from the release of the first task's job to
// the finish of the last's. A job may have read later than at its start, so what is returned is never less
// than what happened. Cost: O(n log n) per hop.
[[nodiscard]] std::optional<Summary> chain_latency(const std::vector<const std::vector<Job>*>& jobs);

}  // namespace capos::report
