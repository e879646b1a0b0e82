// SPDX-License-Identifier: Apache-2.0
#include "core/consequences.hpp"

#include "core/account.hpp"
#include "core/job_trace.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fault_call.hpp"
#include "islands/island.hpp"

namespace capos::kernel {
namespace {

using sched::Remedy;
using schema::ThreadFault;

// Below every task that states or derives a priority of at least 1; with those at 0, first come, first served.
constexpr Priority kDemoted(0);

// May it be released again: bound to a thread that lives, and not stopped?
bool can_run(const SchedulingContext& context) noexcept {
  return context.thread != nullptr && !context.stopped.load(std::memory_order_relaxed);
}

// The same of one that stands aside. A thread that has been bound to it meanwhile has come to wait.
bool can_return(const SchedulingContext& context) noexcept { return can_run(context) && context.awaits_start(); }

// Its call would keep a server busy for as long as it is suspended.
void end_calls(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  Thread* const thread = context.thread;
  if (thread == nullptr || thread->account.context != &context) return;
  if (thread->state == ThreadState::await_reply || thread->state == ThreadState::await_server) {
    call_off(cpu, *thread, schema::TransportError::timeout, now);
  } else {
    withdraw_calls(cpu, *thread, now);
  }
}

void suspend(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  end_calls(cpu, context, now);
  if (cpu.scheduler.suspend_jobs(context, now)) record_job(cpu, context, now);
}

// `to` is released instead of `from`, once its thread waits for that.
void replace(Cpu& cpu, SchedulingContext& from, SchedulingContext& to, Time now) noexcept {
  suspend(cpu, from, now);
  to.off_grid = !can_return(to);
  if (!to.off_grid) cpu.scheduler.resume_jobs(to, now);
}

// With whoever stands in for it, or whom it stands in for: that one would stay suspended for good.
void stop_with_fallback(Cpu& cpu, SchedulingContext& context, ThreadFault why, Time now) noexcept {
  const Ref<SchedulingContext> fallback = context.fallback, primary = context.primary;  // stop_context() lets go of them
  stop_context(cpu, context, why, now);
  if (fallback) stop_context(cpu, *fallback, ThreadFault::context_stopped, now);
  if (primary) stop_context(cpu, *primary, ThreadFault::context_stopped, now);
}

void stop_island_later(Cpu& cpu, SchedulingContext& context) noexcept {
  context.acquire();
  context.next_stopping = cpu.stopping;
  cpu.stopping = &context;
  cpu.remains = true;
}

void end_island_of(void* subject) noexcept {
  auto& context = *static_cast<SchedulingContext*>(subject);
  end_island(context, hal::now());
  context.release();
}

}  // namespace

void recover_called_server(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  const Thread* const thread = context.thread;
  if (thread->account.context != &context) return;
  const Thread* const server = thread->outgoing->server;
  if (server->bound == nullptr || !server->bound->recovery) return;
  if (server->bound->stopped.load(std::memory_order_relaxed)) return;
  end_calls(cpu, context, now);
}

void carry_out(Cpu& cpu, SchedulingContext& context, Remedy remedy, ThreadFault why, Time now) noexcept {
  if (remedy == Remedy::none) return;
  cpu.trace.emit(now, schema::EventKind::consequence, context.source, static_cast<std::uint64_t>(remedy),
                 context.jobs().current().index);
  switch (remedy) {
    case Remedy::hold:
      recover_server(cpu, context, now);
      if (cpu.scheduler.abandon_job(context, now)) end_job(cpu, context, now);
      return;
    case Remedy::demote: return cpu.scheduler.set_base_priority(context, kDemoted, now);
    case Remedy::promote:
      return cpu.scheduler.set_base_priority(context, context.sched::Context::parameters().priority, now);
    case Remedy::fall_back:
      if (!can_run(*context.fallback)) return carry_out(cpu, context, Remedy::stop_task, why, now);
      return replace(cpu, context, *context.fallback, now);
    case Remedy::return_back: return replace(cpu, *context.fallback, context, now);
    case Remedy::stop_island: stop_island_later(cpu, context); [[fallthrough]];
    case Remedy::stop_task: return stop_with_fallback(cpu, context, why, now);
    default: return;
  }
}

void judge_job(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept {
  if (context.primary) [[unlikely]] {
    const Ref<SchedulingContext> primary = context.primary;
    if (primary->stopped.load(std::memory_order_relaxed)) return;  // and so is this one, with its next mail
    const bool wrong = (job.flags & (sched::kJobDeadlineMissed | sched::kJobBudgetSpent)) != 0;
    return carry_out(cpu, *primary, primary->policy.ended(wrong, can_return(*primary)), ThreadFault::deadline_missed, now);
  }
  const bool late = (job.flags & sched::kJobDeadlineMissed) != 0;
  const ThreadFault why = late ? ThreadFault::deadline_missed : ThreadFault::budget_spent;
  carry_out(cpu, context, context.policy.ended(late), why, now);
}

void stop_context(Cpu& cpu, SchedulingContext& context, ThreadFault why, Time now) noexcept {
  context.stopped.store(true, std::memory_order_relaxed);
  Thread* const thread = context.thread;
  if (thread != nullptr && thread->account.context == &context) {
    if (thread->serving == nullptr) {
      withdraw_calls(cpu, *thread, now);
    } else {
      hand_on(cpu, finishing_account(*thread), *thread, now);  // others count on it
      context.owner = thread;
    }
  }
  cpu.scheduler.remove(context, now);
  if (context.thread != nullptr) raise_lost_time(cpu, *context.thread, why, now);
  context.fallback = {};
  context.primary = {};
  for (auto& successor : context.successors) successor = {};
}

void stop_islands(Cpu& cpu) noexcept {
  while (SchedulingContext* const context = cpu.stopping) {
    cpu.stopping = context->next_stopping;
    if (!post(CpuId(0), context->stop_island_mail, end_island_of, context)) context->release();
  }
}

}  // namespace capos::kernel
