// SPDX-License-Identifier: Apache-2.0
// EDF: the demand test against hand-worked sets and against every window; the checker; the queue of deadlines.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>

#include "capos/sched/edf_queue.hpp"
#include "certified.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::us;

constexpr Duration kNs = Duration::ns(1);

Analysis analyse_edf(Island& island) {
  island.refresh().policy = Policy::edf;
  return analyse(island.model);
}

struct Certified : test::Certified {
  explicit Certified(Island from) : test::Certified(std::move(from), Policy::edf) { machine.runs = kRunsEdf; }
  Rejection rejection() {
    const auto checked = check();
    return checked ? Rejection{} : checked.error().reason;
  }
};

// Utilisation 1 with implicit deadlines: what fixed priorities cannot do.
TEST(Edf, AFullCpuFits) {
  Island island;
  island.task(100, 50);
  island.task(140, 70);
  EXPECT_EQ(analyse_edf(island).verdict, Verdict::admitted);
  EXPECT_EQ(island.tasks[1].response, us(140));
  EXPECT_FALSE(island.analyse().admitted());
}

TEST(Edf, ANanosecondOverAFullCpuDoesNot) {
  Island island;
  island.task(100, 50);
  island.task(140, 70).budget += kNs;
  EXPECT_FALSE(analyse_edf(island).admitted());
}

// One job of each is due within 100 us, the other task's deadline: 40 + 70.
TEST(Edf, TheFirstWindowThatFailsIsNamed) {
  Island island;
  island.task(100, 40, 60);
  island.task(140, 70, 100);
  const Analysis analysis = analyse_edf(island);
  EXPECT_EQ(analysis.verdict, Verdict::demand_late);
  EXPECT_EQ(analysis.index, 1u);
  EXPECT_EQ(analysis.found, us(110));
  EXPECT_EQ(analysis.limit, us(100));
}

TEST(Edf, ContributionsSumToTheDemand) {
  Island island;
  island.task(100, 40, 60);
  island.task(140, 70, 100);
  island.overheads = test::typical_overheads();
  island.calls = {{0, 3, us(10)}, {1, 3, us(20)}};
  island.interrupts = {{"nic", CpuId(1), us(50), us(1)}};
  const Analysis analysis = analyse_edf(island);
  ASSERT_EQ(analysis.verdict, Verdict::demand_late);
  std::array<Contribution, 32> parts;
  const std::size_t count = explain_demand(island.model, CpuId(1), analysis.limit, parts);
  Duration sum{};
  for (std::size_t i = 0; i < count; ++i) sum += parts[i].total();
  EXPECT_EQ(sum, analysis.found);
}

TEST(Edf, SuggestedChangesFitAndAMicrosecondLessDoesNot) {
  Island island;
  island.task(100, 40, 60);
  island.task(140, 70, 100);
  const Analysis analysis = analyse_edf(island);
  std::array<Change, 6> changes;
  const std::size_t count = suggest(island.model, analysis, changes);
  ASSERT_GE(count, 2u);
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::int64_t step : {0, 1}) {
      Island tried = island;
      TaskModel& task = tried.tasks[changes[i].index];
      const bool at_most = changes[i].kind == ChangeKind::budget;
      const Duration value = at_most ? changes[i].value + us(step) : changes[i].value - us(step);
      (at_most ? task.budget : task.deadline) = value;
      EXPECT_EQ(analyse_edf(tried).admitted(), step == 0) << i;
    }
  }
}

Island random_island(Random& random) {
  Island island;
  const std::int64_t count = random.between(1, 5);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t period = random.between(10, 60);
    const std::int64_t budget = std::clamp<std::int64_t>(period * random.between(5, 45) / 100, 5, period);
    TaskModel& task = island.task(period, budget, random.between(budget, period + period * random.between(0, 1)));
    task.jitter = us(random.between(0, 4));
  }
  if (random.chance(50)) {
    island.overheads.blocking = us(random.between(0, 3));
    island.overheads.release = Duration::ns(random.between(0, 900));
  }
  return island;
}

// The definition, at every microsecond and right after it: no walk.
testing::AssertionResult every_window_fits(const Island& island) {
  const Overheads& o = island.overheads;
  for (std::int64_t t = 1; t <= 4000; ++t) {
    for (const Duration window : {us(t), us(t) + kNs}) {
      // Interrupts of jobs that are due after the window: alone they can be more than an instant after a busy window
      // holds, which is no miss.
      if (o.release != Duration{} && window > island.model.busy[1]) break;
      std::int64_t sum = o.blocking.ns();
      bool any = false;
      for (const TaskModel& task : island.tasks) {
        const std::int64_t reach = (window + task.jitter + o.jitter).ns();
        const std::int64_t period = task.period.floor().ns();
        sum += (reach + period - 1) / period * timer_events_per_period(task.on_overrun) * o.release.ns();
        if (reach < task.deadline.ns()) continue;
        any = true;
        sum += ((reach - task.deadline.ns()) / period + 1) * task.budget.ns() + (o.jitter + o.blocking).ns();
      }
      if (any && sum > window.ns()) return testing::AssertionFailure() << sum << " due within " << window.ns();
    }
  }
  return testing::AssertionSuccess();
}

TEST(Edf, TheWalkAgreesWithEveryWindow) {
  int admitted = 0;
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    Island island = random_island(random);
    const bool fits = analyse_edf(island).admitted();
    if (fits) {
      ASSERT_TRUE(every_window_fits(island)) << "seed " << seed;
      ++admitted;
    } else if (std::accumulate(island.tasks.begin(), island.tasks.end(), 0.0, [&](double sum, const TaskModel& t) {
                 const Duration each = t.budget + island.overheads.release * 2;
                 return sum + static_cast<double>(each.ns()) / static_cast<double>(t.period.floor().ns());
               }) < 0.93) {
      // Short enough busy windows for the whole search to be done above.
      ASSERT_FALSE(every_window_fits(island)) << "seed " << seed;
      ++refused;
    }
  }
  EXPECT_GT(admitted, 500);
  EXPECT_GT(refused, 200);
}

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

TEST(EdfChecker, AcceptsTheAnalysersCertificate) {
  Certified c(sample());
  ASSERT_TRUE(c.admitted);
  EXPECT_TRUE(c.check().has_value());
}

TEST(EdfChecker, RefusesEdfWhereItIsNotRun) {
  Certified c(sample());
  c.machine.runs = kRunsAll & ~kRunsEdf;
  EXPECT_EQ(c.rejection(), Rejection::not_run);
}

TEST(EdfChecker, RefusesAPolicyThatDoesNotExist) {
  Certified c(sample());
  c.certificate.policy = static_cast<Policy>(2);
  EXPECT_EQ(c.rejection(), Rejection::not_run);
}

TEST(EdfChecker, RefusesABusyWindowThatDoesNotHoldItsWork) {
  Certified c(sample());
  c.certificate.busy[1] -= kNs;
  EXPECT_EQ(c.rejection(), Rejection::busy_window);
  c.certificate.busy[1] = {};
  EXPECT_EQ(c.rejection(), Rejection::busy_window);
  c.certificate.busy[1] = -kNs;
  EXPECT_EQ(c.rejection(), Rejection::busy_window);
  c.certificate.busy[1] = Duration::max();
  EXPECT_EQ(c.rejection(), Rejection::busy_window);
}

TEST(EdfChecker, ALongerBusyWindowIsAWeakerClaimAndAsTrue) {
  Certified c(sample());
  c.certificate.busy[1] += us(77);
  // It must hold its own work too, which a window a little longer than a busy one does.
  EXPECT_TRUE(c.check().has_value());
}

TEST(EdfChecker, RefusesResponsesOtherThanDeadlines) {
  Certified c(sample());
  c.tasks[0].response -= kNs;
  EXPECT_EQ(c.rejection(), Rejection::response);
}

TEST(EdfChecker, RefusesABlockingThatIsTooSmall) {
  Certified c(sample());
  ASSERT_EQ(c.tasks[0].blocking, us(40));
  c.tasks[0].blocking -= kNs;
  EXPECT_EQ(c.rejection(), Rejection::blocking);
}

TEST(EdfChecker, RefusesMoreThanFits) {
  Island island;
  island.task(100, 40, 60);
  island.task(140, 70, 100);
  Certified c(std::move(island));
  ASSERT_FALSE(c.admitted);
  Certified claimed(c.island);
  for (TaskClaim& claim : claimed.tasks) claim.response = claim.deadline;
  EXPECT_EQ(claimed.rejection(), Rejection::demand);
  EXPECT_EQ(claimed.check().error().index, 1u);
}

// A budget that grows by the least step past what the analyser admits is refused by the checker, with the busy window
// that the larger budget would have.
TEST(EdfChecker, AgreesWithTheAnalyserOnTheLastNanosecond) {
  Island island;
  island.task(100, 40, 70);
  island.task(140, 30, 100);
  std::int64_t low = 30'000;
  std::int64_t high = 140'000;
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    island.tasks[1].budget = Duration::ns(middle);
    (analyse_edf(island).admitted() ? low : high) = middle;
  }
  island.tasks[1].budget = Duration::ns(low);
  Certified fits(island);
  EXPECT_TRUE(fits.check().has_value());
  fits.tasks[1].budget += kNs;
  for (std::int64_t busy = 70; busy < 3000; ++busy) {
    fits.certificate.busy[1] = us(busy);
    ASSERT_FALSE(fits.check().has_value()) << busy;
  }
}

TEST(EdfChecker, AWalkWithoutEndIsRefused) {
  Island island;
  island.task(10, 5);
  island.task(10, 5);
  Certified c(island);
  ASSERT_TRUE(c.admitted);
  c.certificate.busy[1] = Duration::s(3);  // a million windows of demand = length
  EXPECT_EQ(c.rejection(), Rejection::demand_points);
}

struct Item : TimedNode {
  int id = 0;
};

TEST(EdfQueue, TheEarliestDeadlineIsFirstAndEqualsKeepTheirOrder) {
  EdfQueue<Item> queue;
  Item a, b, c;
  EXPECT_TRUE(queue.insert(a, Time::from_ns(20)));
  EXPECT_FALSE(queue.insert(b, Time::from_ns(20))) << "an equal deadline does not preempt";
  EXPECT_TRUE(queue.insert(c, Time::from_ns(19)));
  queue.remove(c);
  EXPECT_EQ(queue.earliest(), &a);
}

TEST(EdfQueue, AServerAtItsFloorIsNotPreemptedByItsOtherCallers) {
  EdfQueue<Item> queue;
  Item holder, caller;
  const Time now = Time::from_ns(1000);
  queue.insert(holder, Time::from_ns(9000));
  queue.lower(holder, deadline_floor(holder.when(), now, Duration::ns(500)));
  EXPECT_EQ(holder.when(), Time::from_ns(1500));
  EXPECT_FALSE(queue.insert(caller, now + Duration::ns(1) + Duration::ns(500)));
  EXPECT_EQ(queue.earliest(), &holder);
  EXPECT_TRUE(queue.restore(holder, Time::from_ns(9000)));
  EXPECT_EQ(queue.earliest(), &caller);
}

TEST(EdfQueue, AFloorIsNeverLaterThanTheOwnDeadline) {
  EXPECT_EQ(deadline_floor(Time::from_ns(100), Time::from_ns(90), Duration::ns(50)), Time::from_ns(100));
}

TEST(EdfQueue, AMillionRandomStepsAgreeWithAStableSort) {
  Random random(7);
  EdfQueue<Item> queue;
  std::deque<Item> items(40);
  std::vector<Item*> model;  // in order of insertion
  const auto first = [&] {
    return model.empty() ? nullptr : *std::min_element(model.begin(), model.end(), [](Item* a, Item* b) {
      return a->when() < b->when();
    });
  };
  for (int step = 0; step < 1'000'000; ++step) {
    Item& item = items[static_cast<std::size_t>(random.between(0, 39))];
    const Time when = Time::from_ns(static_cast<std::uint64_t>(random.between(0, 60)));
    const Item* const before = first();
    if (!item.queued()) {
      const bool now_first = queue.insert(item, when);
      model.push_back(&item);
      ASSERT_EQ(now_first, before == nullptr || when < before->when());
    } else if (random.chance(50)) {
      queue.remove(item);
      std::erase(model, &item);
    } else {
      const Time own = item.when();
      queue.lower(item, when);
      if (item.when() != own) {
        std::erase(model, &item);
        model.push_back(&item);
      }
    }
    ASSERT_EQ(queue.earliest(), first());
    if (step % 5000 == 0) {
      ASSERT_TRUE(queue.well_formed());
    }
  }
}

}  // namespace
}  // namespace capos::sched
