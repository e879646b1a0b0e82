// SPDX-License-Identifier: Apache-2.0
// A CPU with random contexts, random programs and exact timers, watched by accounts of its own.
//
// Checked at each step, independently of the scheduler's bookkeeping:
//   budget   what is charged to activations within any window of one period is at most the budget; and for a
//            context that nothing ever delays, so is what it runs in any sliding window of one period;
//   service  a context that wants the CPU is ready whenever it has budget, and the highest ready one runs, or, on one machine
//            in three, the one due first;
//   states   blocked contexts are in no queue, waiting ones wait for the right thing; the next event is
//   ahead.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "capos/sched/cpu_scheduler.hpp"
#include "random.hpp"

namespace capos::sched::test {

struct Interval {
  Time from;
  Time to;
};

enum class Wish { blocked, runs, waits_release };

struct Slot {
  Context context;
  Wish wish = Wish::blocked;
  bool periodic = false;
  bool undelayed = false;  // alone at the highest priority
  Time floor = Time::never();
  Time activated{};        // of a full budget, which keeps no refills
  std::deque<Interval> runs;
  std::deque<Refill> charges;  // activation, amount
  RefillList before;
  [[nodiscard]] Duration budget() const { return context.parameters().budget; }
  [[nodiscard]] Duration period() const { return context.parameters().period.floor(); }
};

// How much of the runs lies in [from, to).
inline Duration ran_within(const std::deque<Interval>& runs, Time from, Time to) {
  Duration sum{};
  for (const Interval& run : runs) {
    const Time begin = std::max(run.from, from);
    const Time end = std::min(run.to, to);
    if (begin < end) sum += end - begin;
  }
  return sum;
}

// Windows that end with the newest run, and those that begin with a run and are over: the sum is largest at
// one of these. A run longer than is kept is out of every later window.
[[nodiscard]] inline bool sliding_windows_hold(Slot& slot) {
  const Duration period = slot.period();
  const Time end = slot.runs.back().to;
  const Time begin = end.ns() > static_cast<std::uint64_t>(period.ns()) ? end - period : Time{};
  if (ran_within(slot.runs, begin, end) > slot.budget()) return false;
  while (slot.runs.size() > 1 && slot.runs.front().from + period <= end) {
    const Time from = slot.runs.front().from;
    if (ran_within(slot.runs, from, from + period) > slot.budget()) return false;
    if (slot.runs.front().to + period > end) break;
    slot.runs.pop_front();
  }
  return true;
}

[[nodiscard]] inline bool activation_windows_hold(Slot& slot) {
  while (slot.charges.front().time + slot.period() <= slot.charges.back().time) slot.charges.pop_front();
  Duration sum{};
  for (const Refill& charge : slot.charges) sum += charge.amount;
  return sum <= slot.budget();
}

class RandomMachine {
 public:
  explicit RandomMachine(std::uint64_t seed)
      : random_(seed), edf_(random_.chance(33)), slots_(count(2, 6)), entities_(count(0, 3)) {
    cpu_.start(CpuId(1), now_);
    int highest = 0;
    for (Slot& slot : slots_) highest = std::max(highest, configure(slot));
    int at_top = 0;
    for (const Slot& slot : slots_) at_top += slot.context.priority().value() == highest ? 1 : 0;
    for (Slot& slot : slots_) {
      slot.undelayed = !edf_ && at_top == 1 && slot.context.priority().value() == highest;
    }
    for (FairEntity& entity : entities_)
      cpu_.set_share(entity, static_cast<std::uint32_t>(random_.between(1, 1000)),
                     random_.duration(kMinRequest, Duration::us(500)), now_);
    picked_ = cpu_.pick(now_);
  }

  void step() {
    advance();
    if (random_.chance(40)) act();
    picked_ = cpu_.pick(now_);
    if (picked_.overrun != nullptr && random_.chance(50)) abandon(*picked_.overrun);
    check();
  }

 private:
  std::size_t count(int low, int high) { return static_cast<std::size_t>(random_.between(low, high)); }

  int configure(Slot& slot) {
    const Duration period = random_.duration(Duration::us(20), Duration::us(1500));
    const Duration budget =
        random_.duration(kMinBudget, random_.chance(10) ? period : period / 3 + kMinBudget);
    const auto priority = static_cast<std::uint8_t>(random_.between(1, 6));
    const std::uint32_t denominator = random_.chance(50) ? 1'000'000'000u : 999'999'937u;
    const Consequence on_miss = random_.chance(50) ? Consequence::run_late : Consequence::skip;
    const bool is_long = on_miss == Consequence::run_late && random_.chance(40);
    const ContextParameters parameters{
        .budget = std::min(budget, period),
        .period = {static_cast<std::uint32_t>(period.ns()), denominator},
        .deadline = is_long ? random_.duration(period, period * 4) : random_.duration(std::min(budget, period), period),
        .priority = Priority(priority),
        .cpu = CpuId(1),
        .island = IslandId(1),
        .on_miss = on_miss,
        .edf = edf_};
    EXPECT_TRUE(slot.context.configure(parameters, now_).has_value());
    slot.periodic = random_.chance(60);
    if (slot.periodic) {
      cpu_.wait_next_release(slot.context, now_);
      cpu_.arm_jobs(slot.context, now_ + random_.duration(Duration{}, Duration::ms(1)), now_);
      slot.wish = Wish::waits_release;
    }
    return priority;
  }

  Slot* slot_of(const Context* context) {
    for (Slot& slot : slots_) {
      if (&slot.context == context) return &slot;
    }
    return nullptr;
  }

  Duration random_step() {
    switch (random_.between(0, 3)) {
      case 0:
        return random_.duration(Duration::ns(1), Duration::us(1));
      case 1:
        return random_.duration(Duration::us(1), Duration::us(30));
      default:
        return random_.duration(Duration::us(30), Duration::us(800));
    }
  }

  // The chosen one runs until an event is due or its program does something.
  void advance() {
    const Time until = std::min(cpu_.next_event(now_), now_ + random_step());
    Slot* const running = slot_of(picked_.context);
    if (running != nullptr) {
      running->before = running->context.refills();
      note_run(*running, {now_, until});
    }
    now_ = until;
    cpu_.release_due(now_, [this](Context& c, ReleaseKind kind) {
      slot_of(&c)->wish = Wish::runs;
      if (kind != ReleaseKind::refill) slot_of(&c)->activated = c.jobs().current().release;
    });
    cpu_.deadlines_due(now_, [this](Context& late) {
      ASSERT_LT(late.jobs().current().deadline, now_) << "missed too early";
    });
  }

  void note_run(Slot& slot, Interval run) {
    if (slot.context.full_budget()) return;
    if (!slot.runs.empty() && slot.runs.back().to == run.from) {
      slot.runs.back().to = run.to;
    } else {
      slot.runs.push_back(run);
    }
    if (slot.undelayed) {
      ASSERT_TRUE(sliding_windows_hold(slot)) << "budget exceeded in a sliding window";
    } else {
      slot.runs.pop_front();
    }
    note_charges(slot, run.to - run.from);
  }

  // Which activations the run is charged to: from the refills as they were before, head first.
  void note_charges(Slot& slot, const Duration ran) {
    Duration left = ran;
    for (std::size_t i = 0; i < slot.before.size() && left > Duration{}; ++i) {
      const Duration amount = std::min(left, slot.before[i].amount);
      ASSERT_LE(slot.before[i].time, now_ + (ran - left)) << "a refill was used before its time";
      slot.charges.push_back({slot.before[i].time, amount});
      left -= amount;
    }
    ASSERT_EQ(left, Duration{}) << "ran longer than its whole budget";
    ASSERT_TRUE(activation_windows_hold(slot)) << "over a budget charged to activations within one period";
  }

  void act() {
    Slot& slot = slots_[count(0, static_cast<int>(slots_.size()) - 1)];
    Slot* const running = slot_of(picked_.context);
    switch (random_.between(0, 7)) {
      case 0:
      case 1:
        wake(slot);
        break;
      case 2:
        block(slot);
        break;
      case 3:
      case 4:
        if (running != nullptr) end_job(*running);
        break;
      case 5:
        if (running != nullptr) cpu_.yield(running->context, now_);
        break;
      case 6:
        raise(slot);
        break;
      default:
        toggle_entity();
        break;
    }
  }

  void wake(Slot& slot) {
    if (slot.wish != Wish::blocked) return;
    cpu_.make_ready(slot.context, now_);
    slot.activated = now_;
    slot.wish = Wish::runs;
  }
  void block(Slot& slot) {
    if (slot.wish != Wish::runs) return;
    cpu_.block(slot.context, now_);
    slot.floor = Time::never();
    slot.wish = Wish::blocked;
  }
  void end_job(Slot& slot) {
    if (slot.wish != Wish::runs || !slot.periodic) return;
    cpu_.wait_next_release(slot.context, now_);
    slot.floor = Time::never();
    if (slot.context.jobs().in_progress()) slot.activated = slot.context.jobs().current().release;
    const bool late = slot.context.jobs().in_progress();
    slot.wish = late ? Wish::runs : Wish::waits_release;
  }
  void abandon(Context& context) {
    if (cpu_.abandon_job(context, now_)) slot_of(&context)->wish = Wish::waits_release;
  }
  // A ceiling below the undelayed context's priority, or back to its own.
  void raise(Slot& slot) {
    if (slot.undelayed) return;
    if (edf_) return floor(slot);
    const auto base = slot.context.base_priority().value();
    const auto ceiling =
        static_cast<std::uint8_t>(random_.chance(50) ? base : std::max<int>(base, highest_other()));
    cpu_.set_priority(slot.context, Priority(ceiling), now_);
  }
  // The floor of a server, or none any more.
  void floor(Slot& slot) {
    slot.floor = random_.chance(50) ? Time::never() : now_ + random_.duration(Duration{}, slot.period());
    cpu_.set_floor(slot.context, slot.floor, now_);
  }
  int highest_other() {
    int highest = 0;
    for (const Slot& slot : slots_) {
      if (!slot.undelayed) highest = std::max<int>(highest, slot.context.base_priority().value());
    }
    return highest;
  }
  void toggle_entity() {
    if (entities_.empty()) return;
    FairEntity& entity = entities_[count(0, static_cast<int>(entities_.size()) - 1)];
    if (entity.queued()) {
      cpu_.block(entity, now_);
    } else {
      cpu_.make_ready(entity, now_);
    }
  }

  void check() {
    const Dispatch again = cpu_.pick(now_);
    picked_.context = again.context;
    ASSERT_STREQ(cpu_.check_invariants(now_), nullptr);
    ASSERT_GT(cpu_.next_event(now_), now_);
    ASSERT_FALSE(cpu_.must_switch(now_));
    for (Slot& slot : slots_) check_slot(slot);
    if (picked_.context == nullptr) return;
    ASSERT_TRUE(picked_.context->head_ready(now_)) << "runs without budget";
  }

  void check_slot(Slot& slot) {
    Context& c = slot.context;
    ASSERT_STREQ(check_refills(c.refills(), slot.budget(), slot.period()), nullptr);
    if (c.jobs().in_progress() && c.jobs().current().observed_release < now_) {
      const bool late = c.jobs().current().deadline < now_;
      ASSERT_EQ((c.jobs().current().flags & kJobDeadlineMissed) != 0, late) << "a deadline passed unnoticed";
    }
    switch (slot.wish) {
      case Wish::blocked:
        ASSERT_EQ(c.state(), ContextState::blocked);
        ASSERT_FALSE(c.linked() || c.queued());
        break;
      case Wish::waits_release:
        ASSERT_EQ(c.state(), ContextState::awaiting_release);
        ASSERT_GT(c.jobs().next_release(), now_);
        break;
      case Wish::runs:
        ASSERT_EQ(c.state(), c.head_ready(now_) ? ContextState::ready : ContextState::awaiting_refill);
        if (c.state() != ContextState::ready) break;
        ASSERT_NE(picked_.context, nullptr) << "a ready context is starved";
        ASSERT_GE(picked_.context->priority(), c.priority()) << "a less urgent context runs";
        if (edf_) {
          ASSERT_LE(due(*slot_of(picked_.context)), due(slot)) << "a context runs that is due later";
        }
        break;
    }
  }

  // From when its budget counts, and its relative deadline from there.
  static Time due(const Slot& slot) {
    const Context& c = slot.context;
    const Time from = c.full_budget() ? slot.activated : c.refills().head().time;
    return std::min(from + c.parameters().deadline, slot.floor);
  }

  Random random_;
  bool edf_;
  Time now_ = Time::from_ns(1'000'000);
  CpuScheduler cpu_;
  std::deque<Slot> slots_;
  std::deque<FairEntity> entities_;
  Dispatch picked_;
};

}  // namespace capos::sched::test
