// SPDX-License-Identifier: Apache-2.0
// A discrete-event simulation of preemptive scheduling on one CPU, by fixed priorities or by the earliest deadline. It
// knows nothing of sched/: plain integers, its own queues, so that what it observes can contradict the analysis.
#pragma once

#include <cstdint>
#include <vector>

namespace capos::sched::test {

// Part of each job's execution, by time already executed, that runs at a raised priority.
struct SimSection {
  std::int64_t from = 0;
  std::int64_t length = 0;  // 0: none
  int priority = 0;
  std::int64_t floor = 0;  // EDF: the job is due at most this long after it enters
};

struct SimTask {
  int priority = 0;
  std::int64_t execution = 0;
  std::int64_t deadline = 0;          // EDF: from the scheduled release
  std::int64_t period_numerator = 0;  // period = numerator / denominator ns
  std::int64_t period_denominator = 1;
  std::int64_t offset = 0;
  std::vector<std::int64_t> jitter;  // of job k: jitter[k % size]; empty = none
  SimSection server;                 // inside a server, at its ceiling
  SimSection kernel;                 // interrupts off
};

struct SimJob {
  std::int64_t release = 0;  // scheduled
  std::int64_t start = 0;
  std::int64_t finish = 0;
};

enum class SimPolicy { fixed_priority, edf };

// Device interrupts at `offset`, and every `gap` from then on.
struct SimInterrupt {
  std::int64_t gap = 0;  // 0: none
  std::int64_t offset = 0;
  std::int64_t cost = 0;
};

struct SimCosts {
  std::int64_t release = 0;         // runs above everything when a job arrives
  std::int64_t context_switch = 0;  // added to each job
  SimPolicy policy = SimPolicy::fixed_priority;
  SimInterrupt interrupt{};
};

// The finished jobs of each task, in order, of all that are released before `horizon`.
[[nodiscard]] std::vector<std::vector<SimJob>> simulate(const std::vector<SimTask>& tasks,
                                                        const SimCosts& costs, std::int64_t horizon);

[[nodiscard]] std::int64_t worst_response(const std::vector<SimJob>& jobs);

}  // namespace capos::sched::test
