// SPDX-License-Identifier: Apache-2.0
// Contexts in the order of their deadlines: who runs, at a server's floor, demoted, with a spent budget.
#include "machine.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::us;

class EdfMachine : public test::Machine {
 public:
  Context& edf(Duration budget, Duration period, Duration deadline, Consequence on_miss = Consequence::run_late) {
    Context& made = made_.emplace_back();
    made.source = static_cast<std::uint32_t>(made_.size());
    const auto result = made.configure({.budget = budget,
                                        .period = Period::from_ns(static_cast<std::uint32_t>(period.ns())),
                                        .deadline = deadline,
                                        .priority = Priority(100),
                                        .cpu = CpuId(1),
                                        .island = IslandId(1),
                                        .on_miss = on_miss,
                                        .edf = true},
                                       now);
    EXPECT_TRUE(result.has_value());
    return made;
  }
  Context& task(Duration budget, Duration period, Duration deadline, Time first,
                Consequence on_miss = Consequence::run_late) {
    Context& made = edf(budget, period, deadline, on_miss);
    cpu.wait_next_release(made, now);
    cpu.arm_jobs(made, first, now);
    return made;
  }
  void end_job(Context& context, std::uint64_t at) {
    now = at_us(at);
    EXPECT_TRUE(cpu.wait_next_release(context, now));
  }

 private:
  std::deque<Context> made_;
};

TEST(EdfCpu, TheEarliestDeadlineRunsWhateverThePeriod) {
  EdfMachine m;
  Context& slow = m.task(us(300), us(4000), us(900), at_us(1000));
  Context& fast = m.task(us(300), us(1000), us(1000), at_us(1000));
  EXPECT_EQ(m.run_to_us(1000).context, &slow);
  m.end_job(slow, 1300);
  EXPECT_EQ(m.pick().context, &fast);
  m.end_job(fast, 1600);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
}

TEST(EdfCpu, AReleaseWithALaterDeadlineDoesNotPreempt) {
  EdfMachine m;
  Context& first = m.task(us(600), us(2000), us(1000), at_us(1000));
  Context& later = m.task(us(100), us(2000), us(1000), at_us(1400));
  Context& urgent = m.task(us(100), us(2000), us(400), at_us(1500));
  EXPECT_EQ(m.run_to_us(1000).context, &first);
  EXPECT_EQ(m.run_to_us(1400).context, &first);
  EXPECT_EQ(later.jobs().current().delayed_by, first.source);
  EXPECT_EQ(m.run_to_us(1500).context, &urgent);
  EXPECT_EQ(urgent.jobs().current().delayed_by, kNoSource);
  EXPECT_EQ(first.jobs().current().delayed_by, urgent.source);
  EXPECT_EQ(first.jobs().current().preemptions, 1u);
  m.end_job(urgent, 1600);
  EXPECT_EQ(m.pick().context, &first);
}

// A set of full utilisation that no order of priorities runs: each is late under the other order.
TEST(EdfCpu, AFullCpuMissesNothing) {
  EdfMachine m;
  Context& a = m.task(us(200), us(400), us(400), at_us(1000));
  Context& b = m.task(us(350), us(700), us(700), at_us(1000));
  Duration left_a = us(200), left_b = us(350);
  m.run_to_us(1000);
  while (m.now < at_us(1000 + 28'000)) {
    Context* const running = m.cpu.current_context();
    ASSERT_NE(running, nullptr);
    Duration& left = running == &a ? left_a : left_b;
    const Time done = m.now + left;
    const Time event = std::min(m.cpu.next_event(m.now), done);
    left -= event - m.now;
    m.now = event;
    if (event == done) {
      m.cpu.wait_next_release(*running, m.now);
      left = running == &a ? us(200) : us(350);
    }
    m.run_to(m.now);
  }
  EXPECT_TRUE(m.misses.empty());
  EXPECT_EQ(a.jobs().totals().finished + b.jobs().totals().finished, 70u + 40u);
  EXPECT_EQ(m.cpu.idle_time(), us(1000));
}

TEST(EdfCpu, AServersFloorHoldsUntilTheReply) {
  EdfMachine m;
  Context& caller = m.task(us(400), us(4000), us(3000), at_us(1000));
  Context& other = m.task(us(100), us(4000), us(500), at_us(1100));
  EXPECT_EQ(m.run_to_us(1000).context, &caller);
  m.now = at_us(1050);
  m.cpu.set_floor(caller, deadline_floor(caller.floor(), m.now, us(500)), m.now);
  EXPECT_EQ(caller.due(), at_us(1550));
  EXPECT_EQ(m.run_to_us(1100).context, &caller) << "due at 1600, the server at 1550";
  m.now = at_us(1150);
  EXPECT_FALSE(m.cpu.must_switch(m.now));
  m.cpu.set_floor(caller, Time::never(), m.now);
  EXPECT_TRUE(m.cpu.must_switch(m.now));
  EXPECT_EQ(m.pick().context, &other);
}

TEST(EdfCpu, AFloorEndsWithTheJob) {
  EdfMachine m;
  Context& c = m.task(us(400), us(1000), us(1000), at_us(1000));
  m.run_to_us(1000);
  m.cpu.set_floor(c, at_us(1200), m.now);
  m.end_job(c, 1100);
  EXPECT_TRUE(c.floor().is_never());
  m.run_to_us(2000);
  EXPECT_EQ(c.due(), at_us(3000));
}

TEST(EdfCpu, WhoIsDemotedRunsBehindAllOthersAndReturns) {
  EdfMachine m;
  Context& bad = m.task(us(300), us(2000), us(500), at_us(1000));
  Context& good = m.task(us(300), us(2000), us(2000), at_us(1000));
  m.cpu.set_base_priority(bad, Priority(0), m.now);
  EXPECT_EQ(m.run_to_us(1000).context, &good);
  m.end_job(good, 1300);
  EXPECT_EQ(m.pick().context, &bad);
  m.end_job(bad, 1500);
  m.pick();
  m.cpu.set_base_priority(bad, Priority(100), m.now);
  EXPECT_EQ(m.run_to_us(3000).context, &bad);
}

// The job's deadline has passed, but the budget that it goes on with is due a period later: whoever spends its budget is no
// more urgent than a task that keeps to it.
TEST(EdfCpu, ASpentBudgetComesBackWithALaterDeadline) {
  EdfMachine m;
  Context& hung = m.task(us(300), us(1000), us(1000), at_us(1000));
  Context& good = m.task(us(400), us(2000), us(800), at_us(2000));
  EXPECT_EQ(m.run_to_us(1000).context, &hung);
  EXPECT_EQ(m.run_to_us(1300).overrun, &hung);
  EXPECT_EQ(m.run_to_us(2000).context, &good) << "due at 2800";
  EXPECT_EQ(hung.due(), at_us(3000)) << "its job was due at 2000";
  m.run_to(m.now + Duration::ns(1));
  ASSERT_EQ(m.misses.size(), 1u);
  EXPECT_EQ(m.misses[0], &hung);
  m.end_job(good, 2400);
  EXPECT_EQ(m.pick().context, &hung);
}

// A task that suspends itself: what it has left of its budget counts from when it wakes.
TEST(EdfCpu, WhatIsLeftAfterASuspensionIsDueLater) {
  EdfMachine m;
  Context& c = m.task(us(300), us(1000), us(600), at_us(1000));
  m.run_to_us(1000);
  m.now = at_us(1100);
  m.cpu.block(c, m.now);
  m.pick();
  m.now = at_us(1500);
  m.cpu.make_ready(c, m.now);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.due(), at_us(2100));
}

// Pieces of a budget that become usable at different times are due at different times: at the end of the first the other
// one's deadline counts, and a task that is due in between runs.
TEST(EdfCpu, EachPieceOfABudgetHasItsOwnDeadline) {
  EdfMachine m;
  Context& pieces = m.edf(us(300), us(1000), us(1000));
  m.cpu.make_ready(pieces, m.now);  // due at 1000
  m.pick();
  m.now = at_us(100);
  m.cpu.block(pieces, m.now);
  m.pick();
  m.now = at_us(600);
  m.cpu.make_ready(pieces, m.now);  // 200 us from here; 100 us from 1000
  EXPECT_EQ(m.pick().context, &pieces);
  EXPECT_EQ(pieces.due(), at_us(1600));
  Context& high = m.context(200, us(500), us(5000));
  m.cpu.make_ready(high, m.now);
  EXPECT_EQ(m.pick().context, &high);
  m.now = at_us(900);
  m.cpu.block(high, m.now);
  Context& between = m.edf(us(100), us(2000), us(1000));
  m.cpu.make_ready(between, m.now);  // due at 1900
  EXPECT_EQ(m.pick().context, &pieces);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(1100)) << "the end of the first piece, although the other is usable then";
  EXPECT_EQ(m.run_to_event().context, &between);
  EXPECT_EQ(pieces.due(), at_us(2000));
  EXPECT_EQ(pieces.state(), ContextState::ready);
}

TEST(EdfCpu, YieldLetsThoseDueAtTheSameTimeGoFirst) {
  EdfMachine m;
  Context& a = m.task(us(300), us(2000), us(1000), at_us(1000));
  Context& b = m.task(us(300), us(2000), us(1000), at_us(1000));
  EXPECT_EQ(m.run_to_us(1000).context, &a);
  m.now = at_us(1100);
  EXPECT_EQ(m.cpu.yield_over(a, m.now), nullptr);
  EXPECT_EQ(m.pick().context, &b);
  m.cpu.yield(b, m.now);
  EXPECT_EQ(m.pick().context, &a);
}

TEST(EdfCpu, AFullBudgetIsDueFromItsRelease) {
  EdfMachine m;
  Context& full = m.task(us(1000), us(1000), us(1000), at_us(1000));
  m.run_to_us(1000);
  EXPECT_EQ(full.due(), at_us(2000));
  m.end_job(full, 1500);
  m.run_to_us(2000);
  EXPECT_EQ(full.due(), at_us(3000));
}

class LongDeadlines : public ::testing::TestWithParam<bool> {
 protected:
  Context& task(Duration budget, Duration period, Duration deadline, Time first) {
    if (GetParam()) return m.task(budget, period, deadline, first);
    Context& made = made_.emplace_back();
    EXPECT_TRUE(made.configure({.budget = budget,
                                .period = Period::from_ns(static_cast<std::uint32_t>(period.ns())),
                                .deadline = deadline,
                                .priority = Priority(100),
                                .cpu = CpuId(1),
                                .island = IslandId(1)},
                               m.now)
                    .has_value());
    m.cpu.wait_next_release(made, m.now);
    m.cpu.arm_jobs(made, first, m.now);
    return made;
  }
  EdfMachine m;

 private:
  std::deque<Context> made_;
};

// Three jobs are outstanding at once; each has its own release, its own deadline and its own budget, in order.
TEST_P(LongDeadlines, JobsRunInOrderEachDueAtItsOwnDeadline) {
  Context& c = task(us(300), us(1000), us(2600), at_us(1000));
  Context& above = m.context(200, us(2400), us(100'000));
  m.run_to_us(1000);
  m.cpu.make_ready(above, m.now);
  EXPECT_EQ(m.pick().context, &above);
  EXPECT_EQ(m.run_to_us(3100).context, &above);
  m.now = at_us(3400);
  m.cpu.block(above, m.now);
  EXPECT_EQ(m.pick().context, &c);
  for (std::uint64_t k = 0; k < 3; ++k) {
    const Job& job = c.jobs().current();
    EXPECT_EQ(job.index, k);
    EXPECT_EQ(job.release, at_us(1000 * (k + 1)));
    EXPECT_EQ(job.deadline, at_us(1000 * (k + 1) + 2600));
    m.end_job(c, m.now.ns() / 1000 + 150);
    const Job& ended = c.jobs().last_finished();
    EXPECT_EQ(ended.consumed, us(150));
    EXPECT_EQ(ended.flags & kJobDeadlineMissed, 0u);
    EXPECT_EQ((ended.flags & kJobReleasedLate) != 0, k > 0);
    EXPECT_EQ(m.run_to(m.now).context, k < 2 ? &c : nullptr);
  }
  EXPECT_TRUE(m.misses.empty());
  EXPECT_EQ(c.state(), ContextState::awaiting_release);
}

// The earliest outstanding deadline is watched, also while later releases are pending; then the next one's.
TEST_P(LongDeadlines, AMissIsSeenAtItsOwnDeadlineWhileLaterJobsWait) {
  Context& c = task(us(300), us(1000), us(1500), at_us(1000));
  Context& above = m.context(200, us(3000), us(100'000));
  m.run_to_us(1000);
  m.cpu.make_ready(above, m.now);
  m.pick();
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(2500) + Duration::ns(1));
  m.run_to_event();
  ASSERT_EQ(m.misses.size(), 1u) << "job 1, released at 2000, waits behind job 0";
  EXPECT_EQ(c.jobs().current().index, 0u);
  m.now = at_us(2600);
  m.cpu.block(above, m.now);
  EXPECT_EQ(m.pick().context, &c);
  m.end_job(c, 2700);
  EXPECT_NE(c.jobs().last_finished().flags & kJobDeadlineMissed, 0u);
  m.run_to(m.now);
  EXPECT_EQ(c.jobs().current().index, 1u);
  EXPECT_EQ(c.jobs().current().deadline, at_us(3500));
  m.end_job(c, 3000);
  EXPECT_EQ(c.jobs().last_finished().flags & kJobDeadlineMissed, 0u);
  EXPECT_EQ(m.misses.size(), 1u);
  EXPECT_EQ(c.jobs().totals().missed, 1u);
}

// A hung job takes a budget per period and no more, and its deadline is reported once.
TEST_P(LongDeadlines, AHungJobKeepsToItsBudget) {
  Context& c = task(us(300), us(1000), us(3000), at_us(1000));
  m.run_to_us(1000);
  while (m.now < at_us(11'000)) m.run_to_event();
  EXPECT_EQ(c.total_consumed(), us(3000));
  EXPECT_EQ(c.jobs().totals().missed, 1u);
  EXPECT_EQ(c.jobs().totals().released, 1u);
}

INSTANTIATE_TEST_SUITE_P(Policies, LongDeadlines, ::testing::Bool());

}  // namespace
}  // namespace capos::sched
