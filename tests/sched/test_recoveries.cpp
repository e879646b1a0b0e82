// SPDX-License-Identifier: Apache-2.0
// A server's recovery: counted like a task, at its server's ceiling, or due as its callers are (EDF), and refused where it would promise more
// than it is.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "certified.hpp"
#include "simulator.hpp"

namespace capos::sched {
namespace {

using test::Certified;
using test::Island;
using test::us;

constexpr std::uint16_t kServer = 5;

// 0: urgent, 1 and 2 call the server, 3: its recovery.
Island sample(std::int64_t recovery_us = 60) {
  Island island;
  island.task(500, 50);
  island.task(1000, 100);
  island.task(4000, 200);
  TaskModel& recovery = island.task(2000, recovery_us);
  recovery.recovers = kServer;
  recovery.on_overrun = Consequence::run_late;
  island.calls = {{1, kServer, us(30)}, {2, kServer, us(40)}};
  island.overheads = test::typical_overheads();
  return island;
}

TEST(Recovery, ComesAtTheCeilingOfItsServer) {
  Island island = sample();
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[3].priority, island.tasks[1].priority);
  EXPECT_LT(island.tasks[3].priority, island.tasks[0].priority);
  EXPECT_GT(island.tasks[1].priority, island.tasks[2].priority);
}

// Those that wait for the server, and those below it, are promised less; who is above is not delayed but by its timers.
TEST(Recovery, IsInterferenceForWhoIsNotAboveIt) {
  Island without = sample();
  without.tasks.pop_back();
  Island with = sample(60), more = sample(160);
  ASSERT_TRUE(without.analyse().admitted() && with.analyse().admitted() && more.analyse().admitted());
  for (const std::size_t task : {1u, 2u}) {
    EXPECT_GE(with.tasks[task].response, without.tasks[task].response + us(60));
    EXPECT_GE(more.tasks[task].response, with.tasks[task].response + us(100));
  }
  EXPECT_EQ(with.tasks[0].response, more.tasks[0].response);
}

// A server that calls another while it recovers: the other's recovery comes no lower.
TEST(Recovery, RisesWithTheRecoveryThatCallsItsServer) {
  Island island = sample();
  TaskModel& nested = island.task(8000, 50);
  nested.recovers = kServer + 1;
  nested.on_overrun = Consequence::run_late;
  island.calls.push_back({2, kServer + 1, us(20)});
  island.calls.push_back({3, kServer + 1, us(60)});
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[4].priority, island.tasks[3].priority);
}

TEST(Recovery, OfTooMuchIsRefused) {
  Island island = sample(1900);
  EXPECT_FALSE(island.analyse().admitted());
}

TEST(Recovery, IsAcceptedAsTheAnalyserClaimsIt) {
  Certified c(sample());
  ASSERT_TRUE(c.admitted);
  EXPECT_TRUE(c.check().has_value());
}

TEST(Recovery, IsRefusedIfForged) {
  const std::vector<std::pair<std::string, std::function<void(Certified&)>>> forgeries = {
      {"below a caller", [](Certified& c) { c.tasks[3].priority = c.tasks[2].priority; }},
      {"of a server that nobody calls", [](Certified& c) { c.tasks[3].recovers = kServer + 1; }},
      {"of a server on another CPU", [](Certified& c) { c.tasks[3].cpu = CpuId(2); }},
      {"of a server that it calls itself", [](Certified& c) { c.calls.push_back({3, kServer, us(10)}); }},
      {"two of one server", [](Certified& c) { c.tasks[0].recovers = kServer; c.tasks[0].on_overrun = Consequence::run_late; }},
      {"held", [](Certified& c) { c.tasks[3].on_overrun = Consequence::hold; }},
      {"skips", [](Certified& c) { c.tasks[3].on_miss = Consequence::skip; }},
      {"repeats", [](Certified& c) { c.tasks[3].repeated = {.misses = 1, .of = 2, .then = Repeated::demote, .recover = 1}; }},
  };
  for (const auto& [what, forge] : forgeries) {
    Certified c(sample());
    forge(c);
    const auto verdict = c.check();
    ASSERT_FALSE(verdict.has_value()) << what;
    EXPECT_EQ(verdict.error().reason, Rejection::recovery) << what << ": " << describe(verdict.error().reason);
  }
}

TEST(Recovery, IsInNoChain) {
  Island island = sample();
  island.chain({1, 3}, 20'000);
  Certified c(std::move(island));
  const auto verdict = c.check();
  ASSERT_FALSE(verdict.has_value());
  EXPECT_EQ(verdict.error().reason, Rejection::recovery);
}

// With the recovery of server 5 in server 6, which task 0 calls, and in which task 2 blocks it: that is not for as long as task 2's call alone.
Island nested() {
  Island island = sample();
  island.calls.push_back({2, kServer + 1, us(40)});
  island.calls.push_back({3, kServer + 1, us(60)});
  island.calls.push_back({0, kServer + 1, us(5)});
  return island;
}

TEST(Recovery, ComesAtTheCeilingOfWhatItsServerCalls) {
  Island island = nested();
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[3].priority, island.tasks[0].priority);
  Certified c(nested());
  ASSERT_TRUE(c.check().has_value());
  c.tasks[3].priority = c.tasks[1].priority;
  ASSERT_FALSE(c.check().has_value());
  EXPECT_EQ(c.check().error().reason, Rejection::recovery);
  EXPECT_EQ(c.check().error().index, 3);
}

TEST(Recovery, UnderEdfIsDueAsItsMostUrgentCaller) {
  Certified c(sample(), Policy::edf);
  ASSERT_TRUE(c.admitted && c.check().has_value());
  EXPECT_EQ(c.tasks[3].deadline, us(1000)) << "its period is longer";
  Island late = sample();
  late.tasks[2].jitter = us(3500);
  Certified with_jitter(std::move(late), Policy::edf);
  EXPECT_EQ(with_jitter.tasks[3].deadline, us(500)) << "so long after the latest arrival that task is due";
  Certified in_another(nested(), Policy::edf);
  ASSERT_TRUE(in_another.admitted && in_another.check().has_value());
  EXPECT_EQ(in_another.tasks[3].deadline, us(500)) << "a caller of what its server calls";
}

TEST(Recovery, UnderEdfFollowsItsCallersWhenTheyChange) {
  Island island = sample();
  island.refresh().policy = Policy::edf;
  ASSERT_TRUE(analyse(island.model).admitted());
  island.tasks[1].deadline = us(700);
  ASSERT_TRUE(analyse(island.model).admitted());
  EXPECT_EQ(island.tasks[3].deadline, us(700));
  island.tasks[1].deadline = us(900);
  ASSERT_TRUE(analyse(island.model).admitted());
  EXPECT_EQ(island.tasks[3].deadline, us(900));
}

TEST(Recovery, UnderEdfOfTooMuchIsRefused) {
  Island island = sample(940);
  island.refresh().policy = Policy::edf;
  EXPECT_EQ(analyse(island.model).verdict, Verdict::demand_late);
  Island longer = sample(1200);  // than its deadline
  longer.refresh().policy = Policy::edf;
  EXPECT_EQ(analyse(longer.model).verdict, Verdict::demand_late);
}

TEST(Recovery, UnderEdfIsRefusedIfForged) {
  const std::vector<std::pair<std::string, std::function<void(Certified&)>>> forgeries = {
      {"later than a caller", [](Certified& c) { c.tasks[3].deadline = c.tasks[3].response = us(501); }},
      {"a caller that comes late", [](Certified& c) { c.tasks[1].jitter = us(501); }},
      {"of a server that nobody calls", [](Certified& c) { c.tasks[3].recovers = kServer + 2; }},
      {"held", [](Certified& c) { c.tasks[3].on_overrun = Consequence::hold; }},
  };
  for (const auto& [what, forge] : forgeries) {
    Certified c(nested(), Policy::edf);
    ASSERT_TRUE(c.check().has_value());
    forge(c);
    const auto verdict = c.check();
    ASSERT_FALSE(verdict.has_value()) << what;
    EXPECT_EQ(verdict.error().reason, Rejection::recovery) << what << ": " << describe(verdict.error().reason);
  }
}

// 0 calls every 500 us, 1 once in a long while; both overrun, and the server has its whole recovery to do. Whoever is due with 1, `other_us`,
// has three of them before it: the last goes on where 1 was, near the end.
Island three_in_a_window(std::int64_t other_us) {
  Island island;
  island.task(500, 5);
  island.task(6000, 700, 1200);
  island.task(6000, other_us, 1200);
  TaskModel& recovery = island.task(500, 150);
  recovery.recovers = kServer;
  recovery.on_overrun = Consequence::run_late;
  island.calls = {{0, kServer, us(5)}, {1, kServer, us(5)}};
  return island;
}

std::int64_t worst_of_other(std::int64_t other_us) {
  const auto task = [](std::int64_t period, std::int64_t budget, std::int64_t deadline) {
    test::SimTask made;
    made.execution = budget * 1'000;
    made.deadline = deadline * 1'000;
    made.period_numerator = period * 1'000;
    return made;
  };
  std::vector<test::SimTask> tasks = {task(500, 5, 500), task(6000, 700, 1200), task(6000, other_us, 1200), task(500, 150, 500)};
  for (const std::size_t caller : {0u, 1u}) {
    tasks[caller].server = {tasks[caller].execution - 5'000, 5'000, 0, 500'000, kServer, 1};
    tasks[caller].overruns = {true};
  }
  tasks[3].recovers = kServer;
  tasks[3].work = {150'000};
  return test::worst_response(test::simulate(tasks, {.policy = test::SimPolicy::edf}, 6'000'000)[2]);
}

TEST(Recovery, UnderEdfCountsHoweverNearTheEndOfAWindow) {
  ASSERT_GT(worst_of_other(100), 1'200'000) << "the example is none";
  Certified too_much(three_in_a_window(100), Policy::edf);
  EXPECT_FALSE(too_much.admitted);
  for (TaskClaim& claim : too_much.tasks) claim.response = claim.deadline;
  too_much.certificate.busy[1] = us(6000);
  EXPECT_EQ(too_much.check().error().reason, Rejection::demand);
  Certified fits(three_in_a_window(30), Policy::edf);
  EXPECT_TRUE(fits.admitted && fits.check().has_value());
  EXPECT_LE(worst_of_other(30), 1'200'000);
}

}  // namespace
}  // namespace capos::sched
