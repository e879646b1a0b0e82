// SPDX-License-Identifier: Apache-2.0
// The inequalities of time: what a CPU may have to do in a window, and by when a task claims that it is done.
#include "check_steps.hpp"

namespace capos::sched::claims {

// In parts of 2^20, each rounded down: a necessary condition that gives the plainest message. `jobs`: the parts.
Looked look_at_utilisation(Progress& at) noexcept {
  const auto tasks = at.certificate->tasks;
  if (at.chunk == 0) at.jobs = 0;
  const Chunk chunk(at.chunk, tasks.size());
  for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
    const TaskClaim& t = tasks[i];
    if (t.cpu.value() == at.index) at.jobs += (t.budget.ns() << 20) / t.period.floor().ns();
  }
  if (at.jobs > std::int64_t{1} << 20) return refuse(Rejection::utilisation, at.index);
  return chunk.last;
}

// A server runs as urgently as the most urgent of its callers. Once per job, a less urgent task may be inside a
// server whose ceiling reaches this task's urgency (T. Baker 1991; immediate ceiling; under EDF the deadline
// floor: A. Burns et al. 2015). Of each call: first the most urgent caller of its server, `found`; then whom it blocks.
Looked look_at_blocking(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ServerCall& call = c.calls[at.index];
  const TaskClaim& caller = c.tasks[call.task];
  if (at.chunk == 0) at.found = call.task;
  const std::size_t first = (c.calls.size() + kChunk - 1) / kChunk;  // chunks of the calls
  if (at.chunk < first) {
    const Chunk chunk(at.chunk, c.calls.size());
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
      const ServerCall& other = c.calls[i];
      if (other.server == call.server && !as_urgent(c, c.tasks[at.found], c.tasks[other.task])) at.found = other.task;
    }
    return false;
  }
  const Chunk chunk(at.chunk - first, c.tasks.size());
  for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
    const TaskClaim& task = c.tasks[i];
    if (caller.cpu != task.cpu || as_urgent(c, caller, task) || !as_urgent(c, c.tasks[at.found], task)) continue;
    if (task.blocking < call.wcet) return refuse(Rejection::blocking, i, task.blocking, call.wcet);
  }
  return chunk.last;
}

// The inequality of certificate.hpp's head comment: at the claim, if no second job may be pending then; else job after job
// from below, until all work is done before the next may arrive.
Looked look_at_response(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const std::size_t i = at.index;
  const TaskClaim& task = c.tasks[i];
  if (c.policy == Policy::edf) {
    // What is proved under EDF is that deadlines are met, and no less.
    if (task.response != task.deadline) return refuse(Rejection::response, i, task.response, task.deadline);
    return true;
  }
  const Duration jitter = task.jitter + c.overheads.jitter;
  const Duration period = task.period.floor();
  if (at.chunk == 0) {
    if (task.response <= jitter) return refuse(Rejection::response, i, task.response, jitter);
    at.window = task.response <= period ? task.response - jitter : task.budget;
    at.jobs = 1;
    at.points = 0;
    at.work = {};
  }
  const auto of_each = [&](const TaskClaim& t, std::int64_t arrived, Duration) {
    return &t == &task ? at.jobs : t.priority >= task.priority ? arrived : 0;
  };
  if (!add_work(at.work, c, task.cpu, at.window, &task, of_each)) return false;
  const Sum needed = at.work.sum;
  at.work = {};
  if (needed.overflow()) return refuse(Rejection::overflow, i);
  const Duration limit = task.response - jitter + period * (at.jobs - 1);
  if (needed.value() > limit) return refuse(Rejection::response, i, limit, needed.value());
  const bool holds = needed.value() <= at.window;
  if (holds && at.window <= period * at.jobs - jitter) return true;
  if (holds) ++at.jobs;
  if (!holds) at.window = needed.value();
  if (++at.points == kMaxDemandPoints) return refuse(Rejection::response, i, task.response);
  return false;
}

// EDF, one CPU: QPA from the claimed busy window downwards. `found`: the window itself has been judged.
Looked look_at_demand(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  if (c.policy != Policy::edf) return true;
  const auto cpu = static_cast<std::uint16_t>(at.index);
  if (at.chunk == 0) {
    at.window = c.busy[cpu];
    if (!plausible(at.window)) return refuse(Rejection::busy_window, cpu, at.window);
    at.points = 0;
    at.found = 0;
    at.work = {};
  }
  const auto jobs_of = [&](const TaskClaim& t, std::int64_t arrived, Duration reach) {
    if (at.found == 0) return arrived;
    return reach < t.deadline ? 0 : (reach - t.deadline) / t.period.floor() + 1;
  };
  if (!add_work(at.work, c, CpuId(cpu), at.window, nullptr, jobs_of)) return false;
  const Work work = at.work;
  at.work = {};
  if (work.jobs == 0) return true;  // no tasks there, or nothing more that is due
  const Duration needed = work.sum.value();
  if (at.found == 0) {
    if (work.sum.overflow()) return refuse(Rejection::overflow, cpu);
    if (needed > at.window) return refuse(Rejection::busy_window, cpu, at.window, needed);
    at.found = 1;
    return false;
  }
  if (needed > at.window) return refuse(Rejection::demand, cpu, at.window, needed);
  at.window = needed < at.window ? needed : at.window - Duration::ns(1);
  if (++at.points == kMaxDemandPoints) return refuse(Rejection::demand_points, cpu, at.window);
  return false;
}

}  // namespace capos::sched::claims
