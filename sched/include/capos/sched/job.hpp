// SPDX-License-Identifier: Apache-2.0
// A periodic job and the machine of its states: unarmed -> waiting -> released -> running -> (overrun) -> ...
//
// Job k is released at exactly first + floor(k * period) and is due at its release + the relative deadline.
// A job that ends after later releases have passed is followed, under run_late, by the next one at once with
// its own scheduled release; under every other policy by the first release still to come.
// Bounds: every operation O(1), no allocation.
#pragma once

#include <cstdint>

#include "capos/base/time.hpp"

namespace capos::sched {

// What a missed deadline entails. Here it only decides about releases that have passed (see above); the
// other consequences are the supervisor's.
enum class MissPolicy : std::uint8_t { skip = 0, run_late, hold, fall_back, safe_stop };

enum class JobState : std::uint8_t {
  unarmed,   // no release is scheduled: not a periodic context, or its island has not started
  waiting,   // for its release
  released,  // not yet dispatched
  running,   // dispatched at least once
  overrun,   // its budget is spent and it has not ended; it goes on with the next refill
};

enum JobFlags : std::uint32_t {
  kJobNoFlags = 0,
  kJobDeadlineMissed = 1u << 0,   // finish > deadline
  kJobReleasedLate = 1u << 1,     // the previous job ended after this one's release
  kJobBudgetSpent = 1u << 2,      // the budget was spent before the end
  kJobPreempted = 1u << 3,        // another context ran between first run and end
  kJobAwaitedRefill = 1u << 4,    // at its release the budget was not back yet
  kJobSkippedReleases = 1u << 5,  // releases were skipped between the previous job and this one
};

struct Job {
  std::uint64_t index = 0;  // k: counts releases, the skipped ones included
  Time previous_release{};  // of the job before; equals release for the first
  Time release{};           // scheduled, exact
  Time deadline{};          // release + relative deadline
  Time observed_release{};  // when the scheduler saw it; - release = timer latency
  Time first_run{};         // Time::never() until dispatched
  Time finish{};            // Time::never() until ended
  Duration consumed{};      // processor time charged to it
  std::uint32_t preemptions = 0;
  std::uint32_t skipped = 0;  // releases skipped just before it (saturating)
  std::uint32_t flags = kJobNoFlags;
};

struct JobTotals {
  std::uint64_t released = 0;
  std::uint64_t finished = 0;
  std::uint64_t missed = 0;    // finished after the deadline
  std::uint64_t overruns = 0;  // jobs whose budget was spent
  std::uint64_t skipped = 0;   // releases never run
};

class JobTracker {
 public:
  // Range: deadline > 0, period not zero.
  void configure(Period period, Duration deadline, MissPolicy policy) noexcept;
  // Schedules job 0 at `first` and forgets any job in progress.
  void arm(Time first) noexcept;
  void disarm() noexcept;

  [[nodiscard]] JobState state() const noexcept { return state_; }
  [[nodiscard]] bool armed() const noexcept { return armed_; }
  [[nodiscard]] bool in_progress() const noexcept { return state_ >= JobState::released; }
  [[nodiscard]] Time next_release() const noexcept { return clock_.next(); }  // meaningful while armed
  [[nodiscard]] const Job& current() const noexcept { return job_; }
  [[nodiscard]] const Job& last_finished() const noexcept { return finished_; }
  [[nodiscard]] const JobTotals& totals() const noexcept { return totals_; }

  // waiting -> released: the next scheduled release becomes the current job. Precondition: armed, state
  // waiting.
  void release(Time now, bool late) noexcept;
  void dispatched(Time now) noexcept;
  void preempted() noexcept;
  void charged(Duration consumed) noexcept;
  void awaits_refill() noexcept;
  // -> overrun. True the first time in this job.
  bool budget_spent() noexcept;
  // Ends the job in progress, if there is one -> waiting (armed) or unarmed. True if a job ended.
  bool finish(Time now) noexcept;
  // After finish: drops the releases that have passed, if the policy says so; O(1) however many they are.
  void settle_backlog(Time now) noexcept;

 private:
  ReleaseClock clock_{};
  Period period_{};
  Duration deadline_{};
  std::uint64_t next_index_ = 0;
  std::uint32_t skipped_ = 0;
  Time previous_release_{};
  MissPolicy policy_ = MissPolicy::skip;
  JobState state_ = JobState::unarmed;
  bool armed_ = false;
  Job job_{};
  Job finished_{};
  JobTotals totals_{};
};

}  // namespace capos::sched
