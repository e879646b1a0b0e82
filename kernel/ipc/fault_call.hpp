// SPDX-License-Identifier: Apache-2.0
// Faults as calls: what befalls a thread goes to its supervisor as a typed message (FaultHandler), and the answer says how
// the thread goes on.
//
// The faulting thread waits in a state of its own; it lends no time: the supervisor works on its own (decision 0006). Its
// call queues among the others of the supervisor's endpoint and ends exactly once: by the answer, by the thread's own end,
// or by the supervisor's; then the thread's process ends as if nobody had supervised it.
// Invariants: a thread in await_supervisor has an open fault call and an account that is blocked. Same CPU on both sides.
// Bounds: raise and answer O(1) but for the scheduler's O(log n). No allocation.
#pragma once

#include "ipc/call.hpp"
#include "process/thread.hpp"

namespace capos::kernel {

class CallContext;
class Cpu;

// The supervisor that a message names: null if it names none. Errors: bad_capability (not a client of an endpoint that
// serves FaultHandler).
[[nodiscard]] ResultOf<Ref<Object>, schema::KernelError> supervisor_of(CallContext& call, bool named,
                                                                       std::optional<std::uint32_t> index) noexcept;

// Tells the supervisor and lets the thread wait; the caller leaves by leave(). False if nobody can be told (no supervisor,
// its servers are gone or on another CPU, or it is the thread itself): then nothing has changed.
[[nodiscard]] bool raise_fault(Cpu& cpu, Thread& thread, const FaultRecord& fault, Time now) noexcept;
// The thread's own context was stopped for good: a fault, once the thread would run. No effect without a supervisor.
void raise_lost_time(Cpu& cpu, Thread& thread, schema::ThreadFault why, Time now) noexcept;

// --- The endpoint's part.
// The message into the waiting server's registers, and its own time back to it.
void deliver_fault(Cpu& cpu, Call& call, Thread& server, Time now) noexcept;
// The server's answer, in its registers (`exception`: it answered with one). False: the answer makes no sense; nothing has
// changed, the fault is still open.
[[nodiscard]] bool answer_fault(Cpu& cpu, Call& call, const Thread& server, bool exception, Time now) noexcept;
// The supervisor is gone: the thread's process ends when this CPU leaves the kernel.
void doom(Cpu& cpu, Thread& thread) noexcept;
// The faulting thread dies.
void withdraw_fault(Thread& thread) noexcept;

}  // namespace capos::kernel
