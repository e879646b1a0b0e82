// SPDX-License-Identifier: Apache-2.0
#include "islands/settling.hpp"

#include <utility>

#include "core/account.hpp"
#include "islands/binding.hpp"
#include "islands/mode_change.hpp"

namespace capos::kernel {
namespace {

// Of those that wait for an idle instant, in one go.
constexpr unsigned kArmedAtOnce = 4;

void arm(Cpu& cpu, SchedulingContext& context, bool skip_passed, Time now) noexcept {
  if (context.stopped.load(std::memory_order_relaxed)) return;
  cpu.scheduler.arm_jobs(context, context.first_release, now);
  if (skip_passed && !context.sched::Context::parameters().triggered) {  // one that is triggered waits for its input anyway
    (void)cpu.scheduler.suspend_jobs(context, now);
    cpu.scheduler.resume_jobs(context, now);
  }
  if (context.primary) (void)cpu.scheduler.suspend_jobs(context, now);  // it stands by
  if (context.thread == nullptr) take_off_grid(cpu, context, now);  // it has gone since
}

void start(Cpu& cpu, Thread& thread, Time now) noexcept {
  thread.watch();
  make_ready(cpu, thread.account, now);
}

// Its thread was to start on it.
void start_late(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  Thread* const thread = context.thread;
  if (thread != nullptr && thread->account.context == &context && goes_on(thread->state)) start(cpu, *thread, now);
}

// Into the list, if it is not there yet: its thread may have ended since, and another been made for it.
void await_idle(Cpu& cpu, SchedulingContext& context, bool SchedulingContext::*what) noexcept {
  if (!context.arms && !context.starts) {
    context.acquire();
    context.next_arming = cpu.arming;
    cpu.arming = &context;
  }
  context.*what = true;
}

void arm_some(Cpu& cpu, Time now) noexcept;

void go_on_arming(void* subject) noexcept { arm_some(*static_cast<Cpu*>(subject), hal::now()); }

// The next of those that wait; the rest by an interrupt. If others have gone meanwhile, the rest at the next idle instant.
void arm_some(Cpu& cpu, Time now) noexcept {
  for (unsigned left = kArmedAtOnce; cpu.arming != nullptr && !cpu.unsettled; --left) {
    if (left == 0) return (void)post_later(cpu.id, cpu.arming_mail, go_on_arming, &cpu);
    SchedulingContext& context = *cpu.arming;
    cpu.arming = context.next_arming;
    if (std::exchange(context.arms, false)) arm(cpu, context, context.first_release <= now, now);
    if (std::exchange(context.starts, false)) start_late(cpu, context, now);
    context.release();
  }
}

}  // namespace

void note_removal(Cpu& cpu) noexcept { cpu.unsettled = cpu.awaits_idle = true; }

void start_when_settled(Cpu& cpu, Thread& thread, Time now) noexcept {
  SchedulingContext* const context = thread.account.context;
  if (context == nullptr || !cpu.unsettled) return start(cpu, thread, now);
  await_idle(cpu, *context, &SchedulingContext::starts);
}

void arm_when_settled(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  if (cpu.unsettled) return await_idle(cpu, context, &SchedulingContext::arms);
  arm(cpu, context, false, now);
}

void settle(Cpu& cpu, Time now) noexcept {
  cpu.awaits_idle = cpu.unsettled = false;
  ModeChange::make_all(cpu, now);
  arm_some(cpu, now);
}

}  // namespace capos::kernel
