// SPDX-License-Identifier: Apache-2.0
// The end of threads and of processes.
//
// What ends stays in memory until its CPU leaves the kernel (leave()), so that whoever ended itself in the middle of a
// call can still be looked at. A process ends in portions, a thread each (decision 21): at once no thread of it runs any more, nor
// takes calls; the others end by and by, below every context that is ready, or where one of them would run, or in the call of
// whoever kills it. Until the last has ended the process is alive. A thread whose ring has had many operations under way ends in
// several portions, and does nothing more from the first on. Bounds: a portion O(1) but for the servers that work for the thread
// in turn; ending one thread of a process that goes on O(its ring's operations); beginning a process's end O(threads), some ten instructions each.
#pragma once

#include "capos/hal/upcalls.hpp"
#include "core/cpu.hpp"
#include "process/process.hpp"

namespace capos::kernel {

// On the thread's own CPU. Its calls and waits end, its time is taken off the queues. With its last thread the process
// ends, with the same record; of a process that is ending it ends with that's. The caller leaves the kernel by leave().
void end_thread(Cpu& cpu, Thread& thread, const ExitRecord& exit, Time now) noexcept;
// The same for all threads of the process: the one that runs, and the last of all, at once; leave() goes on with the others. No
// effect if it is ending.
void end_process(Cpu& cpu, Process& process, const ExitRecord& exit, Time now) noexcept;
// A portion of the end of the first of cpu.ending, which is not empty.
void end_portion(Cpu& cpu, Time now) noexcept;
// One of a process of this CPU, not the caller's own, killed in portions: true once it has ended.
[[nodiscard]] bool kill_portion(Cpu& cpu, Process& process, Time now) noexcept;
// A process that never ran and stays unfinished. On the CPU that built it.
void discard_process(Cpu& cpu, Process& process) noexcept;
// Ask the CPU in charge to end the process, or the thread. Any CPU. No effect on what has ended.
void kill_process(Process& process) noexcept;
void kill_thread(Thread& thread) noexcept;
// Ends the doomed, buries the threads that ended on this CPU, hands its ended processes to the reaper. leave() calls it when there are any.
void clear_remains(Cpu& cpu) noexcept;

// A readable report of a program's fault that nobody supervises: console and trace.
void report_fault(Cpu& cpu, Thread& thread, const FaultRecord& fault, Time now) noexcept;

}  // namespace capos::kernel
