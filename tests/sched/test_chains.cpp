// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "model.hpp"
#include "random.hpp"
#include "simulator.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::SimJob;
using test::us;

TEST(Chains, SampledByHand) {
  Island island;
  island.task(1000, 80);
  island.task(1000, 120);
  island.chain({0, 1}, 1280);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.chains[0].latency, us(80 + 1000 + 200));
}

TEST(Chains, OneMicrosecondEitherSide) {
  for (const std::int64_t bound : {1280, 1279}) {
    Island island;
    island.task(1000, 80);
    island.task(1000, 120);
    island.chain({0, 1}, bound);
    const Analysis analysis = island.analyse();
    EXPECT_EQ(analysis.admitted(), bound == 1280);
    if (bound == 1280) continue;
    EXPECT_EQ(analysis.verdict, Verdict::chain_late);
    EXPECT_EQ(analysis.slack(), -us(1));
  }
}

TEST(Chains, TheLargerOfLatencyAndAge) {
  Island island;
  island.task(200, 10);
  island.task(1000, 10);
  island.chain({0, 1}, 5000);
  island.chain({1, 0}, 5000);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.chains[0].latency, us(10 + 1000 + 20));  // the data waits for its slow reader
  EXPECT_EQ(island.chains[1].latency,
            us(20 + 1000 + 10));  // the data stays until its slow writer replaces it
}

TEST(Chains, TriggeredTasksInheritTheResponseAsJitter) {
  Island island;
  island.task(1000, 100);
  island.task(1000, 50);
  island.task(1000, 30);
  island.chain({0, 1, 2}, 430, HopKind::triggered);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].release_jitter, us(100));
  EXPECT_EQ(island.tasks[2].release_jitter, us(250));
  EXPECT_EQ(island.chains[0].latency, us(430));
  island.chains[0].bound = us(429);
  EXPECT_EQ(island.analyse().verdict, Verdict::chain_late);
}

TEST(Chains, TriggeredJitterDelaysOthers) {
  Island island;
  island.task(1000, 300, 0, 3);
  island.task(1000, 50, 0, 9);
  island.task(1000, 620, 0, 1);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[2].response, us(970));
  island.chain({0, 1}, 1000, HopKind::triggered);
  EXPECT_EQ(island.analyse().verdict, Verdict::task_late);  // task 1 may come twice within 970 us now
}

TEST(Chains, ExplanationSumsToTheLatency) {
  Island island;
  island.task(200, 10);
  island.task(1000, 10);
  island.task(300, 10);
  island.chain({0, 1, 2}, 5000);
  island.chain({1, 2, 0}, 5000);
  ASSERT_TRUE(island.analyse().admitted());
  for (std::uint16_t c = 0; c < 2; ++c) {
    std::array<Contribution, 8> parts;
    const std::size_t count = explain_chain(island.model, c, parts);
    Duration sum{};
    for (std::size_t k = 0; k < count; ++k) sum += parts[k].total();
    EXPECT_EQ(sum, island.chains[c].latency);
  }
}

using Jobs = std::vector<std::vector<SimJob>>;

// The newest job that has finished by then.
std::optional<SimJob> newest_finished(const std::vector<SimJob>& jobs, std::int64_t by) {
  std::optional<SimJob> found;
  for (const SimJob& job : jobs) {
    if (job.finish <= by) found = job;
  }
  return found;
}

// The release of the first task's job that this job's output goes back to.
std::optional<std::int64_t> origin(const Jobs& jobs, const std::vector<std::uint16_t>& path, SimJob job) {
  for (std::size_t hop = path.size() - 1; hop > 0; --hop) {
    const auto before = newest_finished(jobs[path[hop - 1]], job.release);
    if (!before) return std::nullopt;
    job = *before;
  }
  return job.release;
}

// The finish of the first job at the end of the path that has this job's data or newer.
std::optional<std::int64_t> arrival(const Jobs& jobs, const std::vector<std::uint16_t>& path, SimJob job) {
  for (std::size_t hop = 1; hop < path.size(); ++hop) {
    const auto& readers = jobs[path[hop]];
    const auto next = std::find_if(readers.begin(), readers.end(),
                                   [&](const SimJob& reader) { return reader.release >= job.finish; });
    if (next == readers.end()) return std::nullopt;
    job = *next;
  }
  return job.finish;
}

std::vector<test::SimTask> with_offsets(const Island& island, Random& random) {
  std::vector<test::SimTask> tasks;
  for (const TaskModel& t : island.tasks) {
    test::SimTask task;
    task.priority = t.priority.value();
    task.execution = t.budget.ns();
    task.period_numerator = t.period.floor().ns();
    task.offset = random.between(0, task.period_numerator);
    tasks.push_back(task);
  }
  return tasks;
}

TEST(Chains, SimulatedAgeAndLatencyStayBelow) {
  std::int64_t closest_permille = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    Island island;
    const std::int64_t count = random.between(2, 4);
    std::vector<std::uint16_t> path;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t period = random.between(100, 1000);
      island.task(period, std::max<std::int64_t>(5, period * random.between(2, 20) / 100));
      path.push_back(static_cast<std::uint16_t>(i));
    }
    island.chain(path, 1'000'000);
    if (!island.analyse().admitted()) continue;
    const std::int64_t bound = island.chains[0].latency.ns();
    const Jobs jobs = test::simulate(with_offsets(island, random), {}, 20'000'000);
    for (const SimJob& job : jobs[path.back()]) {
      const auto from = origin(jobs, path, job);
      if (!from) continue;
      ASSERT_LE(job.finish - *from, bound) << "age, seed " << seed;
      closest_permille = std::max(closest_permille, (job.finish - *from) * 1000 / bound);
    }
    for (const SimJob& job : jobs[path.front()]) {
      const auto to = arrival(jobs, path, job);
      if (to.has_value()) {
        ASSERT_LE(*to - job.release, bound) << "latency, seed " << seed;
      }
    }
  }
  EXPECT_GT(closest_permille, 850);  // the bound is not idle: some system comes near it
}

}  // namespace
}  // namespace capos::sched
