// SPDX-License-Identifier: Apache-2.0
// The end of a thread, and of its process with it.
#pragma once

#include "capos/hal/upcalls.hpp"
#include "core/cpu.hpp"
#include "process/process.hpp"

namespace capos::kernel {

// On the thread's own CPU. Its calls end, its time is taken off the queues, its process is recorded as ended and
// handed to the reaper. The caller leaves the kernel by leave().
void end_thread(Cpu& cpu, Thread& thread, const ProcessExit& exit, Time now) noexcept;
// Asks the thread's CPU to end it. Any CPU.
void kill(Process& process) noexcept;

// A readable report of a program's fault: console and trace.
void report_fault(Cpu& cpu, Thread& thread, const hal::UserState& state, const hal::FaultInfo& fault, Time now) noexcept;

}  // namespace capos::kernel
