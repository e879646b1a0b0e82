// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/job.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace capos::sched {
namespace {

// Moves the clock to its first release after `now` and returns how many it passed. Dividing by a period that
// is rounded up by less than 1 ns leaves at most a fraction period_ns^-1 of the way for the next round: with
// periods of at least 10 us that is 5 rounds at most.
std::uint64_t pass_until(ReleaseClock& clock, Time now) noexcept {
  std::uint64_t passed = 0;
  while (clock.next() <= now) {
    const auto behind = static_cast<std::uint64_t>((now - clock.next()).ns());
    std::uint64_t count = behind / (clock.whole_period_ns() + 1);
    if (count > std::numeric_limits<std::uint32_t>::max()) count = std::numeric_limits<std::uint32_t>::max();
    if (count == 0) count = 1;
    clock.advance_by(count);
    passed += count;
  }
  return passed;
}

std::uint32_t saturate(std::uint64_t value) noexcept {
  constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
  return value > kMax ? kMax : static_cast<std::uint32_t>(value);
}

// Field by field: for the whole the compiler takes a string instruction, which takes longer.
[[gnu::always_inline]] inline void keep(const Job& job, Job& kept) noexcept {
  kept.index = job.index;
  kept.previous_release = job.previous_release;
  kept.release = job.release;
  kept.deadline = job.deadline;
  kept.observed_release = job.observed_release;
  kept.first_run = job.first_run;
  kept.finish = job.finish;
  kept.consumed = job.consumed;
  kept.preemptions = job.preemptions;
  kept.skipped = job.skipped;
  kept.flags = job.flags;
  kept.delayed_by = job.delayed_by;
}

}  // namespace

void JobTracker::configure(Period period, Duration deadline, Consequence on_miss, bool triggered, Duration jitter) noexcept {
  *this = JobTracker{};
  triggered_ = triggered;
  jitter_ = jitter;
  period_ = period;
  deadline_ = deadline;
  on_miss_ = on_miss;
}

void JobTracker::arm(Time first) noexcept {
  clock_ = ReleaseClock(first, period_);
  next_index_ = 0;
  skipped_ = 0;
  previous_release_ = first;
  armed_ = true;
  state_ = JobState::waiting;
}

void JobTracker::disarm() noexcept {
  armed_ = false;
  state_ = JobState::unarmed;
}

void JobTracker::restart(Period period, Duration deadline, Consequence on_miss, Time next) noexcept {
  period_ = period;
  deadline_ = deadline;
  on_miss_ = on_miss;
  clock_ = ReleaseClock(next, period_);
}

void JobTracker::rearm(Time now) noexcept {
  armed_ = true;
  state_ = JobState::waiting;
  if (clock_.next() <= now) skip(pass_until(clock_, now));
}

// The next release as a record, and the clock moved past it.
[[gnu::always_inline]] inline void JobTracker::begin_record() noexcept {
  job_ = Job{};
  job_.index = next_index_++;
  job_.previous_release = previous_release_;
  job_.release = clock_.next();
  job_.deadline = job_.release + deadline_;
  job_.first_run = job_.finish = Time::never();
  job_.skipped = skipped_;
  if (skipped_ != 0) job_.flags |= kJobSkippedReleases;
  skipped_ = 0;
  previous_release_ = job_.release;
  clock_.advance();
}

void JobTracker::release(Time now, bool late) noexcept {
  begin_record();
  job_.observed_release = now;
  if (late) job_.flags |= kJobReleasedLate;
  ++totals_.released;
  state_ = JobState::released;
  if (!triggered_) [[likely]] return;
  job_.observed_release = std::max(job_.release, now - jitter_);
  if (!late && job_.observed_release > job_.release) job_.flags |= kJobInputLate;
}

void JobTracker::skip(std::uint64_t count) noexcept {
  next_index_ += count;
  totals_.skipped += count;
  skipped_ = saturate(std::uint64_t{skipped_} + count);
}

bool JobTracker::find_input() noexcept {
  const auto behind = static_cast<std::int32_t>(inputs_.latest - static_cast<std::uint32_t>(next_index_));
  if (inputs_.ended == 0 || behind < 0) return false;
  const std::uint32_t awaited = inputs_.ended & (behind >= 31 ? ~0u : (2u << behind) - 1);
  if (awaited == 0) return false;
  const int oldest = 31 - std::countl_zero(awaited);
  const auto passed = static_cast<std::uint64_t>(behind - oldest);
  if (passed == 0) return true;
  clock_.advance_by(passed);
  skip(passed);
  return true;
}

void JobTracker::drop_next(Time now) noexcept {
  begin_record();
  job_.observed_release = job_.release;
  job_.finish = now;
  job_.flags |= kJobDeadlineMissed | kJobNoInput;
  ++totals_.missed;
  ++totals_.skipped;
  finished_ = job_;
  skipped_ = saturate(std::uint64_t{job_.skipped} + 1);
  if (next_deadline() < now) skip(pass_until(clock_, now - deadline_ - Duration::ns(1)));
}

void JobTracker::dispatched(Time now) noexcept {
  if (state_ < JobState::released) return;
  if (job_.first_run.is_never()) job_.first_run = now;
  state_ = JobState::running;
}

void JobTracker::preempted() noexcept {
  if (!in_progress()) return;
  ++job_.preemptions;
  job_.flags |= kJobPreempted;
}

void JobTracker::delayed(std::uint32_t by) noexcept {
  if (in_progress()) job_.delayed_by = by;
}

void JobTracker::charged(Duration consumed) noexcept {
  if (in_progress()) job_.consumed += consumed;
}

void JobTracker::awaits_refill() noexcept { job_.flags |= kJobAwaitedRefill; }

bool JobTracker::budget_spent() noexcept {
  if (!in_progress()) return false;
  const bool first_time = (job_.flags & kJobBudgetSpent) == 0;
  job_.flags |= kJobBudgetSpent;
  if (first_time) ++totals_.overruns;
  state_ = JobState::overrun;
  return first_time;
}

bool JobTracker::miss_deadline() noexcept {
  if (!in_progress() || (job_.flags & kJobDeadlineMissed) != 0) return false;
  job_.flags |= kJobDeadlineMissed;
  ++totals_.missed;
  return true;
}

bool JobTracker::finish(Time now, std::uint32_t extra_flags) noexcept {
  const bool ended = in_progress();
  if (ended) {
    if (now > job_.deadline && miss_deadline()) job_.flags |= kJobMissSeenAtEnd;
    job_.finish = now;
    job_.flags |= extra_flags;
    if ((extra_flags & kJobAbandoned) != 0) ++totals_.abandoned;
    ++totals_.finished;
    keep(job_, finished_);
  }
  state_ = armed_ ? JobState::waiting : JobState::unarmed;
  return ended;
}

void JobTracker::hold(Time now) noexcept {
  if ((job_.flags & kJobBudgetSpent) == 0) ++totals_.overruns;
  job_.flags |= kJobBudgetSpent;
  (void)finish(now, kJobAbandoned);
  settle_backlog(now, true);
}

void JobTracker::settle_backlog(Time now, bool skip_passed) noexcept {
  const bool keep = on_miss_ == Consequence::run_late && !skip_passed;
  if (!armed_ || keep || clock_.next() > now) return;
  if (!triggered_) return skip(pass_until(clock_, now));
  // Those whose input has come; what still waits for its own keeps its time.
  const auto behind = static_cast<std::int32_t>(inputs_.latest - static_cast<std::uint32_t>(next_index_));
  if (inputs_.ended == 0 || behind < 0) return;
  const auto passed = static_cast<std::uint64_t>(behind) + 1;
  clock_.advance_by(passed);
  skip(passed);
}

MissCause miss_cause(const Job& job, Duration jitter) noexcept {
  if ((job.flags & kJobDeadlineMissed) == 0) return MissCause::none;
  if ((job.flags & kJobNoInput) != 0) return MissCause::no_input;
  if ((job.flags & (kJobBudgetSpent | kJobAwaitedRefill)) != 0) return MissCause::budget_spent;
  if ((job.flags & kJobReleasedLate) != 0) return MissCause::previous_job_late;
  if ((job.flags & kJobInputLate) != 0) return MissCause::input_late;
  if (job.observed_release - job.release > jitter) return MissCause::late_wakeup;
  return job.delayed_by != kNoSource ? MissCause::preempted : MissCause::ran_long;
}

}  // namespace capos::sched
