// SPDX-License-Identifier: Apache-2.0
// What becomes of a job: its start and its end stamped, its lateness explained. What follows from that: consequences.hpp.
//
// Bounds: each O(1), and what a consequence takes. On the context's own CPU.
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// The thread is about to return from waitNextRelease: stamps the start (the clock is read) and fills in the results.
void begin_job(Thread& thread) noexcept;
// A job has ended: writes its record; counts it as missed if it ended late or was abandoned.
void record_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// The same, and what repetition entails.
void end_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// A job was dropped for want of input, context.jobs().current(): reports it, and draws what a miss and its repetition entail.
void note_dropped(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// A budget was spent: reports it, and draws the declared consequence.
void note_overrun(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// The same for what sched::CpuScheduler::spent_alone() has returned, whose job is to be held (MissPolicy::holds_overrun()): the
// job is ended and recorded. Nothing runs then. Does not return where repetition is to be judged, too.
void hold_job(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// Reports jobs whose deadline has passed unfinished, earliest first, and draws the declared consequences: of at most kMissesAtOnce.
// True if there is no other; interrupts may be let in before the next are looked at, and the timer is due at once for these.
inline constexpr unsigned kMissesAtOnce = 2;
[[nodiscard]] bool expire_deadlines(Cpu& cpu, Time now) noexcept;

}  // namespace capos::kernel
