// SPDX-License-Identifier: Apache-2.0
// Contexts and best effort without periodic jobs.
#include "machine.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::Machine;
using test::us;

TEST(CpuScheduler, IdleWithoutWorkAndWithoutTimer) {
  Machine m;
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
  m.run_to_us(50);
  EXPECT_EQ(m.cpu.idle_time(), us(50));
}

TEST(CpuScheduler, TheHighestReadyContextRuns) {
  Machine m;
  Context& low = m.context(1, us(100), us(1000));
  Context& high = m.context(2, us(100), us(1000));
  EXPECT_TRUE(m.cpu.make_ready(low, m.now));
  EXPECT_EQ(m.pick().context, &low);
  EXPECT_FALSE(m.cpu.must_switch(m.now));
  EXPECT_TRUE(m.cpu.make_ready(high, m.now));
  EXPECT_TRUE(m.cpu.must_switch(m.now));
  EXPECT_EQ(m.pick().context, &high);
  m.now = at_us(10);
  m.cpu.block(high, m.now);
  EXPECT_EQ(m.pick().context, &low);
  EXPECT_EQ(high.total_consumed(), us(10));
  EXPECT_EQ(low.total_consumed(), Duration{});
}

TEST(CpuScheduler, APreemptedContextKeepsItsTurn) {
  Machine m;
  Context& first = m.context(1, us(100), us(1000));
  Context& second = m.context(1, us(100), us(1000));
  Context& high = m.context(2, us(100), us(1000));
  m.cpu.make_ready(first, m.now);
  m.cpu.make_ready(second, m.now);
  EXPECT_EQ(m.pick().context, &first);
  m.cpu.make_ready(high, m.now);
  EXPECT_EQ(m.pick().context, &high);
  m.cpu.block(high, m.now);
  EXPECT_EQ(m.pick().context, &first);
  m.cpu.yield(first, m.now);
  EXPECT_EQ(m.pick().context, &second);
}

TEST(CpuScheduler, ASpentBudgetWaitsForItsRefillAndIsReportedOnce) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  EXPECT_EQ(m.pick().overrun, nullptr);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(100));
  const Dispatch spent = m.run_to_event();
  EXPECT_EQ(spent.kind, DispatchKind::idle);
  EXPECT_EQ(spent.overrun, &c);
  EXPECT_EQ(c.state(), ContextState::awaiting_refill);
  EXPECT_EQ(m.pick().overrun, nullptr);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(1000));
  EXPECT_EQ(m.run_to_event().context, &c);
  ASSERT_EQ(m.releases.size(), 1u);
  EXPECT_EQ(m.releases[0].second, ReleaseKind::refill);
  EXPECT_EQ(c.remaining(m.now), us(100));
}

TEST(CpuScheduler, TheBudgetEndIsExactToTheNanosecond) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  EXPECT_EQ(m.run_to(Time::from_ns(99'999)).context, &c);
  EXPECT_EQ(c.remaining(m.now), Duration::ns(1));
  EXPECT_EQ(m.run_to(Time::from_ns(100'000)).context, nullptr);
}

TEST(CpuScheduler, ALateTimerIsPaidForInTheNextPeriod) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  EXPECT_EQ(m.run_to_us(107).overrun, &c);
  m.run_to_us(1000);
  EXPECT_EQ(c.remaining(m.now), us(93));
}

TEST(CpuScheduler, AFullBudgetNeedsNoTimer) {
  Machine m;
  Context& c = m.context(1, us(1000), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
  EXPECT_EQ(m.run_to_us(1'000'000).context, &c);
  EXPECT_EQ(c.total_consumed(), us(1'000'000));
}

TEST(CpuScheduler, MakeReadyWithoutBudgetWaitsForIt) {
  Machine m;
  Context& c = m.context(1, us(100), us(1000));
  m.cpu.make_ready(c, m.now);
  m.pick();
  m.run_to_us(100);
  m.cpu.block(c, m.now);
  m.now = at_us(300);
  EXPECT_FALSE(m.cpu.make_ready(c, m.now));
  EXPECT_EQ(c.state(), ContextState::awaiting_refill);
  EXPECT_EQ(m.run_to_event().context, &c);
  EXPECT_EQ(m.now, at_us(1000));
}

TEST(CpuScheduler, ACeilingRaisesWhatRunsWithoutCostingItsTurn) {
  Machine m;
  Context& first = m.context(1, us(100), us(1000));
  Context& second = m.context(1, us(100), us(1000));
  Context& middle = m.context(2, us(100), us(1000));
  m.cpu.make_ready(first, m.now);
  m.cpu.make_ready(second, m.now);
  m.pick();
  m.cpu.set_priority(first, Priority(3), m.now);
  m.cpu.make_ready(middle, m.now);
  EXPECT_EQ(m.pick().context, &first);
  m.cpu.set_priority(first, first.base_priority(), m.now);
  EXPECT_EQ(m.pick().context, &middle);
  m.cpu.block(middle, m.now);
  EXPECT_EQ(m.pick().context, &first);
}

TEST(CpuScheduler, PriorityOfABlockedContextCountsWhenItWakes) {
  Machine m;
  Context& a = m.context(1, us(100), us(1000));
  Context& b = m.context(2, us(100), us(1000));
  m.cpu.set_priority(a, Priority(3), m.now);
  m.cpu.make_ready(b, m.now);
  m.cpu.make_ready(a, m.now);
  EXPECT_EQ(m.pick().context, &a);
}

TEST(CpuScheduler, RemoveTakesItOutOfEveryState) {
  Machine m;
  Context& running = m.context(3, us(100), us(1000));
  Context& ready = m.context(1, us(100), us(1000));
  Context& waiting = m.periodic(2, us(100), us(1000), at_us(500));
  m.cpu.make_ready(running, m.now);
  m.cpu.make_ready(ready, m.now);
  m.pick();
  for (Context* c : {&running, &ready, &waiting}) m.cpu.remove(*c, m.now);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
}

TEST(BestEffort, RunsOnlyBelowContexts) {
  Machine m;
  FairEntity entity;
  Context& c = m.context(0, us(100), us(1000));
  m.cpu.make_ready(entity, m.now);
  EXPECT_EQ(m.pick().entity, &entity);
  m.cpu.make_ready(c, m.now);
  EXPECT_EQ(m.pick().context, &c);
  m.now = at_us(40);
  m.cpu.block(c, m.now);
  EXPECT_EQ(m.pick().entity, &entity);
  m.run_to_us(100);
  EXPECT_EQ(entity.total_consumed(), us(60));
  m.cpu.block(entity, m.now);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
}

TEST(BestEffort, AloneItNeedsNoTimer) {
  Machine m;
  FairEntity entity;
  m.cpu.make_ready(entity, m.now);
  m.pick();
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
}

TEST(BestEffort, TwoShareByRequests) {
  Machine m;
  FairEntity a;
  FairEntity b;
  for (FairEntity* entity : {&a, &b}) m.cpu.set_share(*entity, 100, us(100), m.now);
  m.cpu.make_ready(a, m.now);
  m.cpu.make_ready(b, m.now);
  m.pick();
  for (int i = 0; i < 20; ++i) m.run_to_event();
  EXPECT_EQ(m.now, at_us(2000));
  EXPECT_EQ(a.total_consumed(), us(1000));
  EXPECT_EQ(b.total_consumed(), us(1000));
}

TEST(BestEffort, WeightsAreShares) {
  Machine m;
  FairEntity light;
  FairEntity heavy;
  m.cpu.set_share(light, 100, us(100), m.now);
  m.cpu.set_share(heavy, 300, us(100), m.now);
  m.cpu.make_ready(light, m.now);
  m.cpu.make_ready(heavy, m.now);
  m.pick();
  while (m.now < at_us(4000)) m.run_to_event();
  EXPECT_LE(std::abs((heavy.total_consumed() - light.total_consumed() * 3).ns()), us(400).ns());
  m.cpu.set_share(light, 300, us(100), m.now);  // from here on they are equal
  const Duration light_before = light.total_consumed();
  const Duration heavy_before = heavy.total_consumed();
  while (m.now < at_us(8000)) m.run_to_event();
  const Duration more = (heavy.total_consumed() - heavy_before) - (light.total_consumed() - light_before);
  EXPECT_LE(std::abs(more.ns()), us(200).ns());
}

// What a context cuts in two is one request, told to the queue when best effort is looked at again.
TEST(BestEffort, ServiceCountsAcrossPreemptions) {
  Machine m;
  FairEntity a;
  FairEntity b;
  for (FairEntity* entity : {&a, &b}) m.cpu.set_share(*entity, 100, us(100), m.now);
  m.cpu.make_ready(a, m.now);
  m.cpu.make_ready(b, m.now);
  Context& c = m.periodic(1, us(50), us(1000), at_us(60));
  EXPECT_EQ(m.pick().entity, &a);
  m.run_to_us(60);
  m.cpu.block(a, m.now);  // it goes while the context runs: what it had is not forgotten
  EXPECT_EQ(a.total_consumed(), us(60));
  m.cpu.wait_next_release(c, m.now);
  EXPECT_EQ(m.pick().entity, &b);
}

TEST(BestEffort, TimeOfContextsDoesNotUseUpARequest) {
  Machine m;
  FairEntity a;
  FairEntity b;
  for (FairEntity* entity : {&a, &b}) m.cpu.set_share(*entity, 100, us(100), m.now);
  m.cpu.make_ready(a, m.now);
  m.cpu.make_ready(b, m.now);
  Context& c = m.periodic(1, us(50), us(1000), at_us(30));
  EXPECT_EQ(m.pick().entity, &a);
  EXPECT_EQ(m.run_to_us(30).context, &c);
  m.now = at_us(60);
  m.cpu.wait_next_release(c, m.now);
  EXPECT_EQ(m.pick().entity, &a);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(130));
  EXPECT_EQ(m.run_to_event().entity, &b);
}

TEST(BestEffort, YieldEndsTheRequest) {
  Machine m;
  FairEntity a;
  FairEntity b;
  m.cpu.make_ready(a, m.now);
  m.cpu.make_ready(b, m.now);
  m.pick();
  m.cpu.yield(a, m.now);
  EXPECT_TRUE(m.cpu.must_switch(m.now));
  EXPECT_EQ(m.pick().entity, &b);
}

}  // namespace
}  // namespace capos::sched
