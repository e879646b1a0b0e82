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
  std::int64_t floor = 0;     // EDF: the job is due at most this long after it enters
  int server = -1;            // that it calls
  std::uint32_t held = 0;     // bit s: server s, that one and those that it calls in turn
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
  // The call of job k, at the end of its execution, is not done then: overruns[k % size]; empty = none. The server goes on with its recovery.
  std::vector<bool> overruns;
  // The recovery of that server: no jobs, but `execution` at most once in a period, each part of it from when it was used on.
  int recovers = -1;
  std::vector<std::int64_t> work;  // what the server has left at its n-th recovery: work[n % size]
};

struct SimOutcome {
  std::uint64_t recoveries = 0;   // calls that a recovery finished
  std::uint64_t waited = 0;       // of those, with a budget that was spent meanwhile
  std::uint64_t found_busy = 0;   // calls of a server that somebody was in: given up, and the job with it
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
  bool spends_recoveries = false;  // calls overrun beyond what their server's recovery has
};

// The finished jobs of each task, in order, of all that are released before `horizon`.
[[nodiscard]] std::vector<std::vector<SimJob>> simulate(const std::vector<SimTask>& tasks, const SimCosts& costs,
                                                        std::int64_t horizon, SimOutcome* outcome = nullptr);

[[nodiscard]] std::int64_t worst_response(const std::vector<SimJob>& jobs);

}  // namespace capos::sched::test
