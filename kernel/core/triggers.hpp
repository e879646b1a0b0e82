// SPDX-License-Identifier: Apache-2.0
// Triggered hops: the end of a task's job is the input of the same job of the tasks behind it, on its own CPU or another.
//
// A job that its program has ended is told, in time or late; one that a consequence ended is not, nor one that was skipped. Its
// successors' jobs then have no input: each is dropped at its own deadline, a missed job with the cause noInput, with what
// its task's onMiss says. So it is while a predecessor is stopped, stands aside for its fallback, or has died.
// Bounds: O(successors * log r), at most sched::kMaxSuccessors; to another CPU one store and one mail each.
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// A job of the context has ended by itself. On its CPU; whoever calls this leaves the kernel by leave().
void tell_successors(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept;

}  // namespace capos::kernel
