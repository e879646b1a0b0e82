// SPDX-License-Identifier: Apache-2.0
// The analysis on systems whose bounds are known or worked out by hand.
#include <gtest/gtest.h>

#include <array>

#include "model.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::typical_overheads;
using test::us;

// A. Burns, A. Wellings, "Real-Time Systems and Programming Languages": 7/3, 12/3, 20/5 give 3, 6 and 20.
Island textbook(std::int64_t last_budget = 50, std::int64_t last_deadline = 0) {
  Island island;
  island.task(70, 30);
  island.task(120, 30);
  island.task(200, last_budget, last_deadline);
  return island;
}

TEST(ResponseTime, TextbookExample) {
  Island island = textbook();
  EXPECT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].response, us(30));
  EXPECT_EQ(island.tasks[1].response, us(60));
  EXPECT_EQ(island.tasks[2].response, us(200));
}

TEST(ResponseTime, OneMicrosecondEitherSide) {
  EXPECT_TRUE(textbook(50).analyse().admitted());
  Island too_much = textbook(51);
  const Analysis refused = too_much.analyse();
  EXPECT_EQ(refused.verdict, Verdict::task_late);
  EXPECT_EQ(refused.index, 2);
  EXPECT_EQ(refused.limit, us(200));
  EXPECT_LT(refused.slack(), Duration{});

  EXPECT_TRUE(textbook(50, 200).analyse().admitted());
  Island too_soon = textbook(50, 199);
  EXPECT_EQ(too_soon.analyse().slack(), -us(1));
}

TEST(ResponseTime, DeadlineMonotonicOrder) {
  Island island;
  island.task(1000, 10, 900);
  island.task(1000, 10, 300);
  island.task(100, 10);
  island.task(1000, 10, 900);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[2].priority, Priority(200));
  EXPECT_EQ(island.tasks[1].priority, Priority(199));
  EXPECT_EQ(island.tasks[0].priority, Priority(198));
  EXPECT_EQ(island.tasks[3].priority, Priority(197));
}

TEST(ResponseTime, JitterMakesATaskMoreUrgent) {
  Island island;
  island.task(1000, 10, 300);
  island.task(1000, 10, 320).jitter = us(30);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_GT(island.tasks[1].priority, island.tasks[0].priority);
}

TEST(ResponseTime, DerivedPrioritiesAvoidStatedOnes) {
  Island island;
  island.task(100, 10);
  island.task(1000, 10, 0, 200);
  island.task(500, 10);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].priority, Priority(199));
  EXPECT_EQ(island.tasks[1].priority, Priority(200));
  EXPECT_EQ(island.tasks[2].priority, Priority(198));
}

TEST(ResponseTime, EqualPrioritiesDelayEachOther) {
  Island island;
  island.task(1000, 100, 0, 5);
  island.task(1000, 200, 0, 5);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].response, us(300));
  EXPECT_EQ(island.tasks[1].response, us(300));
}

TEST(ResponseTime, CpusDoNotDelayEachOther) {
  Island island;
  island.task(1000, 600, 0, -1, 1);
  island.task(1000, 600, 0, -1, 2);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, us(600));
}

TEST(ResponseTime, JitterOfOthersBringsOneMoreRelease) {
  Island island;
  island.task(100, 20);
  island.task(400, 75);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, us(95));
  island.tasks[0].jitter = us(5);  // 95 + 5: the second release still falls outside
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, us(95));
  island.tasks[0].jitter = us(6);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, us(115));
}

TEST(ResponseTime, OwnJitterCountsFromTheScheduledRelease) {
  Island island;
  island.task(1000, 100).jitter = us(30);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].response, us(130));
}

TEST(ResponseTime, AServerOfALessUrgentTaskBlocksOnce) {
  Island island;
  island.task(1000, 100, 0, 9);
  island.task(1000, 100, 0, 5);
  island.task(1000, 100, 0, 3);
  island.calls = {{0, 7, us(10)}, {2, 7, us(40)}, {1, 8, us(90)}, {2, 7, us(20)}};
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].blocking, us(40));  // server 8 has a lower ceiling
  EXPECT_EQ(island.tasks[1].blocking, us(40));  // ceiling 9 reaches it though it does not call
  EXPECT_EQ(island.tasks[2].blocking, Duration{});
  EXPECT_EQ(island.tasks[0].response, us(140));
  EXPECT_EQ(island.tasks[1].response, us(240));
}

TEST(ResponseTime, AServerCalledFromTwoCpusIsRefused) {
  Island island;
  island.task(1000, 100, 0, -1, 1);
  island.task(1000, 100, 0, -1, 2);
  island.calls = {{0, 1, us(10)}, {1, 1, us(10)}};
  const Analysis refused = island.analyse();
  EXPECT_EQ(refused.verdict, Verdict::malformed);
  EXPECT_EQ(refused.rejection, Rejection::call);
}

TEST(ResponseTime, OverheadsByHand) {
  Island island;
  island.task(1000, 80);
  island.task(1000, 120);
  island.overheads = typical_overheads();
  ASSERT_TRUE(island.analyse().admitted());
  // 80 + own switch 0.7 + 2 tasks x 2 timer events x 0.9 + interrupts off 2.5 + late timer 2
  EXPECT_EQ(island.tasks[0].response, Duration::ns(80'000 + 700 + 3'600 + 2'500 + 2'000));
  EXPECT_EQ(island.tasks[1].response, Duration::ns(200'000 + 1'400 + 3'600 + 4'500 + 2'500 + 2'000));
}

TEST(ResponseTime, TasksThatOutliveTheirBudgetCostMoreTimerEvents) {
  Island island;
  island.task(1000, 80).on_overrun = Consequence::run_late;
  island.overheads.release = us(1);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].response, us(84));
}

TEST(ResponseTime, InterruptsOfTheSameCpuCount) {
  Island island;
  island.task(1000, 100);
  island.interrupts = {{"nic", CpuId(1), us(50), us(5)}, {"disk", CpuId(2), us(50), us(5)}};
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[0].response, us(115));  // three arrivals in 115 us
}

TEST(ResponseTime, AFullCpuIsNamed) {
  Island island;
  island.task(1000, 600, 0, 9);
  island.task(1000, 401, 0, 5);
  const Analysis refused = island.analyse();
  EXPECT_EQ(refused.verdict, Verdict::overloaded);
  EXPECT_EQ(refused.index, 1);
  EXPECT_EQ(refused.load_permille, 1001);
  island.tasks[1].budget = us(400);
  EXPECT_TRUE(island.analyse().admitted());
}

TEST(ResponseTime, ExplanationSumsToTheResponse) {
  Island island = textbook();
  island.overheads = typical_overheads();
  for (TaskModel& t : island.tasks) t.budget = t.budget / 2;
  island.calls = {{0, 1, us(5)}, {2, 1, us(7)}};
  island.interrupts = {{"nic", CpuId(1), us(500), us(3)}};
  ASSERT_TRUE(island.analyse().admitted());
  for (std::uint16_t i = 0; i < 3; ++i) {
    std::array<Contribution, 16> parts;
    const std::size_t count = explain_task(island.model, i, parts);
    Duration sum{};
    for (std::size_t k = 0; k < count; ++k) sum += parts[k].total();
    EXPECT_EQ(sum, island.tasks[i].response) << i;
  }
}

TEST(ResponseTime, ExtremesDoNotOverflow) {
  Island island;
  island.task(10, 5);
  TaskModel& slow = island.task(1'000'000, 100'000);
  slow.period = {3600, 1};
  slow.deadline = Duration::s(3600);
  slow.budget = Duration::s(1000);
  EXPECT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, Duration::s(2000));
  slow.budget = Duration::s(3599);
  EXPECT_EQ(island.analyse().verdict, Verdict::overloaded);
}

struct Flaw {
  const char* what;
  Rejection rejection;
  void (*make)(Island&);
};

// J. Lehoczky's example (1990): C = 26, 62; T = 70, 100. The jobs of the busy window take 114, 102, 116, 104, 118, 106
// and 94: the worst is the fifth.
TEST(ResponseTime, BeyondThePeriodTheWorstJobMayBeALaterOne) {
  Island island;
  island.task(70, 26);
  island.task(100, 62, 118);
  ASSERT_TRUE(island.analyse().admitted());
  EXPECT_EQ(island.tasks[1].response, us(118));
  EXPECT_EQ(island.tasks[1].worst_job, 4);
  std::array<Contribution, 16> parts;
  const std::size_t count = explain_task(island.model, 1, parts);
  Duration sum{};
  for (std::size_t i = 0; i < count; ++i) sum += parts[i].total();
  EXPECT_EQ(sum, us(118));
  island.tasks[1].deadline = us(117);
  EXPECT_EQ(island.analyse().verdict, Verdict::task_late);
}

// All of the CPU, and a job that always overlaps the next: the busy window never ends.
TEST(ResponseTime, AnEndlessBusyWindowHasNoBound) {
  Island island;
  island.task(70, 35);
  island.task(100, 50, 200).budget += Duration::ns(1);
  EXPECT_FALSE(island.analyse().admitted());
}

TEST(ResponseTime, MalformedModelsAreNamed) {
  const std::array flaws{
      Flaw{"no tasks", Rejection::no_tasks, [](Island& i) { i.tasks.clear(); }},
      Flaw{"zero period", Rejection::period,
           [](Island& i) {
             i.tasks[1].period = {0, 1};
           }},
      Flaw{"period over zero", Rejection::period,
           [](Island& i) {
             i.tasks[1].period = {1, 0};
           }},
      Flaw{"budget too small", Rejection::budget, [](Island& i) { i.tasks[1].budget = kMinBudget - us(1); }},
      Flaw{"budget over deadline", Rejection::budget, [](Island& i) { i.tasks[1].budget = us(1001); }},
      Flaw{"deadline over a period that may be skipped", Rejection::deadline,
           [](Island& i) {
             i.tasks[1].deadline = us(1001);
             i.tasks[1].on_miss = Consequence::skip;
           }},
      Flaw{"CPU not leased", Rejection::cpu_not_leased, [](Island& i) { i.tasks[1].cpu = CpuId(3); }},
      Flaw{"negative jitter", Rejection::negative, [](Island& i) { i.tasks[1].jitter = -us(1); }},
      Flaw{"negative overhead", Rejection::negative, [](Island& i) { i.overheads.release = -us(1); }},
      Flaw{"call of nobody", Rejection::call,
           [](Island& i) {
             i.calls = {{2, 0, us(1)}};
           }},
      Flaw{"call over budget", Rejection::call,
           [](Island& i) {
             i.calls = {{1, 0, us(101)}};
           }},
      Flaw{"interrupt storm", Rejection::interrupt,
           [](Island& i) {
             i.interrupts = {{"x", CpuId(1), us(0), us(1)}};
           }},
      Flaw{"empty chain", Rejection::chain_path, [](Island& i) { i.chain({}, 10); }},
      Flaw{"chain to nobody", Rejection::chain_path,
           [](Island& i) {
             i.chain({0, 2}, 10);
           }},
      Flaw{"triggered across periods", Rejection::chain_path,
           [](Island& i) {
             i.tasks[1].period = {1, 2000};
             i.tasks[1].deadline = us(500);
             i.chain({0, 1}, 10, HopKind::triggered);
           }},
  };
  for (const Flaw& flaw : flaws) {
    Island island;
    island.task(1000, 100);
    island.task(1000, 100);
    ASSERT_TRUE(island.analyse().admitted());
    flaw.make(island);
    const Analysis refused = island.analyse();
    EXPECT_EQ(refused.verdict, Verdict::malformed) << flaw.what;
    EXPECT_EQ(refused.rejection, flaw.rejection) << flaw.what;
  }
}

}  // namespace
}  // namespace capos::sched
