// SPDX-License-Identifier: Apache-2.0
// Suggested changes: with them the island fits, with one microsecond less it does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "model.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::us;

bool upper_limit(ChangeKind kind) {
  return kind == ChangeKind::budget || kind == ChangeKind::shorter_period || kind == ChangeKind::wcet;
}

void apply(Island& island, const Change& change, Duration value) {
  switch (change.kind) {
    case ChangeKind::budget:
      island.tasks[change.index].budget = value;
      break;
    case ChangeKind::deadline:
      island.tasks[change.index].deadline = value;
      break;
    case ChangeKind::wcet:
      island.calls[change.index].wcet = value;
      break;
    case ChangeKind::bound:
      island.chains[change.index].bound = value;
      break;
    case ChangeKind::longer_period:
    case ChangeKind::shorter_period: {
      TaskModel& task = island.tasks[change.index];
      task.period = {static_cast<std::uint32_t>(value.ns() / 1000), 1'000'000};
      task.deadline = task.implicit_deadline ? value : std::min(task.deadline, value);
      break;
    }
  }
}

// One microsecond towards what is there now.
Duration less_of_a_change(const Change& change) {
  return upper_limit(change.kind) ? change.value + us(1) : change.value - us(1);
}

std::size_t expect_exact(Island& island, const Analysis& refused, const char* what) {
  std::array<Change, 32> changes;
  const std::size_t count = suggest(island.refresh(), refused, changes);
  for (std::size_t i = 0; i < count; ++i) {
    Island changed = island;
    apply(changed, changes[i], changes[i].value);
    EXPECT_TRUE(changed.analyse().admitted()) << what << " change " << i;
    Island nearly = island;
    apply(nearly, changes[i], less_of_a_change(changes[i]));
    EXPECT_FALSE(nearly.analyse().admitted()) << what << " change " << i;
  }
  return count;
}

const Change* find(std::span<const Change> changes, ChangeKind kind, std::uint16_t index) {
  const auto found = std::find_if(changes.begin(), changes.end(),
                                  [&](const Change& c) { return c.kind == kind && c.index == index; });
  return found == changes.end() ? nullptr : &*found;
}

TEST(Suggest, BudgetPeriodAndDeadlineByHand) {
  Island island;
  island.task(1000, 400, 500, 9);
  island.task(1000, 300, 600, 5);
  const Analysis refused = island.analyse();
  ASSERT_EQ(refused.verdict, Verdict::task_late);
  ASSERT_EQ(refused.index, 1);
  std::array<Change, 8> room;
  const std::span changes = std::span(room).first(suggest(island.model, refused, room));
  ASSERT_NE(find(changes, ChangeKind::budget, 1), nullptr);
  EXPECT_EQ(find(changes, ChangeKind::budget, 1)->value, us(200));
  EXPECT_EQ(find(changes, ChangeKind::deadline, 1)->value, us(700));
  EXPECT_EQ(find(changes, ChangeKind::budget, 0)->value, us(300));
  EXPECT_EQ(find(changes, ChangeKind::longer_period, 0), nullptr);  // one job of it is too much already
  EXPECT_EQ(island.tasks[1].response, us(700));                     // the model is as it was
  EXPECT_EQ(island.tasks[0].budget, us(400));
}

TEST(Suggest, ABlockingCallIsShortened) {
  Island island;
  island.task(1000, 400, 500, 9);
  island.task(1000, 300, 0, 5);
  island.calls = {{0, 0, us(1)}, {1, 0, us(150)}};
  const Analysis refused = island.analyse();
  ASSERT_EQ(refused.verdict, Verdict::task_late);
  std::array<Change, 8> room;
  const std::span changes = std::span(room).first(suggest(island.model, refused, room));
  ASSERT_NE(find(changes, ChangeKind::wcet, 1), nullptr);
  EXPECT_EQ(find(changes, ChangeKind::wcet, 1)->value, us(100));
}

TEST(Suggest, ALateChain) {
  Island island;
  island.task(1000, 80);
  island.task(2000, 120);
  island.chain({0, 1}, 1500);
  const Analysis refused = island.analyse();
  ASSERT_EQ(refused.verdict, Verdict::chain_late);
  std::array<Change, 8> room;
  const std::span changes = std::span(room).first(suggest(island.model, refused, room));
  ASSERT_NE(find(changes, ChangeKind::bound, 0), nullptr);
  EXPECT_EQ(find(changes, ChangeKind::bound, 0)->value, us(80 + 2000 + 200));
  ASSERT_NE(find(changes, ChangeKind::shorter_period, 1), nullptr);
  EXPECT_EQ(find(changes, ChangeKind::shorter_period, 1)->value, us(1220));
}

TEST(Suggest, AShorterPeriodTakesAStatedDeadlineAlong) {
  Island island;
  island.task(1000, 80);
  island.task(2000, 120, 1900);
  island.chain({0, 1}, 1500);
  const Analysis refused = island.analyse();
  ASSERT_EQ(refused.verdict, Verdict::chain_late);
  std::array<Change, 8> room;
  const std::span changes = std::span(room).first(suggest(island.model, refused, room));
  ASSERT_NE(find(changes, ChangeKind::shorter_period, 1), nullptr);
  EXPECT_EQ(find(changes, ChangeKind::shorter_period, 1)->value, us(1220));
  EXPECT_EQ(island.tasks[1].deadline, us(1900));
}

TEST(Suggest, AFullCpu) {
  Island island;
  island.task(1000, 600);
  island.task(2000, 900);
  const Analysis refused = island.analyse();
  ASSERT_EQ(refused.verdict, Verdict::overloaded);
  EXPECT_GT(expect_exact(island, refused, "full CPU"), 0u);
}

TEST(Suggest, EveryChangeIsEnoughAndNoneIsTooMuch) {
  std::size_t made = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    Island island;
    const std::int64_t count = random.between(2, 5);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t period = random.between(200, 3000);
      const std::int64_t budget = std::max<std::int64_t>(6, period * random.between(10, 45) / 100);
      const std::int64_t deadline = random.chance(50) ? 0 : random.between(budget, period);
      island.task(period, budget, deadline,
                  random.chance(50) ? -1 : static_cast<int>(random.between(1, 250)));
    }
    island.calls = {{0, 0, us(random.between(1, 6))}, {1, 0, us(random.between(1, 6))}};
    island.chain({0, 1}, random.between(1000, 9000));
    island.overheads = test::typical_overheads();
    const Analysis refused = island.analyse();
    if (refused.admitted()) continue;
    made += expect_exact(island, refused, ("seed " + std::to_string(seed)).c_str());
  }
  EXPECT_GT(made, 250u);
}

}  // namespace
}  // namespace capos::sched
