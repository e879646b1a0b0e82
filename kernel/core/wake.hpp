// SPDX-License-Identifier: Apache-2.0
// Completing a blocked call: results into the thread's registers, its account back to the scheduler.
#pragma once

#include <cstdint>

#include "process/process.hpp"

namespace capos::kernel {

// On the thread's own CPU: the call it is blocked in returns `status` with `words` set by the caller of this.
void complete_call(Thread& thread, std::int32_t status, Time now) noexcept;

// On the thread's own CPU, by whoever took it out of the notification's slot: ends Notification.wait there and then, and
// gives the slot's reference back. False if the thread has died meanwhile; then it may be gone.
bool end_signal_wait(Thread& thread, Time now) noexcept;
// The same, and straight to the thread if it runs on a context and is the most urgent now: the CPU leaves the kernel.
[[noreturn]] void leave_for_signal(Cpu& cpu, Thread& thread, Time now) noexcept;
// From any CPU: ends Notification.wait (the waiter takes `notification`'s bits when it gets there).
void wake_for_signal(Thread& thread) noexcept;
// From any CPU: ends ProcessHandle.wait or Thread.wait; `exit` is a part of what the thread holds while it waits.
void wake_for_exit(Thread& thread, const ExitRecord& exit) noexcept;
// On the thread's CPU: the wait ends with `why`, unless its end is under way.
void end_event_wait(Thread& thread, schema::TransportError why, Time now) noexcept;
// The calling thread, which is in `slot` of `object`, waits; for `notification`'s bits, or for an end if that is null.
void await_event(CallContext& call, WaitSlot& slot, Object& object, Notification* notification) noexcept;

}  // namespace capos::kernel
