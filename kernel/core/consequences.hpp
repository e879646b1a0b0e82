// SPDX-License-Identifier: Apache-2.0
// What the kernel does about a missed deadline, a spent budget, and their repetition: a task is held, demoted, replaced by its
// fallback, stopped alone or with its island. sched/miss_policy.hpp says what and when; here it is carried out.
//
// On the context's own CPU. Bounds: O(log r) for r contexts in the release queue, and the servers that work for one another
// on a call that is called off. Whoever calls these leaves the kernel by leave().
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// Nothing for Remedy::none. `why`: what the supervisor of a task that is stopped is told.
void carry_out(Cpu& cpu, SchedulingContext& context, sched::Remedy remedy, schema::ThreadFault why, Time now) noexcept;
// The task gets no time for now, in the middle of a call whose server has a recovery: the call ends with timeout, and the
// server finishes on that. A call by ring stays open, and its completion comes late. No effect on any other task.
[[gnu::noinline, gnu::cold]] void recover_called_server(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
inline void recover_server(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  if (context.thread != nullptr && context.thread->outgoing->server != nullptr) [[unlikely]] recover_called_server(cpu, context, now);
}
// A job of the context has ended, and its record is written: what repetition entails, for it or for whom it stands in.
void judge_job(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept;
// The context gets no more time, for good: its thread's call is called off, so that no server is stopped with it.
// A thread that serves goes on on best-effort time: its callers would wait for ever. The supervisor of any other is told
// `why`, if it has one; otherwise the thread stays without time.
void stop_context(Cpu& cpu, SchedulingContext& context, schema::ThreadFault why, Time now) noexcept;
// Asks CPU 0 to end the islands that a consequence is to stop. clear_remains() calls it.
void stop_islands(Cpu& cpu) noexcept;

}  // namespace capos::kernel
