// SPDX-License-Identifier: Apache-2.0
// A server's recovery: counted like a task, at its server's ceiling, and refused where it would promise more than it is.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "certified.hpp"

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

TEST(Recovery, IsNotUnderEdf) {
  Certified c(sample(), Policy::edf);
  const auto verdict = c.check();
  ASSERT_FALSE(verdict.has_value());
  EXPECT_EQ(verdict.error().reason, Rejection::recovery);
}

}  // namespace
}  // namespace capos::sched
