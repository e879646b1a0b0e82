// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/sched/job.hpp"

namespace capos::sched {
namespace {

constexpr Time ms(std::uint64_t value) { return Time::from_ns(value * 1'000'000); }
constexpr Period kMillisecond{1, 1000};

JobTracker tracker(Consequence on_miss, Time first = ms(10)) {
  JobTracker jobs;
  jobs.configure(kMillisecond, Duration::us(800), on_miss);
  jobs.arm(first);
  return jobs;
}

TEST(JobTracker, StampsARegularJob) {
  JobTracker jobs = tracker(Consequence::run_late);
  EXPECT_EQ(jobs.state(), JobState::waiting);
  EXPECT_EQ(jobs.next_release(), ms(10));
  jobs.release(ms(10) + Duration::us(2), false);
  EXPECT_EQ(jobs.state(), JobState::released);
  jobs.dispatched(ms(10) + Duration::us(3));
  jobs.charged(Duration::us(40));
  jobs.preempted();
  jobs.dispatched(ms(10) + Duration::us(90));
  jobs.charged(Duration::us(10));
  EXPECT_TRUE(jobs.finish(ms(10) + Duration::us(100)));
  const Job& job = jobs.last_finished();
  EXPECT_EQ(job.index, 0u);
  EXPECT_EQ(job.release, ms(10));
  EXPECT_EQ(job.deadline, ms(10) + Duration::us(800));
  EXPECT_EQ(job.observed_release, ms(10) + Duration::us(2));
  EXPECT_EQ(job.first_run, ms(10) + Duration::us(3));
  EXPECT_EQ(job.finish, ms(10) + Duration::us(100));
  EXPECT_EQ(job.consumed, Duration::us(50));
  EXPECT_EQ(job.preemptions, 1u);
  EXPECT_EQ(job.flags, kJobPreempted);
  EXPECT_EQ(jobs.next_release(), ms(11));
}

TEST(JobTracker, DeadlineIsMissedOneNanosecondLater) {
  for (const std::int64_t late : {0, 1}) {
    JobTracker jobs = tracker(Consequence::run_late);
    jobs.release(ms(10), false);
    jobs.finish(ms(10) + Duration::us(800) + Duration::ns(late));
    EXPECT_EQ(jobs.totals().missed, static_cast<std::uint64_t>(late));
    EXPECT_EQ(miss_cause(jobs.last_finished(), Duration{}),
              late == 0 ? MissCause::none : MissCause::ran_long);
  }
}

TEST(JobTracker, AMissSeenAtTheDeadlineCountsOnce) {
  JobTracker jobs = tracker(Consequence::run_late);
  jobs.release(ms(10), false);
  EXPECT_TRUE(jobs.miss_deadline());
  EXPECT_FALSE(jobs.miss_deadline());
  jobs.finish(ms(12));
  EXPECT_EQ(jobs.totals().missed, 1u);
}

TEST(JobTracker, RunLateKeepsTheReleasesThatPassed) {
  JobTracker jobs = tracker(Consequence::run_late);
  jobs.release(ms(10), false);
  jobs.finish(ms(12) + Duration::us(500));
  jobs.settle_backlog(ms(12) + Duration::us(500), false);
  EXPECT_EQ(jobs.next_release(), ms(11));
  jobs.release(ms(12) + Duration::us(500), true);
  EXPECT_EQ(jobs.current().index, 1u);
  EXPECT_EQ(jobs.current().flags, kJobReleasedLate);
  EXPECT_EQ(jobs.current().previous_release, ms(10));
}

TEST(JobTracker, SkipJumpsToTheFirstReleaseToCome) {
  JobTracker jobs = tracker(Consequence::skip);
  jobs.release(ms(10), false);
  jobs.finish(ms(13));
  jobs.settle_backlog(ms(13), false);  // 11, 12 and 13 have passed: a release at this instant is past
  EXPECT_EQ(jobs.next_release(), ms(14));
  jobs.release(ms(14), false);
  EXPECT_EQ(jobs.current().index, 4u);
  EXPECT_EQ(jobs.current().skipped, 3u);
  EXPECT_EQ(jobs.current().flags, kJobSkippedReleases);
  EXPECT_EQ(jobs.totals().skipped, 3u);
}

TEST(JobTracker, SkippingYearsIsOneStepAndExact) {
  JobTracker jobs;
  jobs.configure({64, 48'000}, Duration::ms(1), Consequence::skip);
  jobs.arm(Time{});
  jobs.release(Time{}, false);
  const Time now = Time::from_ns(std::uint64_t{200} * 365 * 86'400 * 1'000'000'000);
  jobs.finish(now);
  jobs.settle_backlog(now, false);
  const auto k = static_cast<unsigned __int128>(jobs.totals().skipped + 1);
  EXPECT_EQ(jobs.next_release().ns(), static_cast<std::uint64_t>(k * 64 * 1'000'000'000u / 48'000));
  EXPECT_GT(jobs.next_release(), now);
  EXPECT_LE(jobs.next_release() - now, Duration::ns(1'333'334));
}

TEST(JobTracker, CausesInOrderOfWeight) {
  Job job;
  job.release = ms(1);
  job.observed_release = ms(1) + Duration::us(5);
  job.flags = kJobDeadlineMissed;
  EXPECT_EQ(miss_cause(job, Duration::us(5)), MissCause::ran_long);
  EXPECT_EQ(miss_cause(job, Duration::us(4)), MissCause::late_wakeup);
  job.delayed_by = 7;
  EXPECT_EQ(miss_cause(job, Duration::us(5)), MissCause::preempted);
  job.flags |= kJobReleasedLate;
  EXPECT_EQ(miss_cause(job, Duration::us(5)), MissCause::previous_job_late);
  job.flags |= kJobBudgetSpent;
  EXPECT_EQ(miss_cause(job, Duration::us(5)), MissCause::budget_spent);
}

}  // namespace
}  // namespace capos::sched
