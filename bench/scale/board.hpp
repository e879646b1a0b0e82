// SPDX-License-Identifier: Apache-2.0
// The memory that all tasks of the bench write, and who computes below them reads. All run on one CPU: what one of them is
// interrupted in is finished before the reader goes on.
#pragma once

#include <cstdint>

namespace scale_bench {

inline constexpr std::uint32_t kTasks = 100, kTasksOfAProcess = 50;
inline constexpr std::uint64_t kBoardPages = 64;
inline constexpr std::uint64_t kMostWakeups = 50'000;
// A release so many ticks after the last job's end finds nothing of that one under way.
inline constexpr std::uint64_t kQuiet = 2'000;

struct Board {
  std::uint64_t threads;  // that came to their first wait
  std::uint64_t jobs;
  std::uint64_t last_end;   // stamp: a task's last instruction but those of its wait
  std::uint64_t last_user;  // ticks of that job in the task
  std::uint64_t wakeups;    // how many of these
  std::uint32_t wakeup[kMostWakeups];  // ticks from the release to the first instruction
};
static_assert(sizeof(Board) <= kBoardPages * 4096);

}  // namespace scale_bench
