// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "capos/sched/cpu_scheduler.hpp"
#include "capos/sched/refill_list.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Random;

constexpr Duration us(std::int64_t value) { return Duration::us(value); }
constexpr Time at_us(std::uint64_t value) { return Time::from_ns(value * 1000); }
constexpr Refill refill(std::uint64_t time_us, std::int64_t amount_us) {
  return {at_us(time_us), us(amount_us)};
}

RefillList full_list(Duration budget, Time from = {}) {
  RefillList list;
  list.reset(from, budget);
  return list;
}

std::vector<Refill> contents(const RefillList& list) {
  std::vector<Refill> all;
  for (std::size_t i = 0; i < list.size(); ++i) all.push_back(list[i]);
  return all;
}

using Contents = std::vector<Refill>;

TEST(RefillList, StartsWithTheWholeBudget) {
  const RefillList list = full_list(us(100), at_us(7));
  EXPECT_EQ(contents(list), (Contents{refill(7, 100)}));
  EXPECT_FALSE(list.usable(Time::from_ns(6'999)));
  EXPECT_TRUE(list.usable(at_us(7)));
}

TEST(RefillList, ConsumptionReturnsOnePeriodAfterActivation) {
  RefillList list = full_list(us(100));
  list.charge(us(30), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(0, 70), refill(1000, 30)}));
  list.charge(us(20), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(0, 50), refill(1000, 50)}));
  list.charge(us(50), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1000, 100)}));
}

TEST(RefillList, AWholeBudgetInPiecesReturnsInTheSamePieces) {
  RefillList list = full_list(us(100));
  list.charge(us(30), us(1000));
  list.charge(us(100), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1000, 70), refill(2000, 30)}));
}

TEST(RefillList, BeyondAWholeBudgetTheRestIsTakenFromWhatReturns) {
  RefillList list = full_list(us(100));
  list.charge(us(30), us(1000));
  list.charge(us(110), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1000, 60), refill(2000, 40)}));
  RefillList long_gone = full_list(us(100));
  long_gone.charge(us(340), us(1000));
  EXPECT_EQ(contents(long_gone), (Contents{refill(3000, 60), refill(4000, 40)}));
}

TEST(RefillList, LateConsumptionDoesNotMoveTheReturn) {
  RefillList list = full_list(us(100));
  list.activate(at_us(500));  // the scheduled release; the timer came later, and that does not matter
  list.charge(us(100), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1500, 100)}));
}

TEST(RefillList, ActivationJoinsWhatIsUsableAndNothingElse) {
  RefillList list = full_list(us(100));
  list.charge(us(30), us(1000));
  list.activate(at_us(400));
  EXPECT_EQ(contents(list), (Contents{refill(400, 70), refill(1000, 30)}));
  list.charge(us(10), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(400, 60), refill(1000, 30), refill(1400, 10)}));
  list.activate(at_us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1000, 90), refill(1400, 10)}));
}

TEST(RefillList, ActivationBeforeTheHeadChangesNothing) {
  RefillList list = full_list(us(100), at_us(50));
  list.activate(Time::from_ns(49'999));
  EXPECT_EQ(contents(list), (Contents{refill(50, 100)}));
}

TEST(RefillList, OverrunIsTakenFromTheRefillsToCome) {
  RefillList list = full_list(us(100));
  list.charge(us(60), us(1000));
  list.activate(at_us(100));
  list.charge(us(43), us(1000));  // 3 us more than the 40 that were usable
  EXPECT_EQ(contents(list), (Contents{refill(1000, 57), refill(1100, 40), refill(2000, 3)}));
}

TEST(RefillList, WholeBudgetsOverrunMoveEverythingByPeriods) {
  RefillList list = full_list(us(100));
  list.charge(us(100) * 1'000'000 + us(30), us(1000));
  EXPECT_EQ(contents(list), (Contents{refill(1'000'000'000, 70), refill(1'000'001'000, 30)}));
}

TEST(RefillList, TooSmallATailReturnsWithTheNextPiece) {
  RefillList list = full_list(us(100));
  list.charge(kMinBudget - Duration::ns(1), us(1000));
  list.activate(at_us(10));
  list.charge(us(20), us(1000));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.tail(), (Refill{at_us(1010), us(20) + kMinBudget - Duration::ns(1)}));
}

TEST(RefillList, AFullListJoinsItsTail) {
  RefillList list = full_list(us(1000));
  for (std::uint64_t i = 1; i < 2 * kMaxRefills; ++i) {
    list.charge(us(10), us(1000));
    list.activate(at_us(20 * i));
    ASSERT_LE(list.size(), kMaxRefills);
    ASSERT_EQ(list.total(), us(1000));
    ASSERT_EQ(check_refills(list, us(1000), us(1000)), nullptr);
  }
  EXPECT_EQ(list.size(), kMaxRefills);
}

TEST(RefillList, RunLengthCountsRefillsThatBecomeUsableMeanwhile) {
  RefillList list = full_list(us(100));
  list.charge(us(60), us(1000));
  list.activate(at_us(970));
  EXPECT_EQ(list.run_length(at_us(970)), us(100));  // 40, by then the 60 are back
  EXPECT_EQ(list.run_length(at_us(959)), Duration{});
  EXPECT_EQ(list.usable_amount(at_us(970)), us(40));
}

TEST(RefillList, GatherWaitsForHalfTheBudget) {
  RefillList list = full_list(us(100));
  for (std::uint64_t i = 0; i < 5; ++i) {
    list.activate(at_us(100 * i));
    list.charge(us(20), us(1000));
  }
  ASSERT_EQ(list.size(), 5u);
  list.gather();
  EXPECT_EQ(contents(list), (Contents{refill(1200, 60), refill(1300, 20), refill(1400, 20)}));
}

// What an unbounded list without any merging would hold: the earliest that the rules allow.
class Ideal {
 public:
  Ideal(Time from, Duration budget) { pieces_.push_back({from, budget}); }
  void activate(Time at) {
    for (Refill& piece : pieces_) piece.time = std::max(piece.time, at);
  }
  void charge(Duration amount, Duration period) {
    std::vector<Refill> back;
    while (amount > Duration{}) {
      Refill& head = pieces_.front();
      const Duration used = std::min(head.amount, amount);
      back.push_back({head.time + period, used});
      head.amount -= used;
      amount -= used;
      if (head.amount == Duration{}) pieces_.erase(pieces_.begin());
    }
    pieces_.insert(pieces_.end(), back.begin(), back.end());
  }
  [[nodiscard]] Duration usable(Time by) const {
    Duration sum{};
    for (const Refill& piece : pieces_) sum += piece.time <= by ? piece.amount : Duration{};
    return sum;
  }

 private:
  std::vector<Refill> pieces_;
};

Duration usable(const RefillList& list, Time by) { return list.usable_amount(by); }

// Random charges, activations and gatherings: the invariants hold, and no amount is ever usable earlier than
// in the ideal list.
TEST(RefillList, NeverEarlierThanTheIdealList) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const Duration period = random.duration(us(100), us(2000));
    const Duration budget = random.duration(kMinBudget, period);
    Time now = Time::from_ns(0);
    RefillList list = full_list(budget, now);
    Ideal ideal(now, budget);
    for (int step = 0; step < 250; ++step) {
      now += random.duration(Duration{}, period / 3);
      const auto action = random.between(0, 9);
      if (action < 4 && list.usable(now)) {
        const Duration amount = random.duration(Duration::ns(1), list.usable_amount(now));
        list.charge(amount, period);
        ideal.charge(amount, period);
      } else if (action < 8) {
        if (list.usable(now)) ideal.activate(now);
        list.activate(now);
      } else if (!list.usable(now)) {
        list.gather();
      }
      ASSERT_EQ(check_refills(list, budget, period), nullptr) << "seed " << seed << " step " << step;
      for (std::size_t i = 0; i < list.size(); ++i) {
        const Time by = list[i].time;
        ASSERT_LE(usable(list, by), ideal.usable(by)) << "seed " << seed << " step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace capos::sched
