// SPDX-License-Identifier: Apache-2.0
#include "core/job_trace.hpp"

#include <algorithm>

#include "core/consequences.hpp"
#include "core/triggers.hpp"

namespace capos::kernel {
namespace {

using schema::EventKind;

// How late a timer may be before that counts as the cause of a miss.
Duration timer_jitter() noexcept { return parameters().quantum + Duration::us(5); }

std::uint64_t cause_of(const sched::Job& job) noexcept {
  return static_cast<std::uint64_t>(sched::miss_cause(job, timer_jitter()));
}

void report_miss(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept {
  ++context.misses;
  cpu.trace.emit(now, EventKind::miss, context.source, job.deadline.ns(), job.index, cause_of(job), job.delayed_by);
}

}  // namespace

void begin_job(Thread& thread) noexcept {
  SchedulingContext& context = *thread.bound;
  const sched::Job& job = context.jobs().current();
  thread.state = ThreadState::runnable;
  context.job_start = hal::now();
  auto& words = thread.user.words();
  words[0] = job.index;
  words[1] = job.release.ns();
  words[2] = context.job_start.ns();
  words[3] = context.previous_start.is_never() ? 0 : context.previous_start.ns();
  words[4] = job.deadline.ns();
  words[5] = job.skipped;
  words[6] = words[7] = 0;
  thread.user.set_result(0, 0, 0);
}

void record_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  const sched::Job& job = context.jobs().last_finished();
  const bool overran = (job.flags & sched::kJobBudgetSpent) != 0;
  const bool abandoned = (job.flags & sched::kJobAbandoned) != 0;
  const Time start = context.job_start.is_never() ? std::min(job.first_run, now) : context.job_start;
  const std::uint64_t summary = (job.index & 0xffff'ffff) | cause_of(job) << 32 | std::uint64_t{overran} << 48 |
                                std::uint64_t{abandoned} << 49;
  cpu.trace.emit(now, EventKind::job, context.source, job.release.ns(), start.ns(), job.deadline.ns(),
                 static_cast<std::uint64_t>(job.consumed.ns()), summary,
                 job.preemptions | std::uint64_t{job.delayed_by} << 32);
  ++context.jobs_done;
  context.previous_start = start;
  context.job_start = Time::never();
  // A miss that the deadline's own event has reported is not reported again; an abandoned job is a missed one.
  const bool seen_here = (job.flags & sched::kJobMissSeenAtEnd) != 0;
  if (seen_here || (abandoned && (job.flags & sched::kJobDeadlineMissed) == 0)) report_miss(cpu, context, job, now);
}

void end_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  record_job(cpu, context, now);
  const sched::Job& job = context.jobs().last_finished();
  if (context.successors.front() && (job.flags & sched::kJobAbandoned) == 0) [[unlikely]] tell_successors(cpu, context, job, now);
  judge_job(cpu, context, job, now);
}

void note_dropped(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  report_miss(cpu, context, context.jobs().current(), now);
  carry_out(cpu, context, context.policy.missed(), schema::ThreadFault::deadline_missed, now);
  judge_job(cpu, context, context.jobs().current(), now);
}

void note_overrun(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  if (!context.jobs().in_progress()) return;  // before its island starts a task may spend what it is given
  const sched::Job& job = context.jobs().current();
  ++context.overruns;
  cpu.trace.emit(now, EventKind::overrun, context.source, job.index, static_cast<std::uint64_t>(job.consumed.ns()));
  const sched::Remedy remedy = context.policy.overrun();
  if (remedy != sched::Remedy::hold) recover_server(cpu, context, now);  // holding does
  carry_out(cpu, context, remedy, schema::ThreadFault::budget_spent, now);
}

bool expire_deadlines(Cpu& cpu, Time now) noexcept {
  SchedulingContext* missed = nullptr;
  const bool all = cpu.scheduler.deadlines_some(now, kMissesAtOnce, [&](sched::Context& late) {
    auto& context = static_cast<SchedulingContext&>(late);
    context.next_missed = missed;
    missed = &context;
  });
  for (; missed != nullptr; missed = missed->next_missed) {
    if ((missed->jobs().current().flags & sched::kJobNoInput) != 0) {
      note_dropped(cpu, *missed, now);
      continue;
    }
    report_miss(cpu, *missed, missed->jobs().current(), now);
    carry_out(cpu, *missed, missed->policy.missed(), schema::ThreadFault::deadline_missed, now);
  }
  return all;
}

}  // namespace capos::kernel
