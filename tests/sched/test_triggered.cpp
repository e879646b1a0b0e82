// SPDX-License-Identifier: Apache-2.0
// Triggered jobs: released by their input, due from their release, dropped without input.
#include <bit>

#include "machine.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::us;

constexpr Duration kJitter = us(300);

class Triggered : public ::testing::TestWithParam<bool> {
 protected:
  // Due 900 us after releases at 1000, 2000, ...; its input may come 300 us after them.
  Context& task(Duration budget, Consequence on_miss = Consequence::run_late) {
    Context& made = made_.emplace_back();
    made.source = static_cast<std::uint32_t>(made_.size());
    EXPECT_TRUE(made.configure({.budget = budget,
                                .period = Period::from_ns(1'000'000),
                                .deadline = us(900),
                                .priority = Priority(100),
                                .cpu = CpuId(1),
                                .island = IslandId(1),
                                .on_miss = on_miss,
                                .edf = GetParam(),
                                .triggered = true,
                                .jitter = kJitter},
                               m.now)
                    .has_value());
    m.cpu.wait_next_release(made, m.now);
    m.cpu.arm_jobs(made, at_us(1000), m.now);
    return made;
  }
  // Job `index` of its predecessor ends at `at`: how many jobs are dropped for that.
  unsigned input(Context& context, std::uint32_t index, std::uint64_t at) {
    inputs_ = inputs_.with(index);
    m.now = at_us(at);
    unsigned dropped = 0;
    while (m.cpu.take_inputs(context, inputs_, m.now)) ++dropped;
    EXPECT_STREQ(m.cpu.check_invariants(m.now), nullptr);
    return dropped;
  }
  void end(Context& context, std::uint64_t at) {
    m.now = at_us(at);
    EXPECT_TRUE(m.cpu.wait_next_release(context, m.now));
    EXPECT_STREQ(m.cpu.check_invariants(m.now), nullptr);
  }
  test::Machine m;

 private:
  std::deque<Context> made_;
  Inputs inputs_{};
};

TEST_P(Triggered, AJobBeginsWithItsInputAndCountsFromItsRelease) {
  Context& c = task(us(100));
  EXPECT_EQ(c.state(), ContextState::awaiting_input);
  EXPECT_EQ(m.cpu.next_event(m.now), at_us(1900) + Duration::ns(1)) << "nothing but its deadline";
  EXPECT_EQ(input(c, 0, 1250), 0u);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().release, at_us(1000));
  EXPECT_EQ(c.jobs().current().deadline, at_us(1900));
  EXPECT_EQ(c.jobs().current().flags, kJobNoFlags);
  end(c, 1350);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_EQ(c.jobs().last_finished().finish, at_us(1350));
  EXPECT_EQ(c.state(), ContextState::awaiting_input);
  // The next input comes at its release: the budget of that job is there, although the last was taken 250 us later.
  EXPECT_EQ(input(c, 1, 2001), 0u);
  EXPECT_EQ(m.pick().context, &c);
  end(c, 2101);
  EXPECT_EQ(c.jobs().last_finished().flags, kJobNoFlags);
  EXPECT_TRUE(m.misses.empty());
}

TEST_P(Triggered, AJobWithoutInputIsDroppedAtItsDeadline) {
  Context& c = task(us(100));
  EXPECT_EQ(m.run_to_event().kind, DispatchKind::idle);
  ASSERT_EQ(m.misses.size(), 1u);
  EXPECT_EQ(c.jobs().current().index, 0u);
  EXPECT_EQ(miss_cause(c.jobs().current(), us(5)), MissCause::no_input);
  EXPECT_EQ(input(c, 0, 1950), 0u) << "too late for it";
  EXPECT_EQ(m.pick().kind, DispatchKind::idle);
  EXPECT_EQ(input(c, 1, 2100), 0u);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().index, 1u);
  EXPECT_EQ(c.jobs().current().skipped, 1u);
  end(c, 2200);
  EXPECT_EQ(c.jobs().totals().missed, 1u);
  EXPECT_EQ(c.jobs().totals().skipped, 1u);
  EXPECT_EQ(c.jobs().totals().finished, 1u);
}

TEST_P(Triggered, WithoutAPredecessorEachJobIsDroppedInItsPeriod) {
  Context& c = task(us(100));
  while (m.now < at_us(10'000)) m.run_to_event();
  EXPECT_EQ(m.misses.size(), 10u);
  EXPECT_EQ(c.jobs().totals().missed, 10u);
  EXPECT_EQ(c.total_consumed(), Duration{});
}

// The deadline's timer is late, and the input of the next job comes first.
TEST_P(Triggered, AnInputDropsTheJobBeforeItWhoseDeadlineHasPassed) {
  Context& c = task(us(100));
  EXPECT_EQ(input(c, 1, 2050), 1u);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().index, 1u);
  EXPECT_EQ(c.jobs().totals().missed, 1u);
}

TEST_P(Triggered, ManyDeadlinesPassedAreOneMissAndSkips) {
  Context& c = task(us(100));
  m.run_to_us(5950);
  ASSERT_EQ(m.misses.size(), 1u);
  EXPECT_EQ(c.jobs().totals().skipped, 5u);
  EXPECT_EQ(input(c, 5, 6100), 0u);
  EXPECT_EQ(c.jobs().current().index, 5u);
  EXPECT_EQ(c.jobs().current().skipped, 5u);
}

// An input later than admitted: its job's budget counts from then less the admitted jitter, so that the next one's comes no
// sooner after it than others reckon with.
TEST_P(Triggered, ALateInputMovesTheBudget) {
  Context& c = task(us(100));
  input(c, 0, 1800);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().flags, kJobInputLate);
  end(c, 1900);
  m.pick();
  input(c, 1, 2000);
  EXPECT_EQ(m.pick().kind, DispatchKind::idle) << "its budget counted from 1500";
  EXPECT_NE(c.jobs().current().flags & kJobAwaitedRefill, 0u);
  EXPECT_EQ(m.run_to_event().context, &c);
  EXPECT_EQ(m.now, at_us(2500));
}

TEST_P(Triggered, InputsThatComeDuringAJobWaitForItsEnd) {
  Context& c = task(us(900));
  Context& above = m.context(200, us(500), us(100'000));
  input(c, 0, 1100);
  m.cpu.make_ready(above, m.now);
  EXPECT_EQ(m.pick().context, &above);
  m.now = at_us(1600);
  m.cpu.block(above, m.now);
  m.pick();
  input(c, 1, 2050);
  EXPECT_EQ(m.run_to(m.now).context, &c);
  EXPECT_EQ(c.jobs().current().index, 0u);
  end(c, 2100);
  EXPECT_EQ(m.pick().context, &c);
  EXPECT_EQ(c.jobs().current().index, 1u);
  EXPECT_EQ(c.jobs().current().flags & kJobReleasedLate, kJobReleasedLate);
  EXPECT_EQ(c.jobs().current().release, at_us(2000));
}

TEST_P(Triggered, UnderSkipTheyDoNot) {
  Context& c = task(us(900), Consequence::skip);
  Context& above = m.context(200, us(500), us(100'000));
  input(c, 0, 1100);
  m.cpu.make_ready(above, m.now);
  m.pick();
  m.now = at_us(1600);
  m.cpu.block(above, m.now);
  m.pick();
  input(c, 1, 2050);
  end(c, 2100);
  EXPECT_EQ(c.state(), ContextState::awaiting_input);
  input(c, 2, 3000);
  EXPECT_EQ(c.jobs().current().index, 2u);
  EXPECT_EQ(c.jobs().current().skipped, 1u);
}

TEST_P(Triggered, AHeldJobWaitsForTheNextInput) {
  Context& c = task(us(100));
  input(c, 0, 1100);
  m.pick();
  EXPECT_EQ(m.run_to_us(1200).overrun, &c);
  EXPECT_TRUE(m.cpu.abandon_job(c, m.now));
  EXPECT_EQ(c.state(), ContextState::awaiting_input);
  EXPECT_FALSE(m.cpu.make_ready(c, m.now)) << "its thread may do what it will";
  input(c, 1, 2100);
  EXPECT_EQ(m.pick().context, &c);
}

TEST_P(Triggered, BlockedOrRemovedItIsWatchedNoMore) {
  Context& c = task(us(100));
  m.cpu.block(c, m.now);
  EXPECT_STREQ(m.cpu.check_invariants(m.now), nullptr);
  EXPECT_TRUE(m.cpu.next_event(m.now).is_never());
  m.cpu.remove(c, m.now);
  input(c, 0, 1100);
  EXPECT_EQ(c.state(), ContextState::blocked);
}

TEST(Inputs, AreRememberedAsFarAsTheyGo) {
  Inputs inputs;
  inputs = inputs.with(7);
  EXPECT_EQ(inputs.latest, 7u);
  EXPECT_EQ(inputs.ended, 1u);
  inputs = inputs.with(10);
  EXPECT_EQ(inputs.ended, 0b1001u);
  inputs = inputs.with(41);
  EXPECT_EQ(inputs.ended, 1u << 31 | 1u) << "7 is forgotten, 10 is not";
  inputs = inputs.with(41 + 32);
  EXPECT_EQ(inputs.ended, 1u);
}

// Jobs whose predecessors ended them, in any pattern, are released in order, each once; the others are skipped.
TEST(Inputs, EachIsFoundOnceInOrder) {
  for (std::uint32_t pattern = 1; pattern < 1u << 12; ++pattern) {
    JobTracker jobs;
    jobs.configure(Period::from_ns(1'000'000), us(1000), Consequence::run_late, true, us(100));
    jobs.arm(at_us(1000));
    Inputs inputs;
    for (std::uint32_t k = 0; k < 12; ++k) {
      if ((pattern >> k & 1) != 0) inputs = inputs.with(k);
    }
    jobs.note_inputs(inputs);
    std::uint32_t found = 0;
    while (jobs.find_input()) {
      jobs.release(at_us(20'000), false);
      ASSERT_EQ(jobs.current().release, at_us(1000 * (jobs.current().index + 1)));
      found |= 1u << jobs.current().index;
      jobs.finish(at_us(20'000));
    }
    ASSERT_EQ(found, pattern);
    ASSERT_EQ(jobs.totals().skipped + jobs.totals().finished, static_cast<std::uint64_t>(32 - std::countl_zero(pattern)));
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, Triggered, ::testing::Bool());

}  // namespace
}  // namespace capos::sched
