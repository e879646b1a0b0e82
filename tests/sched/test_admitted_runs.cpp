// SPDX-License-Identifier: Apache-2.0
// The promise as a whole: random admitted islands run on the real scheduler, with timers as late as admitted
// and some tasks that never end their jobs. Every job of the others ends within its task's admitted bound.
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
};

class AdmittedRun {
 public:
  AdmittedRun(const Island& island, Random& random)
      : island_(island), random_(random), runners_(island.tasks.size()) {
    cpu_.start(CpuId(1), now_);
    for (std::size_t i = 0; i < runners_.size(); ++i) start(runners_[i], island.tasks[i]);
  }

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
  void start(Runner& runner, const TaskModel& task) {
    const ContextParameters parameters{.budget = task.budget,
                                       .period = task.period,
                                       .deadline = task.deadline,
                                       .priority = task.priority,
                                       .cpu = CpuId(1),
                                       .island = IslandId(1),
                                       .on_miss = task.on_miss,
                                       .on_overrun = task.on_overrun};
    ASSERT_TRUE(runner.context.configure(parameters, now_).has_value());
    runner.context.owner = &runner;
    runner.hangs = random_.chance(25);
    cpu_.wait_next_release(runner.context, now_);
    const Duration offset =
        random_.chance(50) ? Duration{} : random_.duration(Duration{}, task.period.floor());
    cpu_.arm_jobs(runner.context, now_ + us(10) + offset, now_);
  }

  void tick() {
    cpu_.release_due(now_, [this](Context& c, ReleaseKind kind) {
      if (kind != ReleaseKind::refill) begin_job(c);
    });
    cpu_.deadlines_due(now_, [this](Context& c) { missed_.push_back(&c); });
    for (Context* c : missed_) consequence(*c, c->parameters().on_miss);
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
    worst[index] = std::max(worst[index], job.finish - job.release);
    ASSERT_EQ(job.flags & (kJobBudgetSpent | kJobAwaitedRefill), 0u) << "a job within its budget overran";
    if (runner.context.jobs().in_progress()) begin_job(runner.context);
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
};

Island random_island(Random& random) {
  Island island;
  const std::int64_t count = random.between(2, 6);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t period = random.between(100, 2000);
    const std::int64_t budget = std::max<std::int64_t>(5, period * random.between(3, 35) / 100);
    TaskModel& t = island.task(period, budget, random.between(std::min(period, 2 * budget), period));
    t.on_overrun = random.chance(50) ? Consequence::hold : Consequence::run_late;
    t.on_miss = random.chance(50) ? Consequence::hold : Consequence::run_late;
  }
  return island;
}

void expect_promise_kept(Duration timer_lateness) {
  std::size_t admitted = 0;
  std::int64_t closest_permille = 0;
  for (std::uint64_t seed = 0; seed < kIslands; ++seed) {
    Random random(seed);
    Island island = random_island(random);
    island.overheads.jitter = timer_lateness;
    if (!island.analyse().admitted()) continue;
    ++admitted;
    AdmittedRun machine(island, random);
    const std::vector<Duration> worst = machine.run(Time::from_ns(20'000'000));
    if (::testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
    for (std::size_t i = 0; i < worst.size(); ++i) {
      ASSERT_LE(worst[i], island.tasks[i].response) << "seed " << seed << " task " << i;
      closest_permille = std::max(closest_permille, worst[i].ns() * 1000 / island.tasks[i].response.ns());
    }
  }
  EXPECT_GT(admitted, kIslands / 5);
  EXPECT_GT(closest_permille, 990);
}

TEST(AdmittedRuns, PunctualTimers) { expect_promise_kept(Duration{}); }
TEST(AdmittedRuns, LateTimers) { expect_promise_kept(us(4)); }

}  // namespace
}  // namespace capos::sched
