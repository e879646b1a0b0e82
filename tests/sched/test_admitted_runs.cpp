// SPDX-License-Identifier: Apache-2.0
// The promise as a whole: random admitted islands run on the real scheduler, with timers as late as admitted
// and some tasks that never end their jobs. Every job of the others ends within its task's admitted bound. By fixed
// priorities and by EDF, with deadlines up to the period and beyond, and with tasks released by others' ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>

#include "capos/sched/cpu_scheduler.hpp"
#include "model.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::Random;
using test::us;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kIslands = 200;
#else
constexpr std::uint64_t kIslands = 2000;
#endif

struct Runner {
  Context context;
  bool hangs = false;
  Duration left{};  // what the program has still to do in this job
  Runner* successor = nullptr;
  Inputs inputs{};
};

class AdmittedRun {
 public:
  AdmittedRun(const Island& island, Random& random)
      : island_(island), random_(random), runners_(island.tasks.size()) {
    cpu_.start(CpuId(1), now_);
    offset_ = random_.chance(50) ? Duration{} : random_.duration(Duration{}, us(1000));
    std::vector<bool> triggered(runners_.size());
    for (const ChainModel& chain : island.chains) {
      for (std::size_t k = 1; k < chain.tasks.size(); ++k) {
        runners_[chain.tasks[k - 1]].successor = &runners_[chain.tasks[k]];
        triggered[chain.tasks[k]] = true;
      }
    }
    for (std::size_t i = 0; i < runners_.size(); ++i) start(runners_[i], island.tasks[i], triggered[i]);
  }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }
  [[nodiscard]] std::size_t triggered() const { return triggered_; }

  // Runs until `end` and returns the worst response of each task that behaves.
  std::vector<Duration> run(Time end) {
    std::vector<Duration> worst(runners_.size());
    Dispatch next = cpu_.pick(now_);
    while (now_ < end) {
      Runner* const running = next.context == nullptr ? nullptr : static_cast<Runner*>(next.context->owner);
      const Duration lateness = random_.duration(Duration{}, island_.overheads.jitter);
      const Time due = std::max(now_, cpu_.next_event(now_) + lateness);
      const Time done = running == nullptr || running->hangs ? Time::never() : now_ + running->left;
      const Time until = std::min(due, done);
      if (running != nullptr) running->left -= until - now_;
      now_ = until;
      if (now_ == due) tick();
      if (now_ == done) end_job(*running, worst);
      next = pick();
    }
    return worst;
  }

 private:
  void start(Runner& runner, const TaskModel& task, bool triggered) {
    const ContextParameters parameters{.budget = task.budget,
                                       .period = task.period,
                                       .deadline = task.deadline,
                                       .priority = task.priority,
                                       .cpu = CpuId(1),
                                       .island = IslandId(1),
                                       .on_miss = task.on_miss,
                                       .on_overrun = task.on_overrun,
                                       .edf = island_.model.policy == Policy::edf,
                                       .triggered = triggered,
                                       .jitter = triggered ? task.release_jitter + island_.overheads.jitter : Duration{}};
    ASSERT_TRUE(runner.context.configure(parameters, now_).has_value());
    runner.context.owner = &runner;
    runner.hangs = random_.chance(25);
    cpu_.wait_next_release(runner.context, now_);
    Duration offset = random_.chance(50) ? Duration{} : random_.duration(Duration{}, task.period.floor());
    if (triggered || runner.successor != nullptr) offset = offset_;  // a chain has one grid
    cpu_.arm_jobs(runner.context, now_ + us(10) + offset, now_);
  }

  void tick() {
    cpu_.release_due(now_, [this](Context& c, ReleaseKind kind) {
      if (kind != ReleaseKind::refill) begin_job(c);
    });
    cpu_.deadlines_due(now_, [this](Context& c) { missed_.push_back(&c); });
    for (Context* c : missed_) {
      const bool dropped = (c->jobs().current().flags & kJobNoInput) != 0;
      dropped_ += dropped ? 1 : 0;
      if (!dropped) consequence(*c, c->parameters().on_miss);
    }
    missed_.clear();
  }

  void begin_job(Context& c) {
    const Duration budget = c.parameters().budget;
    static_cast<Runner*>(c.owner)->left =
        random_.chance(60) ? budget : random_.duration(Duration::ns(1), budget);
  }

  void end_job(Runner& runner, std::vector<Duration>& worst) {
    const auto index = static_cast<std::size_t>(
        std::find_if(runners_.begin(), runners_.end(), [&](const Runner& r) { return &r == &runner; }) -
        runners_.begin());
    cpu_.wait_next_release(runner.context, now_);
    const Job& job = runner.context.jobs().last_finished();
    triggered_ += runner.context.parameters().triggered ? 1 : 0;
    // What is promised of a triggered job is promised if its input comes as promised.
    if ((job.flags & (kJobInputLate | kJobReleasedLate)) == 0) worst[index] = std::max(worst[index], job.finish - job.release);
    ASSERT_EQ(job.flags & kJobBudgetSpent, 0u) << "a job within its budget overran";
    ASSERT_TRUE((job.flags & kJobAwaitedRefill) == 0 || runner.context.parameters().triggered);
    if (runner.context.jobs().in_progress()) begin_job(runner.context);
    if (runner.successor != nullptr) trigger(*runner.successor, static_cast<std::uint32_t>(job.index));
  }
  void trigger(Runner& next, std::uint32_t index) {
    next.inputs = next.inputs.with(index);
    const bool was_in_progress = next.context.jobs().in_progress();
    while (cpu_.take_inputs(next.context, next.inputs, now_)) ++dropped_;
    if (!was_in_progress && next.context.jobs().in_progress()) begin_job(next.context);
  }

  void consequence(Context& c, Consequence what) {
    if (what == Consequence::hold) cpu_.abandon_job(c, now_);
  }

  Dispatch pick() {
    const Dispatch next = cpu_.pick(now_);
    if (next.overrun != nullptr) consequence(*next.overrun, next.overrun->parameters().on_overrun);
    return next;
  }

  const Island& island_;
  Random& random_;
  CpuScheduler cpu_;
  Time now_{};
  std::deque<Runner> runners_;
  std::vector<Context*> missed_;
  Duration offset_{};
  std::size_t dropped_ = 0, triggered_ = 0;
};

struct Kind {
  Policy policy;
  bool long_deadlines;
  Duration timer_lateness;
  bool triggered = false;
};

// Two or three of its tasks in a row, of one period; long enough for all of them.
void make_chain(Island& island, Random& random) {
  const std::size_t hops = std::min<std::size_t>(island.tasks.size(), random.chance(50) ? 2 : 3);
  std::vector<std::uint16_t> path;
  const TaskModel& first = island.tasks.front();
  for (std::size_t k = 0; k < hops; ++k) {
    TaskModel& task = island.tasks[k];
    path.push_back(static_cast<std::uint16_t>(k));
    task.period = first.period;
    task.budget = std::min(task.budget, first.period.floor() / 8);
    task.deadline = first.period.floor() * static_cast<std::int64_t>(k + 1) / static_cast<std::int64_t>(hops);
  }
  island.chain(path, first.period.floor().ns() / 1000, HopKind::triggered);
}

Island random_island(Random& random, bool long_deadlines) {
  Island island;
  const std::int64_t count = random.between(2, 6);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t period = random.between(100, 2000);
    const std::int64_t budget = std::max<std::int64_t>(5, period * random.between(3, 35) / 100);
    TaskModel& t = island.task(period, budget, random.between(std::min(period, 2 * budget), period));
    t.on_overrun = random.chance(50) ? Consequence::hold : Consequence::run_late;
    t.on_miss = random.chance(50) ? Consequence::hold : Consequence::run_late;
    if (!long_deadlines || random.chance(40)) continue;
    t.on_miss = Consequence::run_late;
    t.deadline = us(random.between(period, 3 * period));
  }
  return island;
}

class AdmittedRuns : public ::testing::TestWithParam<Kind> {};

TEST_P(AdmittedRuns, KeepTheirPromise) {
  const Kind& kind = GetParam();
  std::size_t admitted = 0;
  std::int64_t closest_permille = 0;
  std::size_t triggered = 0, dropped = 0;
  for (std::uint64_t seed = 0; seed < kIslands; ++seed) {
    Random random(seed);
    Island island = random_island(random, kind.long_deadlines);
    island.overheads.jitter = kind.timer_lateness;
    if (kind.triggered) make_chain(island, random);
    island.refresh().policy = kind.policy;
    if (!analyse(island.model).admitted()) continue;
    ++admitted;
    AdmittedRun machine(island, random);
    const std::vector<Duration> worst = machine.run(Time::from_ns(20'000'000));
    if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    triggered += machine.triggered();
    dropped += machine.dropped();
    for (std::size_t i = 0; i < worst.size(); ++i) {
      ASSERT_LE(worst[i], island.tasks[i].response) << "seed " << seed << " task " << i;
      closest_permille = std::max(closest_permille, worst[i].ns() * 1000 / island.tasks[i].response.ns());
    }
  }
  EXPECT_GT(admitted, kIslands / 5);
  EXPECT_EQ(triggered > 1000 && dropped > 100, kind.triggered) << triggered << ' ' << dropped;
  EXPECT_GT(closest_permille, kind.policy == Policy::edf ? 850 : 990);  // the bound is the deadline, or the response itself
}

INSTANTIATE_TEST_SUITE_P(Kinds, AdmittedRuns,
                         ::testing::Values(Kind{Policy::fixed_priority, false, {}}, Kind{Policy::fixed_priority, false, us(4)},
                                           Kind{Policy::fixed_priority, true, us(4)}, Kind{Policy::edf, false, {}},
                                           Kind{Policy::edf, false, us(4)}, Kind{Policy::edf, true, us(4)},
                                           Kind{Policy::fixed_priority, false, us(4), true},
                                           Kind{Policy::edf, false, us(4), true}));

}  // namespace
}  // namespace capos::sched
