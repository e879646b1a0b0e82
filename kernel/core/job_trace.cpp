// SPDX-License-Identifier: Apache-2.0
#include "core/job_trace.hpp"

#include <algorithm>

#include "core/consequences.hpp"
#include "core/triggers.hpp"
#include "ipc/endpoint.hpp"

namespace capos::kernel {
namespace {

using schema::EventKind;

// How late a timer may be before that counts as the cause of a miss.
Duration timer_jitter() noexcept { return parameters().quantum + Duration::us(5); }

std::uint64_t cause_of(const sched::Job& job) noexcept {
  return static_cast<std::uint64_t>(sched::miss_cause(job, timer_jitter()));
}

Time start_of(const SchedulingContext& context, const sched::Job& job, Time now) noexcept {
  return context.job_start.is_never() ? std::min(job.first_run, now) : context.job_start;
}

std::uint64_t summary_of(const sched::Job& job, std::uint64_t cause) noexcept {
  const bool overran = (job.flags & sched::kJobBudgetSpent) != 0, abandoned = (job.flags & sched::kJobAbandoned) != 0;
  return (job.index & 0xffff'ffff) | cause << 32 | std::uint64_t{overran} << 48 | std::uint64_t{abandoned} << 49;
}

void note_end(SchedulingContext& context, Time start) noexcept {
  ++context.jobs_done;
  context.previous_start = start;
  context.job_start = Time::never();
}

void report_miss(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept {
  ++context.misses;
  cpu.trace.emit(now, EventKind::miss, context.source, job.deadline.ns(), job.index, cause_of(job), job.delayed_by);
}

// An overrun, what it entails, the job, and that it is missed: as note_overrun() and carry_out() leave them.
void record_held(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  const sched::Job& job = context.jobs().last_finished();
  const bool missed = (job.flags & sched::kJobDeadlineMissed) != 0;
  // No other cause comes before a spent budget (sched::miss_cause); and summary_of() of such a job.
  const auto cause = static_cast<std::uint64_t>(missed ? sched::MissCause::budget_spent : sched::MissCause::none);
  const std::uint64_t summary = (job.index & 0xffff'ffff) | cause << 32 | std::uint64_t{3} << 48;
  constexpr auto kHold = static_cast<std::uint64_t>(sched::Remedy::hold);
  const auto consumed = static_cast<std::uint64_t>(job.consumed.ns());
  const Time start = start_of(context, job, now);
  TraceRing::Writer events(cpu.trace, now, context.source);
  events.add(EventKind::overrun, job.index, consumed);
  events.add(EventKind::consequence, kHold, job.index);
  events.add(EventKind::job, job.release.ns(), start.ns(), job.deadline.ns(), consumed, summary,
             job.preemptions | std::uint64_t{job.delayed_by} << 32);
  note_end(context, start);
  if (missed && (job.flags & sched::kJobMissSeenAtEnd) == 0) return;
  ++context.misses;
  events.add(EventKind::miss, job.deadline.ns(), job.index, cause, job.delayed_by);
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
  const bool abandoned = (job.flags & sched::kJobAbandoned) != 0;
  const Time start = start_of(context, job, now);
  cpu.trace.emit(now, EventKind::job, context.source, job.release.ns(), start.ns(), job.deadline.ns(),
                 static_cast<std::uint64_t>(job.consumed.ns()), summary_of(job, cause_of(job)),
                 job.preemptions | std::uint64_t{job.delayed_by} << 32);
  note_end(context, start);
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

// Apart: what a task without repetition does not need is not to be kept at hand.
[[noreturn, gnu::noinline, gnu::cold]] static void judge_held(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  judge_job(cpu, context, context.jobs().last_finished(), now);
  leave(cpu, now);
}

void hold_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  ++context.overruns;
  (void)context.policy.overrun();
  cpu.scheduler.hold_spent(context, now);
  record_held(cpu, context, now);
  if (context.primary || context.policy.repeats()) [[unlikely]] judge_held(cpu, context, now);
}

void note_dropped(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  report_miss(cpu, context, context.jobs().current(), now);
  carry_out(cpu, context, context.policy.missed(), schema::ThreadFault::deadline_missed, now);
  judge_job(cpu, context, context.jobs().current(), now);
}

static void judge_overrun(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  if (!context.jobs().in_progress()) {  // before its island starts a task may spend what it is given
    if (!context.recovery) recover_server(cpu, context, now);
    return;
  }
  const sched::Job& job = context.jobs().current();
  ++context.overruns;
  cpu.trace.emit(now, EventKind::overrun, context.source, job.index, static_cast<std::uint64_t>(job.consumed.ns()));
  const sched::Remedy remedy = context.policy.overrun();
  if (remedy != sched::Remedy::hold) recover_server(cpu, context, now);  // holding does
  carry_out(cpu, context, remedy, schema::ThreadFault::budget_spent, now);
}

void note_overrun(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  judge_overrun(cpu, context, now);
  if (context.edf()) drop_floors(cpu, context, now);  // what its server does with the refill to come is due anew
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
