// SPDX-License-Identifier: Apache-2.0
// What happened and why, in order: boot, islands, misses, spent budgets, faults, drive changes, pushes,
// losses.
#pragma once

#include <vector>

#include "capos/report/result.hpp"
#include "names.hpp"

namespace capos::report {

// Fills result.timeline. What repeats within 50 ms (a task that overruns in every period) becomes one item
// with a count; beyond kMaxTimeline items the least severe are left out and counted. `events` are in time
// order.
void make_timeline(const std::vector<Event>& events, const Names& names, Result& result);

}  // namespace capos::report
