// SPDX-License-Identifier: Apache-2.0
#include "core/invariants.hpp"

#include "core/assert.hpp"
#include "islands/binding.hpp"
#include "process/process.hpp"

namespace capos::kernel {

#if defined(CAPOS_DEBUG_CHECKS)
template <typename T>
Locked<typename Watched<T>::Everyone, kWatchedRank>& Watched<T>::everyone() noexcept {
  static constinit Locked<Everyone, kWatchedRank> all;
  return all;
}
template class Watched<Thread>;
template class Watched<Process>;
#endif

namespace {

bool same(const Account& a, const Account& b) noexcept { return a.context == b.context && a.entity == b.entity; }

const void* owner_of(const Account& account) noexcept {
  return account.context != nullptr ? account.context->owner : account.entity != nullptr ? account.entity->owner : nullptr;
}

// In one of the scheduler's queues: it runs, will run, or waits for time.
bool queued(const Account& account) noexcept {
  if (account.context != nullptr) return account.context->state() != sched::ContextState::blocked;
  return account.entity != nullptr && account.entity->queued();
}

const char* check_current(Cpu& cpu) noexcept {
  const sched::Context* const context = cpu.scheduler.current_context();
  const sched::FairEntity* const entity = cpu.scheduler.current_entity();
  const void* const owner = context != nullptr ? context->owner : entity != nullptr ? entity->owner : nullptr;
  if (owner != cpu.thread) return "the current thread does not own the account that was picked";
  if (cpu.thread == nullptr) return nullptr;
  if (!cpu.thread->home.is(cpu.id)) return "a thread runs on a CPU that is not its own";
  if (cpu.thread->account.context != context || cpu.thread->account.entity != entity) {
    return "the current thread does not run on the account that was picked";
  }
  return cpu.thread->state == ThreadState::runnable ? nullptr : "the current thread is not runnable";
}

const char* check_timer(Cpu& cpu, Time now) noexcept {
  if (gives_way(cpu, now)) return cpu.armed > cpu.scheduler.next_release() ? "no timer is armed for the near release" : nullptr;
  if (cpu.armed > cpu.scheduler.next_event(now)) return "no timer is armed for the scheduler's next event";
  if (cpu.armed > cpu.timeouts.earliest_time()) return "no timer is armed for the first timeout";
  if (cpu.scheduler.current_context() == nullptr && cpu.armed > cpu.sleepers.earliest_time()) return "no timer is armed for the first sleeper";
  return nullptr;
}

// Its context was stopped for good, and its call, if it was in one, called off (withdraw_calls): it waits for nobody.
bool called_off(const Thread& thread) noexcept {
  const SchedulingContext* const context = thread.account.context;
  return context != nullptr && context->stopped.load(std::memory_order_relaxed) && !queued(thread.account) &&
         thread.direct_call.idle();
}

// Both ends of a call know it, and agree on whose time it runs.
const char* check_call(const Thread& thread) noexcept {
  if (called_off(thread)) return nullptr;
  const bool served = thread.state == ThreadState::await_reply, waits = thread.state == ThreadState::await_server;
  const Call& out = thread.direct_call;
  if (&thread.outgoing->caller != &thread) return "a thread's call is another's";
  if (served != (out.server != nullptr)) return "a thread awaits a reply of nobody, or has a server and awaits none";
  if (waits != (out.queued_at != nullptr)) return "a thread awaits a server at no endpoint, or queues without awaiting";
  if (waits != out.linked()) return "a thread awaits a server and its call is in no queue, or the reverse";
  if (served && out.server->incoming != &out) return "a server does not know its caller";
  if (served && thread.outgoing != &out) return "a thread's account is lent for another call than the one it waits in";
  if (served && !same(thread.account, out.server->account)) return "a call does not run on its caller's account";
  if (thread.incoming != nullptr && thread.incoming->server != &thread) return "a call does not know its server";
  return nullptr;
}

const char* check_queues(const Thread& thread) noexcept {
  const bool at_endpoint = static_cast<const ListHook<EndpointTag>&>(thread).linked();
  if (thread.state == ThreadState::await_call && !at_endpoint && !thread.process.is_ending()) return "a server waits for calls in no endpoint's queue";
  if (thread.state == ThreadState::dead && at_endpoint) return "a dead thread waits for calls";
  const bool parked = static_cast<const ListHook<ParkTag>&>(thread).linked();
  if (thread.state == ThreadState::dead && parked) return "a dead thread is parked";
  const bool limited = thread.timeout.queued();
  if (thread.state == ThreadState::sleeping && !limited) return "a thread sleeps without end";
  if (limited && (thread.state == ThreadState::runnable || thread.state == ThreadState::dead)) {
    return "a thread that waits for nothing has a timeout";
  }
  return nullptr;
}

// A job that was abandoned is followed by a release whatever its thread waits for; leave() blocks the context then.
bool may_be_released(const Account& account) noexcept {
  return account.context != nullptr && account.context->jobs().armed();
}

const char* check_account(const Thread& thread) noexcept {
  const Account& account = thread.account;
  switch (thread.state) {
    case ThreadState::dead:
    case ThreadState::await_call:
      return account.is_none() ? nullptr : "a thread that cannot run has an account";
    // In its ring, or with its supervisor: its account may be lent, blocked, or at work for it.
    case ThreadState::await_completions:
    case ThreadState::ring_work:
    case ThreadState::await_supervisor: return nullptr;
    case ThreadState::await_reply:
      if (called_off(thread)) break;
      return owner_of(account) != &thread ? nullptr : "a caller owns the account that its server runs on";
    default: break;
  }
  if (stands_by(thread)) return account.is_none() ? nullptr : "a thread stands by and has an account";
  if (account.is_none()) return "a thread has no account";
  if (owner_of(account) != &thread) return "a thread does not own its account";
  switch (thread.state) {
    case ThreadState::runnable:
    case ThreadState::call_work:
    case ThreadState::await_release: return nullptr;  // see check_ready
    default: return queued(account) && !may_be_released(account) ? "a thread waits and its account is queued" : nullptr;
  }
}

// A context and its thread know each other.
const char* check_bound(const Thread& thread) noexcept {
  if (thread.bound == nullptr) return nullptr;
  return thread.bound->thread == &thread ? nullptr : "a thread is bound to a context that is another's";
}

// Runnable: queued, but for a thread whose context was stopped for good, or suspended while its fallback runs.
const char* check_ready(const Thread& thread) noexcept {
  if (thread.state != ThreadState::runnable || queued(thread.account)) return nullptr;
  const SchedulingContext* const context = thread.account.context;
  if (context != nullptr && (context->stopped.load(std::memory_order_relaxed) || context->awaits_start())) return nullptr;
  return "a thread is runnable and its account is in no queue";
}

const char* check_dead(const Thread& thread) noexcept {
  if (thread.state != ThreadState::dead) return nullptr;
  if (thread.bound != nullptr) return "a dead thread is bound to a context";
  if (thread.incoming != nullptr || thread.serving != nullptr) return "a dead thread serves";
  return thread.entity.queued() ? "a dead thread's time is queued" : nullptr;
}

const char* check_thread(const Thread& thread) noexcept {
  using Check = const char* (*)(const Thread&) noexcept;
  constexpr Check kChecks[] = {check_dead, check_bound, check_queues, check_call, check_account, check_ready};
  for (const Check check : kChecks) {
    if (const char* const broken = check(thread); broken != nullptr) return broken;
  }
  return nullptr;
}

}  // namespace

const char* first_broken(Cpu& cpu) noexcept {
  const Time now = cpu.scheduler.charged_until();  // nothing has changed since
  if (const char* const broken = cpu.scheduler.check_invariants(now); broken != nullptr) return broken;
  if (const char* const broken = check_current(cpu); broken != nullptr) return broken;
  if (const char* const broken = check_timer(cpu, now); broken != nullptr) return broken;
  if (!cpu.timeouts.well_formed()) return "the queue of timeouts is broken";
  if (!cpu.sleepers.well_formed()) return "the queue of sleepers is broken";
  const char* broken = nullptr;
  Watched<Thread>::for_each([&](Thread& thread) {
    if (broken == nullptr && thread.home.is(cpu.id) && thread.is_watched()) broken = check_thread(thread);
  });
  return broken;
}

void check_invariants(Cpu& cpu) noexcept {
  if (const char* const broken = first_broken(cpu); broken != nullptr) panic(broken);
}

}  // namespace capos::kernel
