// SPDX-License-Identifier: Apache-2.0
#include "core/wake.hpp"

#include "core/account.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/notification.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

// The words of a call that blocked are zero: its results have been encoded (wire::serve_registers).
// Takes over the reference that the wait slot held on the thread.
template <typename Fill>
bool deliver(Thread& thread, Time now, Fill&& fill) noexcept {
  // Else it has died meanwhile.
  const bool waits = thread.state == ThreadState::await_signal || thread.state == ThreadState::await_leased;
  if (waits) [[likely]] {
    end_lease_use(thread.wait_lease);
    fill(thread.user.words());
    thread.waiting_hold = {};
    complete_call(thread, 0, now);
  }
  thread.release();
  return waits;
}

// Whoever sets bits looks then who waits, and may find a thread that took those bits meanwhile and has come to wait again; or
// a poll has taken them. There is nothing to tell it: back into the slot, as when it came (Notification::wait). False if
// there are bits now, or another thread waits in its place.
bool waits_on(Thread& thread) noexcept {
  Notification& notification = *thread.waiting_for;
  WaitSlot& slot = *thread.waiting_in;
  if (notification.has_bits() || !slot.enter(thread)) return false;
  if (notification.has_bits() && slot.leave(thread)) return false;
  if (thread.wait_lease.active()) look_at_leases_again(Cpu::current());  // it may have ended while the thread was out
  thread.release();  // the mail's reference: the slot has one of its own
  return true;
}

void deliver_signal(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (!thread.home.is(Cpu::current().id)) [[unlikely]] return wake_for_signal(thread);
  const bool waits = thread.state == ThreadState::await_signal || thread.state == ThreadState::await_leased;
  if (waits && waits_on(thread)) return;
  (void)end_signal_wait(thread, hal::now());
}

void deliver_exit(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (!thread.home.is(Cpu::current().id)) [[unlikely]] return (void)post_to(thread.home, thread.wake_mail, deliver_exit, subject);
  (void)deliver(thread, hal::now(), [&](auto& words) noexcept {
    words[0] = static_cast<std::uint16_t>(thread.awaited_exit->reason);
    words[1] = static_cast<std::uint64_t>(thread.awaited_exit->code);
    words[2] = thread.awaited_exit->address;
  });
}

}  // namespace

bool end_signal_wait(Thread& thread, Time now) noexcept {
  return deliver(thread, now, [&](auto& words) noexcept { words[0] = thread.waiting_for->take(); });
}

[[noreturn, gnu::noinline]] static void leave_for_signal_otherwise(Cpu& cpu, Thread& thread, Time now) noexcept {
  (void)end_signal_wait(thread, now);
  leave(cpu, now);
}

[[gnu::flatten]] void leave_for_signal(Cpu& cpu, Thread& thread, Time now) noexcept {
  SchedulingContext* const its_own = thread.account.context;
  if (its_own == nullptr || cpu.remains || thread.state != ThreadState::await_signal ||
      its_own->stopped.load(std::memory_order_relaxed)) [[unlikely]] {
    leave_for_signal_otherwise(cpu, thread, now);
  }
  SchedulingContext& context = *its_own;
  thread.user.words()[0] = thread.waiting_for->take();
  thread.user.set_result(0, 0, 0);
  thread.waiting_hold = {};
  thread.state = ThreadState::runnable;
  thread.release();  // not the last: its process has one
  if (!cpu.scheduler.wake_over(context, now)) leave(cpu, now);
  go_on_over(cpu, thread, now);
}

void complete_call(Thread& thread, std::int32_t status, Time now) noexcept {
  thread.user.set_result(static_cast<std::uint32_t>(status), 0, 0);
  thread.state = ThreadState::runnable;
  Cpu& cpu = Cpu::current();
  const SchedulingContext* const context = thread.account.context;
  if (context != nullptr && context == thread.bound && context->stopped.load(std::memory_order_relaxed)) [[unlikely]] {
    return raise_lost_time(cpu, thread, schema::ThreadFault::context_stopped, now);
  }
  make_ready(cpu, thread.account, now);
}

void wake_for_signal(Thread& thread) noexcept { (void)post_to(thread.home, thread.wake_mail, deliver_signal, &thread); }

void wake_for_exit(Thread& thread, const ExitRecord& exit) noexcept {
  thread.awaited_exit = &exit;
  (void)post_to(thread.home, thread.wake_mail, deliver_exit, &thread);
}

void end_event_wait(Thread& thread, schema::TransportError why, Time now) noexcept {
  if (!thread.waiting_in->leave(thread)) return;
  end_lease_use(thread.wait_lease);
  for (auto& word : thread.user.words()) word = 0;
  thread.waiting_hold = {};
  complete_call(thread, -static_cast<std::int32_t>(why), now);
}

void await_event(CallContext& call, WaitSlot& slot, Object& object, Notification* notification) noexcept {
  Thread& thread = call.thread;
  thread.waiting_for = notification;
  thread.waiting_in = &slot;
  thread.waiting_hold = Ref<Object>::share(object);
  thread.state = ThreadState::await_signal;
  thread.has_waited = true;
  block(call.cpu, thread.account, call.now);
}

}  // namespace capos::kernel
