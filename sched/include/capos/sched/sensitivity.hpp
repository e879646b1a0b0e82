// SPDX-License-Identifier: Apache-2.0
// How far an admitted island is from being refused: each budget's room to grow, each period's and deadline's to shrink,
// all budgets together. Each is found by bisection over analyse() itself, everything else left as it is: it fits with
// the value found, and does not with one step more.
//
// E. Bini, M. Di Natale, G. Buttazzo, "Sensitivity analysis for fixed-priority real-time systems" (2008), says what
// these figures are good for. One figure at a time: two changes that fit alone need not fit together.
#pragma once

#include <cstdint>
#include <span>

#include "capos/base/time.hpp"
#include "capos/sched/analysis.hpp"

namespace capos::sched {

struct TaskMargins {
  Duration budget;    // at most; to the ns
  Duration period;    // at least; to the ns below 4 s, to the us above. An implicit deadline follows it
  Duration deadline;  // at least; to the ns
};

// Everything that scales: all budgets times this much, in millionths, fit.
struct IslandMargins {
  std::uint64_t all_budgets_ppm = 0;
};

// Fills `out`, as long as the tasks, in their order. The model must be admitted and is left as analyse() left it. The
// calls of a task grow with nothing: they are part of its budget, which is therefore never below the longest.
// Cost: at most 45 analyses per figure.
void find_margins(IslandModel& model, std::span<TaskMargins> out) noexcept;
// The same for all budgets together, calls included. `scratch` is as long as the tasks.
[[nodiscard]] IslandMargins find_island_margins(IslandModel& model, std::span<Duration> scratch) noexcept;

}  // namespace capos::sched
