// SPDX-License-Identifier: Apache-2.0
// What becomes of a job: its start and its end stamped, its lateness explained, consequences drawn.
//
// Bounds: each O(1) but expire(), O(jobs that are late). On the context's own CPU.
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// The thread is about to return from waitNextRelease: stamps the start and fills in the results.
void begin_job(Thread& thread) noexcept;
// A job has ended: writes its record; counts it as missed if it ended late or was abandoned.
void end_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// A budget was spent: reports it, and draws the declared consequence.
void note_overrun(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// The context gets no more time, for good: its thread's call is called off, so that no server is stopped with it.
// A thread that serves goes on on best-effort time: its callers would wait for ever. The supervisor of any other is told
// `why`, if it has one; otherwise the thread stays without time.
void stop_context(Cpu& cpu, SchedulingContext& context, schema::ThreadFault why, Time now) noexcept;
// Reports every job whose deadline has passed unfinished, and draws the declared consequences.
void expire_deadlines(Cpu& cpu, Time now) noexcept;

}  // namespace capos::kernel
