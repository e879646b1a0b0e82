// SPDX-License-Identifier: Apache-2.0
// Margins: what is found fits, and one step more does not; for fixed priorities and EDF.
#include <gtest/gtest.h>

#include <vector>

#include "capos/sched/sensitivity.hpp"
#include "model.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::us;

constexpr Duration kNs = Duration::ns(1);

bool fits(Island island, Policy policy) {
  island.refresh().policy = policy;
  return analyse(island.model).admitted();
}

std::vector<TaskMargins> margins_of(Island& island, Policy policy) {
  island.refresh().policy = policy;
  EXPECT_TRUE(analyse(island.model).admitted());
  std::vector<TaskMargins> margins(island.tasks.size());
  find_margins(island.model, margins);
  return margins;
}

// Worked by hand: 30 of 100 before it leaves a second task of 100 with 70.
TEST(Sensitivity, TwoTasksOfOnePeriodShareWhatIsLeft) {
  for (const Policy policy : {Policy::fixed_priority, Policy::edf}) {
    Island island;
    island.task(100, 30);
    island.task(100, 50);
    const auto margins = margins_of(island, policy);
    EXPECT_EQ(margins[0].budget, us(50));
    EXPECT_EQ(margins[1].budget, us(70));
    std::vector<Duration> scratch(2);
    EXPECT_EQ(find_island_margins(island.model, scratch).all_budgets_ppm, 1'250'000u);
    EXPECT_EQ(island.tasks[1].budget, us(50)) << "the model is as it was";
  }
}

Island random_island(Random& random) {
  Island island;
  for (std::int64_t i = random.between(1, 4); i > 0; --i) {
    const std::int64_t period = random.between(200, 5000);
    TaskModel& task = island.task(period, std::max<std::int64_t>(5, period * random.between(3, 20) / 100));
    if (random.chance(50)) {
      task.deadline = random.duration(task.budget * 3, task.period.floor());
      task.implicit_deadline = false;
    }
  }
  if (random.chance(50)) island.overheads = test::typical_overheads();
  return island;
}

TEST(Sensitivity, OneStepMoreDoesNotFit) {
  int tried = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Island island = random_island(random);
    const Policy policy = random.chance(50) ? Policy::edf : Policy::fixed_priority;
    if (!fits(island, policy)) continue;
    ++tried;
    const auto margins = margins_of(island, policy);
    for (std::size_t i = 0; i < margins.size(); ++i) {
      for (const std::int64_t more : {0, 1}) {
        const bool expected = more == 0;
        Island changed = island;
        changed.tasks[i].budget = margins[i].budget + kNs * more;
        EXPECT_EQ(fits(changed, policy), expected) << "budget, seed " << seed;
        changed = island;
        changed.tasks[i].deadline = margins[i].deadline - kNs * more;
        changed.tasks[i].implicit_deadline = false;
        EXPECT_EQ(fits(changed, policy), expected) << "deadline, seed " << seed;
        changed = island;
        TaskModel& task = changed.tasks[i];
        task.period = Period::from_ns(static_cast<std::uint32_t>((margins[i].period - kNs * more).ns()));
        task.deadline = task.implicit_deadline ? task.period.floor() : std::min(task.deadline, task.period.floor());
        EXPECT_EQ(fits(changed, policy), expected) << "period, seed " << seed;
      }
    }
  }
  EXPECT_GT(tried, 50);
}

TEST(Sensitivity, ChainsCountToo) {
  Island island;
  island.task(1000, 100);
  island.task(1000, 100);
  island.chain({0, 1}, 1500);
  const auto margins = margins_of(island, Policy::fixed_priority);
  // R1 + T2 + R2 = b1 + 1000 + b1 + b2 <= 1500.
  EXPECT_EQ(margins[0].budget, us(200));
  EXPECT_EQ(margins[1].budget, us(300));
}

}  // namespace
}  // namespace capos::sched
