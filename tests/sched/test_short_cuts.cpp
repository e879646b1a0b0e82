// SPDX-License-Identifier: Apache-2.0
// release_over(), yield_over() and hold_spent() do what the general operations do: two machines with the same contexts and
// programs, one of which takes the short cuts, stay equal.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "machine.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::at_us;
using test::us;

// A CPU, its contexts, and what its kernel does when a timer fires or a thread yields.
class Twin {
 public:
  explicit Twin(bool short_cuts) : short_cuts_(short_cuts) { cpu.start(CpuId(1), Time{}); }

  Context& add(const ContextParameters& parameters, Time first) {
    Context& made = contexts.emplace_back();
    made.source = static_cast<std::uint32_t>(contexts.size());
    EXPECT_TRUE(made.configure(parameters, Time{}).has_value());
    cpu.wait_next_release(made, Time{});
    cpu.arm_jobs(made, first, Time{});
    return made;
  }
  void timer(Time now) {
    bool released = false;
    if (short_cuts_) {
      if (cpu.release_over(now, released) != nullptr) ++taken;
      if (Context* const spent = released ? nullptr : cpu.spent_alone(now)) return hold(*spent, now);
    }
    cpu.release_due(now, [&](Context&, ReleaseKind) { released = true; });
    cpu.deadlines_due(now, [this](Context& late) { missed.push_back(late.source); });
    note(cpu.pick(now), now);
  }
  void yield(Time now) {
    Context* const current = cpu.current_context();
    if (current == nullptr) return;
    const Time armed = cpu.next_event(now);
    if (short_cuts_ && cpu.yield_over(*current, now) != nullptr) {
      ++taken;
      if (cpu.timer_stands(*current, armed, now)) {
        ++stood;
        EXPECT_EQ(cpu.next_event(now), armed);
      }
      return;
    }
    cpu.yield(*current, now);
    note(cpu.pick(now), now);
  }
  void choose(Time now) { note(cpu.pick(now), now); }

  CpuScheduler cpu;
  std::deque<Context> contexts;
  FairEntity entity;
  std::vector<std::uint32_t> missed, overran;
  unsigned taken = 0, held = 0, stood = 0;

 private:
  void hold(Context& spent, Time now) {
    ++held;
    overran.push_back(spent.source);
    cpu.hold_spent(spent, now);
    if (cpu.pick_context(now) == nullptr) (void)cpu.pick(now);
  }
  void note(const Dispatch& found, Time now) {
    if (found.overrun == nullptr) return;
    overran.push_back(found.overrun->source);
    cpu.abandon_job(*found.overrun, now);
    (void)cpu.pick(now);
  }
  bool short_cuts_;
};

class Twins {
 public:
  explicit Twins(std::uint64_t seed) : random_(seed) {
    const int count = static_cast<int>(random_.between(1, 5));
    const bool edf = random_.chance(25);
    for (int i = 0; i < count; ++i) {
      const Duration period = Duration::us(static_cast<std::int64_t>(random_.between(5, 20)) * 50);
      const ContextParameters parameters{.budget = us(static_cast<std::int64_t>(random_.between(5, random_.chance(30) ? 240 : 120))),
                                         .period = Period::from_ns(static_cast<std::uint32_t>(period.ns())),
                                         .deadline = period,
                                         .priority = Priority(static_cast<std::uint8_t>(random_.between(1, 3))),
                                         .cpu = CpuId(1),
                                         .island = IslandId(1),
                                         .on_miss = Consequence::skip,
                                         .edf = edf};
      const Time first = at_us(random_.between(1, 8) * 50);
      for (Twin* const twin : {&fast_, &slow_}) twin->add(parameters, first);
    }
    if (random_.chance(50)) {
      for (Twin* const twin : {&fast_, &slow_}) twin->cpu.make_ready(twin->entity, now_);
    }
    for (Twin* const twin : {&fast_, &slow_}) twin->choose(now_);
  }

  void step() {
    const Time next = fast_.cpu.next_event(now_);
    const Time later = now_ + random_.duration(Duration::ns(1), us(40));
    now_ = random_.chance(70) && !next.is_never() ? next : std::min(next, later);
    if (random_.chance(5)) now_ = now_ + us(300);  // a timer that is late: several things are due at once
    const bool timer = now_ >= next;
    const int act = static_cast<int>(random_.between(0, 3));
    for (Twin* const twin : {&fast_, &slow_}) {
      timer ? twin->timer(now_) : do_one(*twin, act);
    }
  }

  void check() {
    for (std::size_t i = 0; i < fast_.contexts.size(); ++i) {
      const Context &one = fast_.contexts[i], &other = slow_.contexts[i];
      ASSERT_EQ(one.state(), other.state()) << i;
      ASSERT_EQ(one.total_consumed(), other.total_consumed()) << i;
      ASSERT_EQ(one.jobs().current().index, other.jobs().current().index) << i;
      ASSERT_EQ(one.jobs().current().first_run, other.jobs().current().first_run) << i;
      ASSERT_EQ(one.jobs().current().preemptions, other.jobs().current().preemptions) << i;
      ASSERT_EQ(one.jobs().current().delayed_by, other.jobs().current().delayed_by) << i;
      ASSERT_EQ(one.jobs().last_finished().index, other.jobs().last_finished().index) << i;
      ASSERT_EQ(one.jobs().last_finished().flags, other.jobs().last_finished().flags) << i;
      ASSERT_EQ(one.jobs().last_finished().finish, other.jobs().last_finished().finish) << i;
      ASSERT_EQ(one.jobs().totals().overruns, other.jobs().totals().overruns) << i;
      ASSERT_EQ(one.jobs().totals().abandoned, other.jobs().totals().abandoned) << i;
      ASSERT_EQ(one.jobs().totals().skipped, other.jobs().totals().skipped) << i;
      ASSERT_EQ(one.refills().size(), other.refills().size()) << i;
      ASSERT_EQ(one.refills().head(), other.refills().head()) << i;
      ASSERT_EQ(one.refills().tail(), other.refills().tail()) << i;
    }
    const Context *const one = fast_.cpu.current_context(), *const other = slow_.cpu.current_context();
    ASSERT_EQ(one == nullptr, other == nullptr);
    if (one != nullptr) {
      ASSERT_EQ(one->source, other->source);
    }
    ASSERT_EQ(fast_.cpu.next_event(now_), slow_.cpu.next_event(now_));
    ASSERT_EQ(fast_.missed, slow_.missed);
    ASSERT_EQ(fast_.overran, slow_.overran);
    for (Twin* const twin : {&fast_, &slow_}) ASSERT_STREQ(twin->cpu.check_invariants(now_), nullptr);
  }
  [[nodiscard]] const Twin& fast() const { return fast_; }

 private:
  void do_one(Twin& twin, int act) {
    Context* const current = twin.cpu.current_context();
    if (act == 0) return twin.yield(now_);
    if (act == 1 && current != nullptr) twin.cpu.wait_next_release(*current, now_);
    twin.choose(now_);
  }

  test::Random random_;
  Twin fast_{true}, slow_{false};
  Time now_{};
};

TEST(ShortCuts, ChooseWhatTheGeneralOperationsChoose) {
  unsigned taken = 0, held = 0, stood = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Twins twins(seed);
    for (int i = 0; i < 300; ++i) {
      twins.step();
      twins.check();
      if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << " step " << i;
    }
    taken += twins.fast().taken;
    held += twins.fast().held;
    stood += twins.fast().stood;
  }
  EXPECT_GT(taken, 10'000u) << "the short cuts were hardly taken";
  EXPECT_GT(held, 2'000u) << "hardly a budget was spent alone";
  EXPECT_GT(stood, 30u) << "hardly a timer stood over a yield";
}

}  // namespace
}  // namespace capos::sched
