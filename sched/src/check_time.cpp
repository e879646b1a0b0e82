// SPDX-License-Identifier: Apache-2.0
// The inequalities of time: what a CPU may have to do in a window, and by when a task claims that it is done.
#include <utility>

#include "check_families.hpp"
#include "claimed_work.hpp"

namespace capos::sched::claims {

// CPU, task. In parts of 2^20, each rounded down: a necessary condition that gives the plainest message. `jobs`: the parts.
Looked look_at_utilisation(Progress& at) noexcept {
  const TaskClaim& t = at.certificate->tasks[at.inner];
  if (t.cpu.value() == at.index) at.jobs += (t.budget.ns() << 20) / t.period.floor().ns();
  return need(at.jobs <= std::int64_t{1} << 20, Rejection::utilisation, at.index);
}

// Call, another, then task. All callers of a server are on one CPU. It runs as urgently as the most urgent of its callers, `found`. Once per job, a less urgent task may be inside a
// server whose ceiling reaches this task's urgency (T. Baker 1991; immediate ceiling; under EDF the deadline floor: A. Burns et al. 2015).
Looked look_at_blocking(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ServerCall& call = c.calls[at.index];
  if (at.inner == 0) at.found = call.task;
  if (at.inner < c.calls.size()) {
    const ServerCall& other = c.calls[at.inner];
    if (other.server == call.server && !as_urgent(c, c.tasks[at.found], c.tasks[other.task])) at.found = other.task;
    // A recovery that holds the server in turn is counted only in windows of its own deadline and longer.
    const bool reaches = c.tasks[call.task].recovers == kNoServer || as_urgent(c, c.tasks[call.task], c.tasks[other.task]);
    if (other.server == call.server && !reaches) return refuse(Rejection::recovery, call.task);
    return need(other.server != call.server || c.tasks[other.task].cpu == c.tasks[call.task].cpu, Rejection::call, at.index);
  }
  const std::size_t i = at.inner - c.calls.size();
  const TaskClaim& task = c.tasks[i];
  const TaskClaim& caller = c.tasks[call.task];
  const bool blocks = caller.cpu == task.cpu && !as_urgent(c, caller, task) && as_urgent(c, c.tasks[at.found], task);
  return need(!blocks || task.blocking >= call.wcet, Rejection::blocking, i, task.blocking, call.wcet);
}

// Task, until. The inequality of certificate.hpp's head comment: at the claim, if no second job may be pending then; else job after job
// from below, until all work is done before the next may arrive. What is proved under EDF is that deadlines are met, and no less.
Looked look_at_response(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& task = c.tasks[at.index];
  const Duration jitter = task.jitter + c.overheads.jitter;
  const Duration period = task.period.floor();
  if (at.inner == 0) {
    const Duration least = c.policy == Policy::edf ? task.deadline : jitter + Duration::ns(1);
    if (task.response < least) return refuse(Rejection::response, at.index, task.response, least);
    at.window = task.response <= period ? task.response - jitter : task.budget;
    at.jobs = 1;
  }
  if (c.policy == Policy::edf) return true;
  const auto of_each = [&](const TaskClaim& t, std::int64_t arrived, Duration) {
    return &t == &task ? at.jobs : t.priority >= task.priority ? arrived : 0;
  };
  if (!add_work(at.work, c, task.cpu, at.window, &task, of_each)) return false;
  const Sum sum = std::exchange(at.work, {}).sum;
  if (sum.overflow()) return refuse(Rejection::overflow, at.index);
  const Duration needed = sum.value();
  const Duration limit = task.response - jitter + period * (at.jobs - 1);
  if (needed > limit) return refuse(Rejection::response, at.index, limit, needed);
  const bool holds = needed <= at.window;
  if (holds && at.window <= period * at.jobs - jitter) return true;
  if (holds) ++at.jobs;
  if (!holds) at.window = needed;
  return need(++at.points < kMaxDemandPoints, Rejection::response, at.index, task.response);
}

// CPU, until. EDF: QPA from the claimed busy window downwards. `found`: the window itself has been judged.
Looked look_at_demand(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  if (c.policy != Policy::edf) return true;
  if (at.inner == 0) at.window = c.busy[at.index];
  if (!plausible(at.window)) return refuse(Rejection::busy_window, at.index, at.window);
  const auto jobs_of = [&](const TaskClaim& t, std::int64_t arrived, Duration reach) {
    if (at.found == 0) return arrived;
    if (reach >= t.deadline && t.recovers != kNoServer) return arrived;  // as urgent as the caller whose job is due in the window
    return reach < t.deadline ? 0 : (reach - t.deadline) / t.period.floor() + 1;
  };
  if (!add_work(at.work, c, CpuId(static_cast<std::uint16_t>(at.index)), at.window, nullptr, jobs_of)) return false;
  const Work work = std::exchange(at.work, {});
  if (work.jobs == 0) return true;  // no tasks there, or nothing more that is due
  if (work.sum.overflow()) return refuse(Rejection::overflow, at.index);
  const Duration needed = work.sum.value();
  const bool whole = std::exchange(at.found, 1) == 0;
  if (needed > at.window) return refuse(whole ? Rejection::busy_window : Rejection::demand, at.index, at.window, needed);
  if (whole) return false;
  at.window = needed < at.window ? needed : at.window - Duration::ns(1);
  return need(++at.points < kMaxDemandPoints, Rejection::demand_points, at.index, at.window);
}

}  // namespace capos::sched::claims
