// SPDX-License-Identifier: Apache-2.0
#include "core/wake.hpp"

#include "core/account.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/notification.hpp"

namespace capos::kernel {
namespace {

// Takes over the reference that the wait slot held on the thread.
template <typename Fill>
void deliver(Thread& thread, Fill&& fill) noexcept {
  if (thread.state == ThreadState::await_signal) {  // else it has died meanwhile
    auto& words = thread.user.words();
    for (auto& word : words) word = 0;
    fill(words);
    thread.waiting_hold = {};
    complete_call(thread, 0, hal::now());
  }
  thread.release();
}

void deliver_signal(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  deliver(thread, [&](auto& words) noexcept { words[0] = thread.waiting_for->take(); });
}

void deliver_exit(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  deliver(thread, [&](auto& words) noexcept {
    words[0] = static_cast<std::uint16_t>(thread.awaited_exit->reason);
    words[1] = static_cast<std::uint64_t>(thread.awaited_exit->code);
    words[2] = thread.awaited_exit->address;
  });
}

}  // namespace

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

void wake_for_signal(Thread& thread) noexcept { (void)post(thread.cpu, thread.wake_mail, deliver_signal, &thread); }

void wake_for_exit(Thread& thread, const ExitRecord& exit) noexcept {
  thread.awaited_exit = &exit;
  (void)post(thread.cpu, thread.wake_mail, deliver_exit, &thread);
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
