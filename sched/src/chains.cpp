// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "demand.hpp"

namespace capos::sched::analysis {

// Sampled: data from a job's release to the first finish at the end of the chain that has it takes at most
//   R1 + (T2 + R2) + ... + (Tn + Rn),
// and what a job at the end works on is at most
//   (T1 + R1) + ... + (Tn-1 + Rn-1) + Rn
// old when that job finishes. The larger of the two is claimed.
// Triggered: the last response, which by its jitter counts from the first task's release.
Duration chain_latency(const IslandModel& model, const ChainModel& chain) noexcept {
  const TaskModel& first = model.tasks[chain.tasks.front()];
  const TaskModel& last = model.tasks[chain.tasks.back()];
  if (last.response >= kUnbounded) return Duration::max();
  if (chain.hops == HopKind::triggered) return last.response;
  Duration sum{};
  for (const std::uint16_t index : chain.tasks) {
    const TaskModel& task = model.tasks[index];
    if (task.response >= kUnbounded) return Duration::max();
    sum = plus(sum, plus(task.period.ceil(), task.response));
  }
  return sum - std::min(first.period.ceil(), last.period.ceil());
}

}  // namespace capos::sched::analysis

namespace capos::sched {

Certificate certify(const IslandModel& model, std::span<TaskClaim> tasks,
                    std::span<ChainClaim> chains) noexcept {
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    const TaskModel& t = model.tasks[i];
    tasks[i] = {.name = t.name,
                .cpu = t.cpu,
                .priority = t.priority,
                .period = t.period,
                .budget = t.budget,
                .deadline = t.deadline,
                .jitter = t.release_jitter,
                .blocking = t.blocking,
                .response = t.response,
                .on_miss = t.on_miss,
                .on_overrun = t.on_overrun,
                .repeated = t.repeated,
                .fallback = t.fallback,
                .island = t.island,
                .recovers = t.recovers};
  }
  for (std::size_t i = 0; i < model.chains.size(); ++i) {
    const ChainModel& c = model.chains[i];
    chains[i] = {.name = c.name, .tasks = c.tasks, .hops = c.hops, .bound = c.bound, .latency = c.latency};
  }
  Certificate certificate;
  certificate.island = model.name;
  certificate.cpus = model.cpus;
  certificate.islands = model.islands;
  certificate.policy = model.policy;
  certificate.busy = model.busy;
  certificate.overheads = model.overheads;
  certificate.overheads.version = overheads_version(model.overheads);
  certificate.tasks = tasks.first(model.tasks.size());
  certificate.chains = chains.first(model.chains.size());
  certificate.calls = model.calls;
  certificate.interrupts = model.interrupts;
  return certificate;
}

}  // namespace capos::sched
