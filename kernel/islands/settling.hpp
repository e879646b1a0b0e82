// SPDX-License-Identifier: Apache-2.0
// What a CPU does only at an instant at which no context is ready: new contexts' first steps and releases after others have gone,
// and changes of islands (decision 0020). Busy windows that begin after such an instant know nothing of what was before.
//
// Own CPU. leave() asks for it where it would go to best effort or idle; elsewhere nothing is looked at.
// Bounds: note_removal() O(1), the starts O(log r), settle() O(contexts that change * log r), and a few of those that wait: the others
// by interrupts that the CPU sends itself, since the instant has come for all of them.
#pragma once

#include "core/cpu.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::kernel {

// A context that may have had jobs is removed.
void note_removal(Cpu& cpu) noexcept;
// Lets a new thread run: at once, or if it is a context's when the CPU has settled.
void start_when_settled(Cpu& cpu, Thread& thread, Time now) noexcept;
// Arms the context's releases from its first_release on: at once, or from the first of that grid after the CPU has settled.
// Not if it is stopped by then.
void arm_when_settled(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// No context is ready. The choice of what runs is to be made again.
void settle(Cpu& cpu, Time now) noexcept;

}  // namespace capos::kernel
