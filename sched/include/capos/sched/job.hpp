// SPDX-License-Identifier: Apache-2.0
// A periodic job and the machine of its states: unarmed -> waiting -> released -> running -> (overrun) -> ...
//
// Job k is released at exactly first + floor(k * period) and is due at its release + the relative deadline, which may lie
// beyond later releases: jobs run one after another, in order.
// A job that ends after later releases have passed is followed, under run_late, by the next one at once with
// its own scheduled release; under every other policy by the first release still to come.
//
// A triggered job waits for its input instead, the end of job k of its predecessor; release and deadline stay those of the
// grid. It begins with its input, or when the one before it ends; a job that has no input when its deadline passes is
// dropped: it is missed, and not run.
// Bounds: every operation O(1), no allocation.
#pragma once

#include <cstdint>

#include "capos/base/time.hpp"

namespace capos::sched {

// What a missed deadline or a spent budget entails (manifest.capnp's Consequence, the same numbers). Here it
// only decides about releases that have passed when a job ends: kept under run_late, else skipped. The caller
// carries out the rest (miss_policy.hpp).
enum class Consequence : std::uint8_t { run_late = 0, skip = 1, hold = 2, stop_task = 3, stop_island = 4 };

enum class JobState : std::uint8_t {
  unarmed,   // no release is scheduled: not a periodic context, or its island has not started
  waiting,   // for its release, or its input
  released,  // not yet dispatched
  running,   // dispatched at least once
  overrun,   // its budget is spent and it has not ended; it goes on with the next refill
};

enum JobFlags : std::uint32_t {
  kJobNoFlags = 0,
  kJobDeadlineMissed = 1u << 0,   // not finished by its deadline
  kJobReleasedLate = 1u << 1,     // the previous job ended after this one's release
  kJobBudgetSpent = 1u << 2,      // the budget was spent before the end
  kJobPreempted = 1u << 3,        // another context ran between first run and end
  kJobAwaitedRefill = 1u << 4,    // at its release the budget was not back yet
  kJobSkippedReleases = 1u << 5,  // releases were skipped between the previous job and this one
  kJobAbandoned = 1u << 6,        // ended by a consequence, not by the program
  kJobMissSeenAtEnd =
      1u << 7,  // with kJobDeadlineMissed: deadlines_due() has not reported it, the end found it
  kJobInputLate = 1u << 8,  // triggered: its input came later than counted on
  kJobNoInput = 1u << 9,    // triggered: dropped, for its input had not come by its deadline
};

// Nobody's telemetry source number.
inline constexpr std::uint32_t kNoSource = 0xffff'ffff;

struct Job {
  std::uint64_t index = 0;  // k: counts releases, the skipped ones included
  Time previous_release{};  // of the job before; equals release for the first
  Time release{};           // scheduled, exact
  Time deadline{};          // release + relative deadline
  Time observed_release{};  // when the scheduler saw it; - release = timer latency. Triggered: less what may be (see arrival)
  Time first_run{};         // Time::never() until dispatched
  Time finish{};            // Time::never() until ended
  Duration consumed{};      // processor time charged to it
  std::uint32_t preemptions = 0;
  std::uint32_t skipped = 0;  // releases skipped just before it (saturating)
  std::uint32_t flags = kJobNoFlags;
  std::uint32_t delayed_by = kNoSource;  // the context that ran instead of it last
};

struct JobTotals {
  std::uint64_t released = 0;
  std::uint64_t finished = 0;
  std::uint64_t missed = 0;     // not finished by the deadline
  std::uint64_t overruns = 0;   // jobs whose budget was spent
  std::uint64_t abandoned = 0;  // ended by a consequence
  std::uint64_t skipped = 0;    // releases never run, those dropped for want of input among them
};

// Which jobs of a predecessor have ended by themselves: bit i of `ended` is job `latest` - i. One word, so that one CPU may
// write it and another read it. Those before the 32 are forgotten: they count as not ended.
struct Inputs {
  std::uint32_t latest = 0;  // meaningful if `ended` is not 0; the low 32 bits of the index
  std::uint32_t ended = 0;
  // The same with job `index`, later than `latest`, ended too.
  [[nodiscard]] constexpr Inputs with(std::uint32_t index) const noexcept {
    const std::uint32_t further = index - latest;
    return {index, (ended == 0 || further > 31 ? 0 : ended << further) | 1u};
  }
};

class JobTracker {
 public:
  // Range: deadline > 0, period not zero. `triggered`: jobs wait for their inputs, which may come `jitter` after the release.
  void configure(Period period, Duration deadline, Consequence on_miss, bool triggered = false, Duration jitter = {}) noexcept;
  // Schedules job 0 at `first` and forgets any job in progress.
  void arm(Time first) noexcept;
  void disarm() noexcept;
  // Other parameters, and the next release at `next`; armed or not as before, and the jobs are counted on. No job may be in
  // progress.
  void restart(Period period, Duration deadline, Consequence on_miss, Time next) noexcept;
  // Armed again after disarm(), at the first of the releases it had then that is after `now`; those before count as skipped.
  // No job may be in progress. O(1) however many.
  void rearm(Time now) noexcept;

  [[nodiscard]] JobState state() const noexcept { return state_; }
  [[nodiscard]] bool armed() const noexcept { return armed_; }
  [[nodiscard]] bool in_progress() const noexcept { return state_ >= JobState::released; }
  [[nodiscard]] Time next_release() const noexcept { return clock_.next(); }  // meaningful while armed
  [[nodiscard]] Time next_deadline() const noexcept { return clock_.next() + deadline_; }  // the same
  [[nodiscard]] const Job& current() const noexcept { return job_; }
  [[nodiscard]] const Job& last_finished() const noexcept { return finished_; }
  [[nodiscard]] const JobTotals& totals() const noexcept { return totals_; }

  // waiting -> released: the next scheduled release becomes the current job. Precondition: armed, state
  // waiting.
  void release(Time now, bool late) noexcept;
  // Triggered, waiting: the next job that has its input becomes the one to release, those before it count as skipped. False if
  // none has. O(1).
  [[nodiscard]] bool find_input() noexcept;
  // What has come of inputs. No effect on jobs that were released, dropped or skipped.
  void note_inputs(Inputs inputs) noexcept { inputs_ = inputs; }
  // As from when on its budget counts: its release, but no earlier than its input can have come after that. Then a late
  // predecessor does not make two of its jobs closer than others reckon with. Triggered, in progress.
  [[nodiscard]] Time arrival() const noexcept { return job_.observed_release; }
  // Triggered, waiting: the deadline of the next job is before `now`. It is dropped, as last_finished(); the same without a
  // record, as skipped, if later ones' deadlines have passed too. O(1) however many.
  void drop_next(Time now) noexcept;
  void dispatched(Time now) noexcept;
  void preempted() noexcept;
  void delayed(std::uint32_t by) noexcept;
  void charged(Duration consumed) noexcept;
  void awaits_refill() noexcept;
  // -> overrun. True the first time in this job.
  bool budget_spent() noexcept;
  // The deadline has passed with the job unfinished. True the first time in this job.
  bool miss_deadline() noexcept;
  // Ends the job in progress, if there is one -> waiting (armed) or unarmed. True if a job ended.
  bool finish(Time now, std::uint32_t extra_flags = kJobNoFlags) noexcept;
  // budget_spent(), finish() by a consequence, settle_backlog() of what has passed. Precondition: in progress.
  void hold(Time now) noexcept;
  // After finish: drops the releases that have passed, if on_miss or the caller says so; O(1) however many.
  void settle_backlog(Time now, bool skip_passed) noexcept;

 private:
  void begin_record() noexcept;
  void skip(std::uint64_t count) noexcept;

  ReleaseClock clock_{};
  Period period_{};
  Duration deadline_{};
  std::uint64_t next_index_ = 0;
  std::uint32_t skipped_ = 0;
  Time previous_release_{};
  Consequence on_miss_ = Consequence::run_late;
  JobState state_ = JobState::unarmed;
  bool armed_ = false;
  bool triggered_ = false;
  Duration jitter_{};
  Inputs inputs_{};
  Job job_{};
  Job finished_{};
  JobTotals totals_{};
};

// Why a job was late, from its record; the same numbers as telemetry.capnp's MissCause.
enum class MissCause : std::uint8_t {
  none = 0,          // it was not late
  budget_spent = 1,  // or its budget was not back at its release
  late_wakeup = 2,   // seen by the scheduler more than `jitter` after its release
  preempted = 3,     // more urgent work ran instead: delayed_by
  ran_long = 4,      // started in time, was not preempted, and did not end in time
  previous_job_late = 5,
  input_late = 6,  // its predecessor ended later than was admitted
  no_input = 7,    // it was dropped: its predecessor had not ended by its deadline
};
[[nodiscard]] MissCause miss_cause(const Job& job, Duration jitter) noexcept;

}  // namespace capos::sched
