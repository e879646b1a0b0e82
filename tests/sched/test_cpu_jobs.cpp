// SPDX-License-Identifier: Apache-2.0
// Periodic jobs on a CPU: release, end, overrun, miss.
#include "machine.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::Machine;
using test::us;

TEST(Jobs, OneTimerEventPerJob) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  int timer_events = 0;
  for (std::uint64_t k = 1; k <= 50; ++k) {
    EXPECT_EQ(m.run_to_event().context, &c);
    ++timer_events;
    EXPECT_EQ(m.now, at_us(1000 * k));
    m.now += us(60);
    EXPECT_TRUE(m.cpu.wait_next_release(c, m.now));
    EXPECT_EQ(m.pick().kind, DispatchKind::idle);
    EXPECT_EQ(c.jobs().last_finished().index, k - 1);
    EXPECT_EQ(c.jobs().last_finished().consumed, us(60));
    EXPECT_EQ(c.jobs().last_finished().flags, kJobNoFlags);
  }
  EXPECT_EQ(timer_events, 50);
  EXPECT_EQ(c.jobs().totals().finished, 50u);
}

TEST(Jobs, ATaskThatUsesItsWholeBudgetNeverOverruns) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  for (int k = 0; k < 50; ++k) {
    EXPECT_EQ(m.run_to_event().context, &c);
    m.now += us(100);
    m.cpu.wait_next_release(c, m.now);
    EXPECT_EQ(m.pick().overrun, nullptr);
  }
  EXPECT_EQ(c.jobs().totals().overruns, 0u);
}

TEST(Jobs, LateTimersDoNotDrift) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  for (std::uint64_t k = 1; k <= 50; ++k) {
    m.run_to(m.cpu.next_event(m.now) + us(7));
    m.now += us(100);  // the whole budget, 7 us late each time
    m.cpu.wait_next_release(c, m.now);
    EXPECT_EQ(m.pick().overrun, nullptr);
    EXPECT_EQ(c.jobs().last_finished().release, at_us(1000 * k));
    EXPECT_EQ(c.jobs().last_finished().observed_release, at_us(1000 * k + 7));
  }
}

TEST(Jobs, FractionalPeriodsFindTheirBudgetBack) {
  Machine m;
  Context c;
  const ContextParameters p{.budget = us(1333),
                            .period = {64, 48'000},
                            .deadline = us(1333),
                            .priority = Priority(1),
                            .cpu = CpuId(1),
                            .island = IslandId(1)};
  ASSERT_TRUE(c.configure(p, m.now).has_value());
  m.cpu.wait_next_release(c, m.now);
  m.cpu.arm_jobs(c, m.now, m.now);
  for (std::uint64_t k = 0; k < 3000; ++k) {
    EXPECT_EQ(m.run_to_event().context, &c);
    ASSERT_EQ(m.now.ns(), k * 4'000'000 / 3);
    m.now += us(1333);
    m.cpu.wait_next_release(c, m.now);
    ASSERT_EQ(m.pick().overrun, nullptr);
  }
}

TEST(Jobs, BeforeTheStartItRunsOnItsBudgetAndThenWaits) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.now = at_us(50);
  EXPECT_FALSE(m.cpu.wait_next_release(c, m.now));
  EXPECT_EQ(c.state(), ContextState::blocked);
  m.cpu.arm_jobs(c, at_us(400), m.now);
  EXPECT_EQ(m.run_to_event().context, &c);
  EXPECT_EQ(m.now, at_us(400));
  EXPECT_EQ(c.jobs().current().index, 0u);
  EXPECT_EQ(c.remaining(m.now), us(50));
}

TEST(Jobs, ArmedWhileItRunsItWaitsForThatRelease) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.cpu.arm_jobs(c, at_us(400), m.now);
  EXPECT_EQ(m.run_to_us(20).context, &c);
  EXPECT_FALSE(m.cpu.wait_next_release(c, m.now));
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(400));
}

TEST(Jobs, RunLateStartsTheNextAtOnceWithItsOwnRelease) {
  Machine m;
  Context& low = m.periodic(1, us(400), us(1000), at_us(1000));
  Context& high = m.context(2, us(900), us(10'000));
  m.run_to_us(1000);
  m.cpu.make_ready(high, m.now);
  EXPECT_EQ(m.pick().context, &high);
  m.now = at_us(1900);
  m.cpu.block(high, m.now);
  EXPECT_EQ(m.pick().context, &low);
  m.run_to_us(2100);
  ASSERT_EQ(m.misses.size(), 1u);
  EXPECT_TRUE(m.cpu.wait_next_release(low, m.now));
  EXPECT_EQ(m.pick().context, &low);
  const Job& late = low.jobs().current();
  EXPECT_EQ(late.index, 1u);
  EXPECT_EQ(late.release, at_us(2000));
  EXPECT_EQ(late.flags, kJobReleasedLate);
  EXPECT_EQ(low.jobs().last_finished().delayed_by, high.source);
  EXPECT_EQ(miss_cause(low.jobs().last_finished(), Duration{}), MissCause::preempted);
}

TEST(Jobs, AMissThatTheEndFindsBeforeTheTimerSaysSo) {
  Machine m;
  Context& c = m.periodic(1, us(400), us(1000), at_us(1000));
  m.run_to_us(1000);
  m.cpu.block(c, m.now);
  m.now = at_us(1990);
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.now = at_us(2000) + Duration::ns(1);
  m.cpu.wait_next_release(c, m.now);  // the timer is due now, the system call came first
  EXPECT_EQ(c.jobs().last_finished().flags, kJobDeadlineMissed | kJobMissSeenAtEnd);
  m.run_to(m.now);
  EXPECT_TRUE(m.misses.empty());
  EXPECT_EQ(c.jobs().totals().missed, 1u);
}

TEST(Jobs, AJobThatStartsAfterItsDeadlineIsReported) {
  Machine m;
  Context& c = m.periodic(1, us(400), us(1000), at_us(1000));
  m.run_to_us(1000);
  m.cpu.block(c, m.now);
  m.run_to_us(3500);
  m.cpu.make_ready(c, m.now);
  m.pick();
  EXPECT_EQ(m.misses.size(), 1u);
  m.now = at_us(3600);
  m.cpu.wait_next_release(c, m.now);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().release, at_us(2000));
  EXPECT_EQ(m.cpu.next_event(m.now), m.now + Duration::ns(1));
  m.run_to_event();
  EXPECT_EQ(m.misses.size(), 2u);
}

TEST(Jobs, SkipWaitsForTheReleaseToCome) {
  Machine m;
  Context& c = m.periodic(1, us(900), us(1000), at_us(1000), Consequence::skip);
  m.run_to_us(1000);
  m.cpu.block(c, m.now);
  m.now = at_us(3100);
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.run_to_us(3200);
  m.cpu.wait_next_release(c, m.now);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(4000));
  EXPECT_EQ(c.jobs().totals().skipped, 2u);
}

TEST(Jobs, ASpentBudgetMarksTheJobAndItGoesOnWithTheNextRefill) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  m.run_to_event();
  EXPECT_EQ(m.run_to_event().overrun, &c);
  EXPECT_EQ(m.now, at_us(1100));
  EXPECT_EQ(c.jobs().state(), JobState::overrun);
  EXPECT_EQ(m.run_to_us(2000).context, &c);
  EXPECT_EQ(c.jobs().state(), JobState::running);
  m.run_to_us(2001);
  EXPECT_EQ(m.misses, (std::vector<Context*>{&c}));
  EXPECT_EQ(m.run_to_us(2100).overrun, &c);  // the same job spends it again
  EXPECT_EQ(c.jobs().totals().overruns, 1u);
  EXPECT_EQ(c.jobs().current().consumed, us(200));
}

TEST(Jobs, EndingExactlyAtTheBudgetIsNoOverrun) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  m.run_to_event();
  m.now = at_us(1100);
  m.cpu.release_due(m.now);
  m.cpu.wait_next_release(c, m.now);
  EXPECT_EQ(m.pick().overrun, nullptr);
  EXPECT_EQ(c.jobs().last_finished().flags, kJobNoFlags);
}

TEST(Jobs, AbandonedJobsEndAndTheNextIsRegular) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000), Consequence::hold);
  m.run_to_event();
  EXPECT_EQ(m.run_to_event().overrun, &c);
  EXPECT_TRUE(m.cpu.abandon_job(c, m.now));
  EXPECT_FALSE(m.cpu.abandon_job(c, m.now));
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_EQ(c.jobs().last_finished().flags, kJobBudgetSpent | kJobAbandoned);
  EXPECT_EQ(m.run_to_event().context, &c);
  EXPECT_EQ(m.now, at_us(2000));
  EXPECT_EQ(c.remaining(m.now), us(100));
  EXPECT_TRUE(m.misses.empty());
}

TEST(Jobs, AMissIsSeenWhenTheDeadlinePassesWhateverTheThreadDoes) {
  Machine m;
  Context& c = m.periodic(1, us(100), us(1000), at_us(1000));
  m.run_to_event();
  m.now = at_us(1010);
  m.cpu.block(c, m.now);  // it waits for something that never comes
  m.pick();
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(2000) + Duration::ns(1));
  m.run_to_event();
  EXPECT_EQ(m.misses, (std::vector<Context*>{&c}));
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
}

TEST(Jobs, AReleaseWithoutBudgetSaysSo) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.run_to_us(90);
  m.cpu.arm_jobs(c, at_us(200), m.now);
  m.run_to_us(100);  // 100 us are gone, and back at 1000
  m.cpu.wait_next_release(c, m.now);
  m.run_to_us(200);
  ASSERT_EQ(m.releases.size(), 1u);
  EXPECT_EQ(m.releases[0].second, ReleaseKind::job_unfunded);
  EXPECT_EQ(m.run_to_us(1000).context, &c);
  EXPECT_EQ(m.releases.back().second, ReleaseKind::refill);
  EXPECT_EQ(c.jobs().current().flags, kJobAwaitedRefill);
}

TEST(Jobs, ReleasesAtOnceComeInOrderAndPreemptByPriority) {
  Machine m;
  Context& low = m.periodic(1, us(100), us(1000), at_us(1000));
  Context& high = m.periodic(2, us(100), us(1000), at_us(1000));
  EXPECT_EQ(m.run_to_event().context, &high);
  ASSERT_EQ(m.releases.size(), 2u);
  EXPECT_EQ(m.releases[0].first, &low);
  m.now = at_us(1040);
  m.cpu.wait_next_release(high, m.now);
  EXPECT_EQ(m.pick().context, &low);
  EXPECT_EQ(low.jobs().current().first_run, at_us(1040));
  EXPECT_EQ(low.jobs().current().preemptions, 0u);
}

}  // namespace
}  // namespace capos::sched
