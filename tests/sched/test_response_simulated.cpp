// SPDX-License-Identifier: Apache-2.0
// Random task sets: what the simulator observes is never above the bound, and reaches it where it should.
#include <gtest/gtest.h>

#include <algorithm>

#include "model.hpp"
#include "random.hpp"
#include "simulator.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::SimTask;
using test::us;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kSets = 150;
#else
constexpr std::uint64_t kSets = 1500;
#endif
constexpr std::int64_t kHorizonNs = 40'000'000;

Island random_island(Random& random, bool distinct_priorities) {
  Island island;
  const std::int64_t count = random.between(1, 6);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t period = random.between(100, 4000);
    const std::int64_t budget = std::clamp<std::int64_t>(period * random.between(2, 30) / 100, 5, period);
    const std::int64_t deadline = random.between(budget, period);
    const auto priority = distinct_priorities ? -1 : static_cast<int>(random.between(1, 4));
    island.task(period, budget, deadline, priority);
    // A fraction of a nanosecond more or less, so that release times are not whole.
    if (random.chance(30)) island.tasks.back().period.denominator = 999'983;
  }
  return island;
}

SimTask simulated(const TaskModel& t) {
  SimTask task;
  task.priority = t.priority.value();
  task.execution = t.budget.ns();
  task.period_numerator = std::int64_t{t.period.numerator} * 1'000'000'000;
  task.period_denominator = t.period.denominator;
  return task;
}

std::vector<SimTask> simulated(const Island& island) {
  std::vector<SimTask> tasks;
  for (const TaskModel& t : island.tasks) tasks.push_back(simulated(t));
  return tasks;
}

// Responses above the period are of another kind (several jobs at once): not claimed, not compared.
bool claimed(const TaskModel& t) { return t.response <= t.period.floor(); }

void expect_within_bounds(const Island& island, const std::vector<SimTask>& tasks,
                          const test::SimCosts& costs, std::uint64_t seed) {
  const auto jobs = test::simulate(tasks, costs, kHorizonNs);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (!claimed(island.tasks[i])) continue;
    ASSERT_LE(test::worst_response(jobs[i]), island.tasks[i].response.ns())
        << "seed " << seed << " task " << i;
  }
}

TEST(Simulated, SynchronousReleaseReachesTheBoundExactly) {
  std::size_t compared = 0;
  for (std::uint64_t seed = 0; seed < kSets; ++seed) {
    Random random(seed);
    Island island = random_island(random, true);
    (void)island.analyse();
    const auto jobs = test::simulate(simulated(island), {}, kHorizonNs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!claimed(island.tasks[i])) continue;
      ASSERT_EQ(test::worst_response(jobs[i]), island.tasks[i].response.ns())
          << "seed " << seed << " task " << i;
      ++compared;
    }
  }
  EXPECT_GT(compared, kSets * 2);
}

TEST(Simulated, OffsetsAndEqualPrioritiesStayBelow) {
  for (std::uint64_t seed = 0; seed < kSets; ++seed) {
    Random random(seed);
    Island island = random_island(random, false);
    (void)island.analyse();
    std::vector<SimTask> tasks = simulated(island);
    for (int round = 0; round < 3; ++round) {
      expect_within_bounds(island, tasks, {}, seed);
      for (SimTask& task : tasks) task.offset = random.between(0, 2'000'000);
    }
    if (HasFatalFailure()) return;
  }
}

TEST(Simulated, JitterOverheadsAndBlockingStayBelow) {
  for (std::uint64_t seed = 0; seed < kSets; ++seed) {
    Random random(seed);
    Island island = random_island(random, random.chance(50));
    island.overheads.release = random.duration(Duration{}, us(3));
    island.overheads.context_switch = random.duration(Duration{}, us(2));
    island.overheads.blocking = random.duration(Duration{}, us(4));
    island.overheads.jitter = random.duration(Duration{}, us(3));
    for (TaskModel& t : island.tasks) t.jitter = random.duration(Duration{}, t.period.floor() / 10);
    for (std::uint16_t i = 0; i < island.tasks.size(); ++i) {
      const Duration wcet = random.duration(Duration::ns(1), island.tasks[i].budget);
      if (random.chance(60))
        island.calls.push_back({i, static_cast<std::uint16_t>(random.between(0, 1)), wcet});
    }
    (void)island.analyse();
    std::vector<SimTask> tasks = simulated(island);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const std::int64_t latest = (island.tasks[i].jitter + island.overheads.jitter).ns();
      for (int k = 0; k < 7; ++k)
        tasks[i].jitter.push_back(random.chance(50) ? latest : random.between(0, latest));
      tasks[i].jitter.push_back(0);
      tasks[i].kernel = {random.between(0, tasks[i].execution - 1), island.overheads.blocking.ns(), 0};
    }
    for (const ServerCall& call : island.calls) {
      int ceiling = 0;
      for (const ServerCall& other : island.calls) {
        if (other.server == call.server) ceiling = std::max(ceiling, tasks[other.task].priority);
      }
      const std::int64_t latest = tasks[call.task].execution - call.wcet.ns();
      tasks[call.task].server = {random.between(0, latest), call.wcet.ns(), ceiling};
    }
    const test::SimCosts costs{island.overheads.release.ns(), island.overheads.context_switch.ns()};
    for (int round = 0; round < 3; ++round) {
      expect_within_bounds(island, tasks, costs, seed);
      for (SimTask& task : tasks) task.offset = random.between(0, 2'000'000);
    }
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace capos::sched
