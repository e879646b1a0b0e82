// SPDX-License-Identifier: Apache-2.0
// What runs, and on whose time, as trace events: kinds dispatch, release, interrupt, lend and giveBack of telemetry.capnp.
//
// Only where the boot pack asks for it (KernelParameters::trace_switches), for an event costs about 25 instructions. The shortest
// ways through the kernel have no place for them: then they are not taken (Cpu::remains, Endpoint::plain_), so that they cost
// nothing more where nobody asks. Each is O(1), on the CPU itself. Those that take no time stamp themselves, for the same reason.
#pragma once

#include "core/cpu.hpp"

namespace capos::kernel {

namespace switches {
[[gnu::cold, gnu::noinline]] void dispatch(Cpu& cpu, const Thread* thread) noexcept;
[[gnu::cold, gnu::noinline]] void interrupt(Cpu& cpu, schema::InterruptCause cause) noexcept;
[[gnu::cold, gnu::noinline]] void release(Cpu& cpu, const sched::Context& context, Time now) noexcept;
[[gnu::cold, gnu::noinline]] void lend(Cpu& cpu, schema::EventKind kind, const Thread& caller, const Thread& server, Time now) noexcept;
}  // namespace switches

// `thread` runs from now on; nullptr: the CPU idles.
inline void trace_dispatch(Cpu& cpu, const Thread* thread) noexcept {
  if (parameters().trace_switches) [[unlikely]] switches::dispatch(cpu, thread);
}
// A job of the context, the current one, has been released.
inline void trace_release(Cpu& cpu, const sched::Context& context, Time now) noexcept {
  if (parameters().trace_switches) [[unlikely]] switches::release(cpu, context, now);
}
// Counts it, too.
inline void note_interrupt(Cpu& cpu, schema::InterruptCause cause) noexcept {
  cpu.trace.count_interrupt(cause);
  if (parameters().trace_switches) [[unlikely]] switches::interrupt(cpu, cause);
}
// The caller's account is the server's now, or that of whom it calls; and the way back. While `caller` or `server` has it.
inline void trace_lend(Cpu& cpu, const Thread& caller, const Thread& server, Time now) noexcept {
  if (parameters().trace_switches) [[unlikely]] switches::lend(cpu, schema::EventKind::lend, caller, server, now);
}
inline void trace_give_back(Cpu& cpu, const Thread& caller, const Thread& server, Time now) noexcept {
  if (parameters().trace_switches) [[unlikely]] switches::lend(cpu, schema::EventKind::give_back, caller, server, now);
}

}  // namespace capos::kernel
