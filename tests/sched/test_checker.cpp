// SPDX-License-Identifier: Apache-2.0
// The checker accepts what the analyser certifies, and refuses it with any inequality broken by the least
// step.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string>

#include "certified.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Certified;
using test::Island;
using test::Random;
using test::us;

constexpr Duration kNs = Duration::ns(1);

Island sample() {
  Island island;
  island.task(1000, 100, 900);
  island.task(1000, 200, 950);
  island.task(4000, 700);
  island.task(500, 100, 400, -1, 2);
  island.calls = {{0, 1, us(15)}, {2, 1, us(40)}};
  island.interrupts = {{"nic", CpuId(1), us(300), us(4)}};
  island.chain({0, 1}, 9000);
  island.overheads = test::typical_overheads();
  return island;
}

TEST(Checker, AcceptsTheAnalysersCertificate) {
  Certified c(sample());
  ASSERT_TRUE(c.admitted);
  EXPECT_TRUE(c.check().has_value());
}

// A larger bound than the least is a weaker claim, and as true.
TEST(Checker, AcceptsAWeakerClaim) {
  Certified c(sample());
  c.tasks[2].response += us(300);
  EXPECT_TRUE(c.check().has_value());
}

struct Forgery {
  std::string what;
  Rejection reason;
  std::function<void(Certified&)> forge;
};

void expect_refused(const Island& island, const std::vector<Forgery>& forgeries) {
  for (const Forgery& forgery : forgeries) {
    Certified c(island);
    ASSERT_TRUE(c.check().has_value());
    forgery.forge(c);
    const auto verdict = c.check();
    ASSERT_FALSE(verdict.has_value()) << forgery.what;
    EXPECT_EQ(verdict.error().reason, forgery.reason)
        << forgery.what << ": " << describe(verdict.error().reason);
  }
}

TEST(Checker, RefusesAForgedFrame) {
  expect_refused(
      sample(),
      {
          {"other format", Rejection::format, [](auto& c) { c.certificate.format = 2; }},
          {"cheaper releases", Rejection::overheads, [](auto& c) { c.certificate.overheads.release -= kNs; }},
          {"cheaper switches", Rejection::overheads,
           [](auto& c) { c.certificate.overheads.context_switch -= kNs; }},
          {"shorter sections", Rejection::overheads,
           [](auto& c) { c.certificate.overheads.blocking -= kNs; }},
          {"better timers", Rejection::overheads, [](auto& c) { c.certificate.overheads.jitter -= kNs; }},
          {"other stamp", Rejection::overheads, [](auto& c) { ++c.certificate.overheads.version; }},
          {"stale: the machine is another", Rejection::overheads,
           [](auto& c) {
             c.machine.overheads.release += kNs;
             c.machine.overheads.version = overheads_version(c.machine.overheads);
           }},
          {"both without the right stamp", Rejection::overheads,
           [](auto& c) { c.machine.overheads.version = c.certificate.overheads.version = 5; }},
          {"no tasks", Rejection::no_tasks, [](auto& c) { c.tasks.clear(); }},
          {"too many tasks", Rejection::too_many_tasks,
           [](auto& c) { c.tasks.resize(kMaxClaimedTasks + 1, c.tasks[0]); }},
          {"an absent CPU", Rejection::cpu_not_available, [](auto& c) { c.certificate.cpus |= 0b10000; }},
          {"no CPU", Rejection::cpu_not_available, [](auto& c) { c.certificate.cpus = 0; }},
          {"a task elsewhere", Rejection::cpu_not_leased, [](auto& c) { c.tasks[1].cpu = CpuId(0); }},
          {"a task nowhere", Rejection::cpu_not_leased, [](auto& c) { c.tasks[1].cpu = CpuId(65535); }},
      });
}

TEST(Checker, RefusesForgedParameters) {
  expect_refused(
      sample(),
      {
          {"zero period", Rejection::period,
           [](auto& c) {
             c.tasks[1].period = {0, 1};
           }},
          {"period over zero", Rejection::period,
           [](auto& c) {
             c.tasks[1].period = {1, 0};
           }},
          {"period too short", Rejection::period,
           [](auto& c) {
             c.tasks[1].period = {9'999, 1'000'000'000};
           }},
          {"period too long", Rejection::period,
           [](auto& c) {
             c.tasks[1].period = {3601, 1};
           }},
          {"budget too small", Rejection::budget, [](auto& c) { c.tasks[1].budget = kMinBudget - kNs; }},
          {"budget over deadline", Rejection::budget,
           [](auto& c) { c.tasks[1].budget = c.tasks[1].deadline + kNs; }},
          {"deadline over period", Rejection::deadline,
           [](auto& c) {
             c.tasks[1].deadline = us(1000) + kNs;
             c.tasks[1].on_miss = Consequence::skip;
           }},
          {"negative jitter", Rejection::negative, [](auto& c) { c.tasks[1].jitter = -kNs; }},
          {"negative blocking", Rejection::negative, [](auto& c) { c.tasks[1].blocking = -kNs; }},
          {"absurd jitter", Rejection::negative, [](auto& c) { c.tasks[1].jitter = Duration::max(); }},
          {"negative response", Rejection::negative, [](auto& c) { c.tasks[1].response = -kNs; }},
          {"call of nobody", Rejection::call, [](auto& c) { c.calls[0].task = 4; }},
          {"call over budget", Rejection::call, [](auto& c) { c.calls[0].wcet = us(100) + kNs; }},
          {"negative call", Rejection::call, [](auto& c) { c.calls[0].wcet = -kNs; }},
          {"server across CPUs", Rejection::call,
           [](auto& c) {
             c.calls.push_back({3, 1, us(5)});
           }},
          {"interrupt storm", Rejection::interrupt, [](auto& c) { c.interrupts[0].min_interarrival = {}; }},
          {"negative interrupt", Rejection::interrupt, [](auto& c) { c.interrupts[0].cost = -kNs; }},
      });
}

TEST(Checker, RefusesForgedClaims) {
  expect_refused(
      sample(),
      {
          {"response too small 0", Rejection::response, [](auto& c) { c.tasks[0].response -= kNs; }},
          {"response too small 1", Rejection::response, [](auto& c) { c.tasks[1].response -= kNs; }},
          {"response too small 2", Rejection::response, [](auto& c) { c.tasks[2].response -= kNs; }},
          {"response too small 3", Rejection::response, [](auto& c) { c.tasks[3].response -= kNs; }},
          {"response of zero", Rejection::response, [](auto& c) { c.tasks[0].response = {}; }},
          {"response over deadline", Rejection::response_exceeds_deadline,
           [](auto& c) { c.tasks[0].response = c.tasks[0].deadline + kNs; }},
          {"own budget grew", Rejection::response, [](auto& c) { c.tasks[2].budget += kNs; }},
          {"other's budget grew", Rejection::response, [](auto& c) { c.tasks[0].budget += kNs; }},
          {"other's period shrank", Rejection::response,
           [](auto& c) {
             c.tasks[0].period = {500, 1'000'000};
             c.tasks[0].deadline = us(500);
           }},
          {"own jitter grew", Rejection::response, [](auto& c) { c.tasks[0].jitter += kNs; }},
          {"other's jitter grew", Rejection::response, [](auto& c) { c.tasks[0].jitter += us(250); }},
          {"priorities swapped", Rejection::response,
           [](auto& c) { std::swap(c.tasks[0].priority, c.tasks[1].priority); }},
          {"priorities equalled", Rejection::response,
           [](auto& c) { c.tasks[0].priority = c.tasks[1].priority; }},
          {"blocking left out", Rejection::blocking, [](auto& c) { c.tasks[0].blocking -= kNs; }},
          {"a longer call", Rejection::blocking, [](auto& c) { c.calls[1].wcet += kNs; }},
          {"blocking grew", Rejection::response, [](auto& c) { c.tasks[0].blocking += kNs; }},
          {"another interrupt", Rejection::response,
           [](auto& c) {
             c.interrupts.push_back({"x", CpuId(1), us(5000), kNs});
           }},
          {"faster interrupt", Rejection::response,
           [](auto& c) { c.interrupts[0].min_interarrival = us(100); }},
          {"more timer events", Rejection::response,
           [](auto& c) { c.tasks[2].on_overrun = Consequence::skip; }},
          {"moved to the other CPU", Rejection::response, [](auto& c) { c.tasks[3].cpu = CpuId(1); }},
      });
}

TEST(Checker, RefusesForgedChains) {
  expect_refused(sample(), {
                               {"empty path", Rejection::chain_path, [](auto& c) { c.chains[0].tasks = {}; }},
                               {"path to nobody", Rejection::chain_path,
                                [](auto& c) {
                                  static constexpr std::array<std::uint16_t, 1> kPath{4};
                                  c.chains[0].tasks = kPath;
                                }},
                               {"latency too small", Rejection::chain_latency,
                                [](auto& c) { c.chains[0].latency -= kNs; }},
                               {"latency over bound", Rejection::chain_exceeds_bound,
                                [](auto& c) { c.chains[0].bound = c.chains[0].latency - kNs; }},
                               {"called triggered", Rejection::chain_latency,
                                [](auto& c) { c.chains[0].hops = HopKind::triggered; }},
                           });
}

TEST(Checker, RefusesForgedTriggeredChains) {
  Island island;
  island.task(1000, 100);
  island.task(1000, 50);
  island.task(2000, 30);
  island.chain({0, 1}, 900, HopKind::triggered);
  expect_refused(island, {
                             {"jitter not inherited", Rejection::chain_latency,
                              [](auto& c) {
                                c.tasks[1].jitter -= kNs;
                                c.tasks[1].response -= kNs;
                                c.chains[0].latency -= kNs;
                              }},
                             {"latency too small", Rejection::chain_latency,
                              [](auto& c) { c.chains[0].latency -= kNs; }},
                             {"across periods", Rejection::chain_path,
                              [](auto& c) {
                                static constexpr std::array<std::uint16_t, 2> kPath{0, 2};
                                c.chains[0].tasks = kPath;
                              }},
                         });
}

// Task 1 behind 0 on one CPU; 2 and 3 are of the same period, on another.
Island triggered_pair() {
  Island island;
  island.task(1000, 100);
  island.task(1000, 50);
  island.task(1000, 30, 0, -1, 2).on_miss = Consequence::run_late;
  island.task(1000, 30, 0, -1, 2);
  island.chain({0, 1}, 900, HopKind::triggered);
  island.chain({2, 3}, 900, HopKind::triggered);
  return island;
}

TEST(Checker, RefusesWhatCannotBeTriggered) {
  expect_refused(
      triggered_pair(),
      {{"two predecessors", Rejection::trigger,
        [](auto& c) {
          static constexpr std::array<std::uint16_t, 2> kPath{2, 1};
          c.tasks[1].jitter = std::max(c.tasks[1].jitter, c.tasks[2].response);
          c.chains[1].tasks = kPath;
          c.chains[1].latency = c.tasks[1].response;
        }},
       {"due after its period", Rejection::trigger, [](auto& c) { c.tasks[1].deadline = us(1001); }},
       {"with a fallback", Rejection::trigger,
        [](auto& c) {
          c.tasks[1].repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back};
          c.tasks[1].fallback = 0;
        }},
       {"as a fallback", Rejection::trigger,
        [](auto& c) {
          c.tasks[0].repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back};
          c.tasks[0].fallback = 1;
        }},
       {"where they are not run", Rejection::not_run, [](auto& c) { c.machine.runs = kRunsAll & ~kRunsTriggeredHops; }}});
}

// No claims satisfy a circle's inequalities, however long they say that its jobs are waited for.
TEST(Checker, NothingIsTriggeredInACircle) {
  for (const Policy policy : {Policy::fixed_priority, Policy::edf}) {
    Island island;
    island.task(1000, 100, 400);
    island.task(1000, 50);
    island.chain({0, 1}, 1000, HopKind::triggered);
    Certified c(island, policy);
    ASSERT_TRUE(c.check().has_value());
    static constexpr std::array<std::uint16_t, 2> kBack{1, 0};
    ChainClaim back = c.chains[0];
    back.tasks = kBack;
    c.chains.push_back(back);
    for (const Duration claim : {us(0), us(500), us(999), us(1000)}) {
      for (TaskClaim& task : c.tasks) {
        task.jitter = std::max(task.jitter, claim);
        task.response = task.deadline;
      }
      EXPECT_FALSE(c.check().has_value()) << claim.ns();
    }
  }
}

TEST(Checker, ATaskTriggersAtMostFour) {
  for (const std::size_t successors : {kMaxSuccessors, kMaxSuccessors + 1}) {
    Island island;
    island.task(1000, 10);
    for (std::size_t i = 1; i <= successors; ++i) {
      island.task(1000, 10);
      island.chain({0, static_cast<std::uint16_t>(i)}, 1000, HopKind::triggered);
    }
    Certified c(island);
    ASSERT_TRUE(c.admitted);
    const auto verdict = c.check();
    ASSERT_EQ(verdict.has_value(), successors == kMaxSuccessors);
    if (!verdict.has_value()) {
      EXPECT_EQ(verdict.error().reason, Rejection::trigger);
      EXPECT_EQ(verdict.error().index, 0);
    }
  }
}

// A timer that may be late lets two releases come closer together: at 96 us one job of the other task fits in
// only if its releases are punctual.
TEST(Checker, CountsTheLatenessOfTimersForOthersToo) {
  Island island;
  island.task(100, 20);
  island.task(400, 70);
  island.overheads.jitter = us(6);
  Certified c(island);
  ASSERT_TRUE(c.admitted);
  EXPECT_EQ(c.tasks[1].response, us(116 + 6));
  c.tasks[1].response = us(96 + 6);
  ASSERT_FALSE(c.check().has_value());
  EXPECT_EQ(c.check().error().required, us(116));
}

TEST(Checker, RefusesAFullCpu) {
  Island island;
  island.task(1000, 600);
  island.task(1000, 400, 0, -1, 2);
  Certified c(island);
  ASSERT_TRUE(c.check().has_value());
  c.tasks[1].cpu = CpuId(1);
  c.tasks[1].budget = us(401);
  EXPECT_EQ(c.check().error().reason, Rejection::utilisation);
}

TEST(Checker, NamesTheTaskAndBothSides) {
  Certified c(sample());
  c.tasks[1].response -= kNs;
  const auto verdict = c.check();
  ASSERT_FALSE(verdict.has_value());
  EXPECT_EQ(verdict.error().index, 1);
  EXPECT_GT(verdict.error().required, verdict.error().claimed);
}

Island random_island(Random& random) {
  Island island;
  const std::int64_t count = random.between(1, 8);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t period = random.between(200, 5000);
    const std::int64_t budget = std::max<std::int64_t>(5, period * random.between(1, 25) / 100);
    const auto cpu = static_cast<std::uint16_t>(random.between(1, 2));
    TaskModel& t = island.task(period, budget, random.between(budget, period),
                               random.chance(50) ? -1 : static_cast<int>(random.between(0, 255)), cpu);
    t.jitter = random.duration(Duration{}, us(period / 20));
    t.on_overrun = random.chance(30) ? Consequence::run_late : Consequence::hold;
    const auto server = static_cast<std::uint16_t>(cpu * 10 + random.between(0, 1));
    const auto index = static_cast<std::uint16_t>(i);
    if (random.chance(50)) island.calls.push_back({index, server, random.duration(Duration{}, us(budget))});
  }
  if (count > 1) island.chain({0, 1}, random.between(2000, 20'000));
  if (random.chance(30))
    island.interrupts = {{"irq", CpuId(1), us(random.between(50, 900)), us(random.between(0, 5))}};
  island.overheads = test::typical_overheads();
  return island;
}

// Two independent programs agree on random islands: admitted ones pass as they are and fail one nanosecond
// below any claim; refused ones fail however their responses are claimed.
TEST(Checker, AgreesWithTheAnalyser) {
  std::size_t admitted = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    Certified c(random_island(random));
    if (c.admitted) {
      ++admitted;
      const auto verdict = c.check();
      ASSERT_TRUE(verdict.has_value()) << "seed " << seed << ": " << describe(verdict.error().reason);
      TaskClaim& task =
          c.tasks[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(c.tasks.size()) - 1))];
      task.response -= kNs;
      ASSERT_FALSE(c.check().has_value()) << "seed " << seed;
    } else {
      for (TaskClaim& task : c.tasks) task.response = std::min(task.response, task.deadline);
      for (ChainClaim& chain : c.chains) chain.latency = std::min(chain.latency, chain.bound);
      ASSERT_FALSE(c.check().has_value()) << "seed " << seed;
    }
  }
  EXPECT_GT(admitted, 500u);
  EXPECT_LT(admitted, 2500u);
}

std::int64_t extreme(Random& random) {
  constexpr std::array<std::int64_t, 8> kValues{0,
                                                1,
                                                -1,
                                                std::numeric_limits<std::int64_t>::max(),
                                                std::numeric_limits<std::int64_t>::min(),
                                                1'000'000,
                                                std::int64_t{1} << 61,
                                                3'600'000'000'000};
  return kValues[static_cast<std::size_t>(random.between(0, 7))];
}

// Whatever numbers stand in it, the checker answers, and the sanitizers see no overflow.
TEST(Checker, SurvivesAbsurdNumbers) {
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Random random(seed);
    Certified c(sample());
    TaskClaim& t = c.tasks[static_cast<std::size_t>(random.between(0, 3))];
    for (Duration* field : {&t.budget, &t.deadline, &t.jitter, &t.blocking, &t.response, &c.calls[0].wcet,
                            &c.interrupts[0].cost, &c.interrupts[0].min_interarrival, &c.chains[0].latency}) {
      if (random.chance(25)) *field = Duration::ns(extreme(random));
    }
    if (random.chance(20))
      t.period = {static_cast<std::uint32_t>(extreme(random)), static_cast<std::uint32_t>(extreme(random))};
    (void)c.check();
  }
}

}  // namespace
}  // namespace capos::sched
