// SPDX-License-Identifier: Apache-2.0
// Which thread runs on a scheduling context, and how that changes while its island runs (decision 0031).
//
// Invariants: a context and its thread know each other (SchedulingContext::thread, Thread::bound), or neither does; but for a thread
// that has been made for a context and has not started, which the context does not know yet. Whoever wants to bind a thread to a context
// that has none claims it first: one at a time succeeds. A thread that stands by has no account: state await_release, bound to
// nothing. A context that loses its thread while its releases are armed is off its grid: disarmed until a thread waits on it.
// Nothing here touches a budget. Bounds: O(log r) each, and O(threads of the process) to look whether best effort has lost it.
#pragma once

#include <span>

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// Any CPU. The thread, which has not started and nobody knows, is made for the context, which its maker has claimed.
void make_for(SchedulingContext& context, Thread& thread) noexcept;
// Own CPU. The context learns of the thread that was made for it, before that starts.
void attach(Cpu& cpu, Thread& thread, Time now) noexcept;
// Own CPU. The thread loses its context, which may be bound anew; no effect if it has none. What becomes of the thread is the caller's business.
void give_up_context(Cpu& cpu, Thread& thread, Time now) noexcept;
// Any CPU. Has each of them a thread that lives and has waited once? O(contexts), under a lock.
[[nodiscard]] bool have_waiting_threads(std::span<const Ref<SchedulingContext>> contexts) noexcept;
// Own CPU. No releases until a thread waits on it; nobody runs on it.
void take_off_grid(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// Own CPU. Its thread has come to wait for a release, or stands by for it: back on its grid.
[[gnu::cold, gnu::noinline]] void back_on_grid(Cpu& cpu, SchedulingContext& context, Time now) noexcept;

[[nodiscard]] inline bool stands_by(const Thread& thread) noexcept {
  return thread.state == ThreadState::await_release && thread.bound == nullptr;
}

// SchedulingContext.bind, unbind and standBy. `thread` null: the capability names none; but of a call in its later portions.
[[nodiscard]] Outcome bind_to(CallContext& call, SchedulingContext& context, Thread* thread) noexcept;
[[nodiscard]] Outcome unbind_from(CallContext& call, SchedulingContext& context) noexcept;
[[nodiscard]] Outcome stand_by(CallContext& call, SchedulingContext& context) noexcept;

}  // namespace capos::kernel
