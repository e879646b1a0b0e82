// SPDX-License-Identifier: Apache-2.0
// The scheduler's part of the wake-up path and of admission, at native speed.
#include <benchmark/benchmark.h>

#include <deque>
#include <vector>

#include "capos/sched/analysis.hpp"
#include "capos/sched/cpu_scheduler.hpp"

namespace capos::sched {
namespace {

void configure(benchmark::State& state, Context& context, std::int64_t period_us, int priority) {
  const auto done = context.configure({.budget = Duration::us(10),
                                       .period = {static_cast<std::uint32_t>(period_us), 1'000'000},
                                       .deadline = Duration::us(period_us),
                                       .priority = Priority(static_cast<std::uint8_t>(priority)),
                                       .cpu = CpuId(1),
                                       .island = IslandId(1)},
                                      Time{});
  if (!done.has_value()) state.SkipWithError("bad parameters");
}

// One job from its release to the wait for the next, `range` contexts on the CPU: what the kernel asks of
// sched on one timer interrupt and one system call.
void one_job(benchmark::State& state) {
  CpuScheduler cpu;
  std::deque<Context> contexts(static_cast<std::size_t>(state.range(0)));
  int index = 0;
  for (Context& context : contexts) {
    configure(state, context, 1000, 1 + index % 200);
    cpu.wait_next_release(context, Time{});
    cpu.arm_jobs(context, Time::from_ns(static_cast<std::uint64_t>(1000 * ++index)), Time{});
  }
  Time now = cpu.next_event(Time{});
  for (auto _ : state) {
    cpu.release_due(now);
    cpu.deadlines_due(now, [](Context&) {});
    const Dispatch next = cpu.pick(now);
    benchmark::DoNotOptimize(cpu.next_event(now));
    now += Duration::ns(400);
    cpu.wait_next_release(*next.context, now);
    cpu.pick(now);
    now = cpu.next_event(now);
  }
}
BENCHMARK(one_job)->Arg(1)->Arg(4)->Arg(32)->Arg(256);

struct Island {
  explicit Island(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      TaskModel task;
      task.cpu = CpuId(1);
      task.period = {static_cast<std::uint32_t>(1000 * (1 + i % 10)), 1'000'000};
      task.deadline = task.period.floor();
      task.budget = task.deadline / (2 * count);
      tasks.push_back(task);
    }
    model = {.name = "bench",
             .cpus = 0b10,
             .islands = {},
             .tasks = tasks,
             .chains = {},
             .calls = {},
             .interrupts = {},
             .overheads = {}};
  }
  std::vector<TaskModel> tasks;
  IslandModel model;
};

void analysis(benchmark::State& state) {
  Island island(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(analyse(island.model));
  if (!analyse(island.model).admitted()) state.SkipWithError("not admitted");
}
BENCHMARK(analysis)->Arg(4)->Arg(16)->Arg(64);

void checker(benchmark::State& state) {
  Island island(state.range(0));
  if (!analyse(island.model).admitted()) state.SkipWithError("not admitted");
  std::vector<TaskClaim> claims(island.tasks.size());
  const Certificate certificate = certify(island.model, claims, {});
  const MachineFacts machine{.cpus = 0b11, .overheads = certificate.overheads};
  for (auto _ : state) benchmark::DoNotOptimize(check_certificate(certificate, machine));
  if (!check_certificate(certificate, machine).has_value()) state.SkipWithError("rejected");
}
BENCHMARK(checker)->Arg(4)->Arg(16)->Arg(64);

}  // namespace
}  // namespace capos::sched
