// SPDX-License-Identifier: Apache-2.0
// Bugs of other kernels, each as a test (docs/lessons of the project: refills, budgets and queues).
#include "machine.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::Machine;
using test::Random;
using test::us;

// seL4 #346: the budget check queued a thread, which then blocked while queued.
TEST(Lessons, SeL4_346_BlockingAtTheEndOfABudgetLeavesNoQueueEntry) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.now = at_us(100);
  m.cpu.release_due(m.now);  // charges: the budget is spent at this very entry
  m.cpu.block(c, m.now);     // and the system call blocks
  EXPECT_EQ(m.pick().overrun, nullptr);
  EXPECT_FALSE(c.linked());
  EXPECT_FALSE(c.queued());
  EXPECT_EQ(c.state(), ContextState::blocked);
  EXPECT_EQ(m.run_to_us(5000).kind, DispatchKind::idle);
}

// The same in the other order: put off first, blocked after.
TEST(Lessons, SeL4_346_BlockingWhilePutOffLeavesNoQueueEntry) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  EXPECT_EQ(m.run_to_us(100).overrun, &c);
  EXPECT_TRUE(c.queued());
  m.cpu.block(c, m.now);
  EXPECT_FALSE(c.queued());
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
}

// seL4 #968: slack in the readiness test let a refill be used before its time, so the window grew.
TEST(Lessons, SeL4_968_ARefillIsNotUsableOneNanosecondEarly) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.run_to_us(100);
  EXPECT_FALSE(c.head_ready(Time::from_ns(999'999)));
  EXPECT_EQ(m.run_to(Time::from_ns(999'999)).kind, DispatchKind::idle);
  EXPECT_EQ(m.run_to_us(1000).context, &c);
  EXPECT_LE(c.refills().tail().time - c.refills().head().time, us(1000));
}

// seL4 #1104: a context entered the release queue twice.
TEST(Lessons, SeL4_1104_NothingIsQueuedTwice) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.run_to_us(100);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(m.cpu.make_ready(c, m.now));  // it waits for its refill already
    m.pick();
  }
  EXPECT_EQ(m.run_to_us(1000).context, &c);
  EXPECT_TRUE(m.cpu.make_ready(c, m.now));  // it is ready already
  m.cpu.block(c, m.now);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
}

// seL4 #262: refills out of order after a merge.
TEST(Lessons, SeL4_262_RefillsStayOrderedThroughManyShortRuns) {
  Random random(262);
  Machine m;
  Context& c = m.context(1, us(300), us(1000));
  for (int i = 0; i < 20'000; ++i) {
    m.cpu.make_ready(c, m.now);
    m.pick();
    m.run_to(std::min(m.cpu.next_event(m.now), m.now + random.duration(Duration::ns(1), us(40))));
    m.cpu.block(c, m.now);
    m.run_to(m.now + random.duration(Duration::ns(1), us(200)));
    ASSERT_STREQ(check_refills(c.refills(), us(300), us(1000)), nullptr) << "round " << i;
  }
}

// Microkit #285: a budget at the minimum made no progress: each dispatch ended before it began.
TEST(Lessons, Microkit_285_TheMinimumBudgetMakesProgress) {
  Machine m;
  Context& c = m.context(1, kMinBudget, us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  for (std::uint64_t k = 0; k < 100; ++k) {
    EXPECT_EQ(m.run_to_event().overrun, &c);
    EXPECT_EQ(c.total_consumed(), kMinBudget * static_cast<std::int64_t>(k + 1));
    EXPECT_EQ(m.run_to_event().context, &c);
    EXPECT_EQ(m.now, at_us(1000 * (k + 1)));
  }
}

TEST(Lessons, Microkit_285_OneMicrosecondLessIsRefused) {
  Context c;
  const ContextParameters p{.budget = kMinBudget - us(1),
                            .period = {1, 1000},
                            .deadline = us(1000),
                            .priority = Priority(1),
                            .cpu = CpuId(0),
                            .island = IslandId(1)};
  const auto result = c.configure(p, Time{});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), ContextError::budget_below_minimum);
}

// Every time that next_event names is in the future, so no timer can fire for ever at one instant.
TEST(Lessons, Microkit_285_TheNextEventIsAlwaysAhead) {
  Machine m;
  Context& a = m.context(2, kMinBudget, us(10));
  Context& b = m.periodic(1, kMinBudget, us(10), at_us(10));
  m.cpu.make_ready(a, m.now);
  m.pick();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_GT(m.cpu.next_event(m.now), m.now);
    m.run_to_event();
  }
  EXPECT_GT(a.total_consumed(), Duration{});
  EXPECT_GT(b.total_consumed(), Duration{});
}

}  // namespace
}  // namespace capos::sched
