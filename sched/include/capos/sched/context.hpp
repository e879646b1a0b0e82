// SPDX-License-Identifier: Apache-2.0
// A scheduling context: the right to a budget of processor time in each period, at a priority, on one CPU.
//
// A context is in exactly one state: blocked (in no queue), ready (in its CPU's ready queue, budget usable;
// the running one included), or waiting for a release or a refill (in its CPU's release queue), or for a job's input.
//
// Under EDF contexts are in the order of their deadlines, and no priority counts. The deadline is that of the budget: when it
// became usable, and the relative deadline from there (the job's own deadline, unless the job suspended itself or took more
// than its budget). So a task that does not keep to what was admitted is never more urgent than admission reckons with
// (T. Ghazalie, T. Baker 1995; L. Abeni, G. Buttazzo 1998). A call to a server lowers it to that server's floor (edf_queue.hpp).
// Which thread runs on it is the owner's business and may change at any time (donation).
// Bounds: no operation allocates; each is O(kMaxRefills).
#pragma once

#include <cstdint>

#include "capos/base/list.hpp"
#include "capos/base/result.hpp"
#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/sched/job.hpp"
#include "capos/sched/refill_list.hpp"
#include "capos/sched/timed_queue.hpp"

namespace capos::sched {

inline constexpr Duration kMinPeriod = Duration::us(10);
inline constexpr Duration kMaxPeriod = Duration::s(3600);

struct ContextParameters {
  Duration budget;    // per period; kMinBudget to period
  Period period;      // exact; kMinPeriod to kMaxPeriod
  Duration deadline;  // relative to the release; budget to period, or to kMaxPeriod if on_miss is run_late
  Priority priority;  // 255 is the most urgent; under EDF only whether it is demoted is told by it
  CpuId cpu;
  IslandId island;
  Consequence on_miss = Consequence::run_late;  // see job.hpp; carried out by the caller
  Consequence on_overrun = Consequence::hold;
  bool edf = false;        // ordered by deadlines; all contexts of a CPU, or none
  bool triggered = false;  // jobs begin with their input (job.hpp); then the deadline is at most the period
  Duration jitter{};       // triggered: how long after its release an input may come, as admission reckons; 0 to kMaxPeriod
};

enum class ContextError : std::uint8_t {
  period_out_of_range = 1,
  budget_below_minimum,
  budget_exceeds_period,
  deadline_below_budget,
  deadline_exceeds_period,
  cpu_out_of_range,
  jitter_out_of_range,
};

// The rules above, each checked; the same that admission applies. O(1).
[[nodiscard]] ResultOf<void, ContextError> check(const ContextParameters& parameters) noexcept;

enum class ContextState : std::uint8_t {
  blocked,           // in no queue
  ready,             // in the ready queue; the head refill is usable
  awaiting_release,  // in the release queue until the next job's release
  awaiting_refill,   // in the release queue until the head refill is usable
  awaiting_input,    // triggered, in no queue: until the next job's input comes; its deadline is watched
};

struct ReadyTag;
class Context;

// A context's place in the queue of deadlines; queued while a job is in progress and not yet late, or waits for its input.
class DeadlineNode : public TimedNode {
 public:
  explicit DeadlineNode(Context& context) noexcept : context_(&context) {}
  [[nodiscard]] Context& context() const noexcept { return *context_; }

 private:
  Context* context_;
};

class Context : public ListHook<ReadyTag>, public TimedNode {
 public:
  Context() noexcept : deadline_(*this) {}

  // Sets the parameters and a full budget usable from `now` on. Only while blocked.
  // Errors: those of check(); then nothing is changed.
  [[nodiscard]] ResultOf<void, ContextError> configure(const ContextParameters& parameters,
                                                       Time now) noexcept;

  [[nodiscard]] const ContextParameters& parameters() const noexcept { return parameters_; }
  // Under EDF both are 0, and stay so.
  [[nodiscard]] Priority priority() const noexcept { return priority_; }  // effective: a ceiling may raise it
  [[nodiscard]] Priority base_priority() const noexcept { return base_priority_; }  // lower than declared while demoted
  [[nodiscard]] bool edf() const noexcept { return parameters_.edf; }
  // EDF: the floor that it works at, Time::never() if none; and its place in the order of deadlines, Time::never() while
  // demoted. Meaningful while it has usable budget.
  [[nodiscard]] Time floor() const noexcept { return floor_; }
  [[nodiscard]] Time due() const noexcept {
    if (demoted_) return floor_;
    const Time own = (full_budget() ? activated_ : refills_.head().time) + parameters_.deadline;
    return own < floor_ ? own : floor_;
  }
  [[nodiscard]] CpuId cpu() const noexcept { return parameters_.cpu; }
  [[nodiscard]] ContextState state() const noexcept { return state_; }
  // In wait_next_release(), or suspended, with no release scheduled.
  [[nodiscard]] bool awaits_start() const noexcept { return awaits_start_; }
  [[nodiscard]] const JobTracker& jobs() const noexcept { return jobs_; }
  [[nodiscard]] const RefillList& refills() const noexcept { return refills_; }

  // A budget as long as the period is never spent: no refills are kept and no timer is needed.
  [[nodiscard]] bool full_budget() const noexcept { return parameters_.budget >= refill_period_; }
  [[nodiscard]] bool head_ready(Time now) const noexcept { return full_budget() || refills_.usable(now); }
  // What may be consumed at `now`; endpoints compare it with the least budget that a call must bring.
  [[nodiscard]] Duration remaining(Time now) const noexcept;
  // When an uninterrupted run from `now` on spends the budget; Time::never() for a full budget.
  [[nodiscard]] Time budget_end(Time now) const noexcept {
    return full_budget() ? Time::never() : now + refills_.run_length(now);
  }
  // Running from `now` on, it does not spend its budget before `until` nor then. False if that is not certain without looking
  // further. Precondition: head_ready(now).
  [[nodiscard]] bool surely_runs_past(Time until, Time now) const noexcept { return until < now + refills_.head().amount; }
  [[nodiscard]] Duration total_consumed() const noexcept { return total_consumed_; }

  // The kernel's thread or object; never touched here.
  void* owner = nullptr;
  // Its number in telemetry; stands in the records of the jobs that it delayed.
  std::uint32_t source = kNoSource;

 private:
  friend class CpuScheduler;
  friend class ReadyQueue;
  void charge(Duration consumed) noexcept;
  void retune(const ContextParameters& parameters, bool keep_priority, Time now) noexcept;
  // True if its head refill is usable then.
  bool activate(Time at) noexcept {
    if (!full_budget()) return refills_.activate(at);
    activated_ = at;
    return true;
  }

  ContextParameters parameters_{};
  Duration refill_period_{};  // the period in whole ns, rounded down: a refill is never after its release
  RefillList refills_;
  JobTracker jobs_;
  DeadlineNode deadline_;
  Duration total_consumed_{};
  Time floor_ = Time::never();
  Time activated_{};  // the last time, of a full budget
  Priority priority_{};
  Priority base_priority_{};
  bool demoted_ = false;  // EDF
  ContextState state_ = ContextState::blocked;
  bool awaits_start_ = false;  // in wait_next_release, but no release is scheduled: see arm_jobs, resume_jobs
};

}  // namespace capos::sched
