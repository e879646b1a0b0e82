// SPDX-License-Identifier: Apache-2.0
#include "core/termination.hpp"

#include <utility>

#include "core/account.hpp"
#include "core/consequences.hpp"
#include "core/text.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/notification.hpp"
#include "ipc/park.hpp"
#include "process/reaper.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint32_t kProgramSource = 1u << 31;

void take_off_waits(Cpu& cpu, Thread& thread) noexcept {
  cancel_timeout(cpu, thread.timeout);
  if (thread.state == ThreadState::await_signal || thread.state == ThreadState::await_leased) {
    if (thread.waiting_in != nullptr) (void)thread.waiting_in->leave(thread);
  }
  if (thread.state == ThreadState::parked) (void)leave_park(thread);
  end_lease_use(thread.wait_lease);
  thread.waiting_hold = {};
  thread.progress.drop(thread.process);
}

// The thread leaves every queue, call and wait, and the processor.
void detach(Cpu& cpu, Thread& thread, Time now) noexcept {
  take_off_waits(cpu, thread);
  withdraw_fault(thread);
  abandon_calls(cpu, thread, now);
  thread.supervisor = {};
  give_up_context(cpu, thread, now);
  cpu.scheduler.block(thread.entity, now);
  thread.account = {};
  // Nobody else may touch the address space while it is live here.
  hal::forget_user(thread.user);
  if (cpu.thread == &thread) cpu.thread = nullptr;
}

void leave_to_reaper(Cpu& cpu, Process& process) noexcept {
  process.acquire();  // the reaper's
  process.next_to_reap = cpu.ended_processes;
  cpu.ended_processes = &process;
  cpu.remains = true;
}

void kill_process_here(void* subject) noexcept {
  Process& process = *static_cast<Process*>(subject);
  if (process.alive()) end_process(Cpu::current(), process, {schema::ExitReason::killed, 0, 0}, hal::now());
  process.release();
}

void kill_thread_here(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (!thread.has_ended()) end_thread(Cpu::current(), thread, {schema::ExitReason::killed, 0, 0}, hal::now());
  thread.release();
}

// Whoever was supervised by what is gone ends as if nobody had supervised it.
void end_doomed(Cpu& cpu) noexcept {
  while (Thread* const thread = cpu.doomed) {
    cpu.doomed = thread->next_doomed;
    if (!thread->has_ended()) {
      const Time now = hal::now();
      report_fault(cpu, *thread, thread->fault, now);
      end_process(cpu, thread->process, thread->fault.exit(), now);
    }
    thread->release();
  }
}

}  // namespace

void give_up_context(Cpu& cpu, Thread& thread, Time now) noexcept {
  SchedulingContext* const context = thread.bound;
  if (context == nullptr) return;
  cpu.scheduler.remove(*context, now);
  thread.bound = nullptr;
  context->release();
}

void end_thread(Cpu& cpu, Thread& thread, const ExitRecord& exit, Time now) noexcept {
  Process& process = thread.process;
  if (process.threads().front() == &thread && process.threads().back() == &thread) {
    return end_process(cpu, process, exit, now);
  }
  detach(cpu, thread, now);
  List<Thread, ProcessTag>::erase(thread);
  thread.end(exit);
  thread.next_to_bury = cpu.ended_threads;
  cpu.ended_threads = &thread;
  cpu.remains = true;
}

void end_process(Cpu& cpu, Process& process, const ExitRecord& exit, Time now) noexcept {
  auto& threads = process.threads();
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) detach(cpu, *thread, now);
  cpu.trace.emit(now, schema::EventKind::exit, kProgramSource | process.number(),
                 static_cast<std::uint64_t>(exit.reason), static_cast<std::uint64_t>(exit.code));
  process.end(exit);
  leave_to_reaper(cpu, process);
}

void discard_process(Cpu& cpu, Process& process) noexcept {
  auto& threads = process.threads();
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
    SchedulingContext* const context = std::exchange(thread->bound, nullptr);
    thread->account = {};
    if (context == nullptr) continue;
    context->thread = nullptr;  // it may be another's
    thread->release();
    context->release();
  }
  process.end({schema::ExitReason::killed, 0, 0});
  leave_to_reaper(cpu, process);
}

void kill_process(Process& process) noexcept {
  process.acquire();
  if (!post(process.cpu(), process.kill_mail, kill_process_here, &process)) process.release();
}

void kill_thread(Thread& thread) noexcept {
  thread.acquire();
  if (!post(thread.cpu, thread.kill_mail, kill_thread_here, &thread)) thread.release();
}

void clear_remains(Cpu& cpu) noexcept {
  end_doomed(cpu);
  cpu.remains = parameters().trace_switches;
  stop_islands(cpu);
  while (Thread* const thread = cpu.ended_threads) {
    cpu.ended_threads = thread->next_to_bury;
    thread->process.bury(*thread);
  }
  while (Process* const process = cpu.ended_processes) {
    cpu.ended_processes = process->next_to_reap;
    hand_to_reaper(*process);
  }
}

void report_fault(Cpu& cpu, Thread& thread, const FaultRecord& fault, Time now) noexcept {
  cpu.trace.emit(now, schema::EventKind::fault, kProgramSource | thread.process.number(), fault.code(), fault.error_code,
                 thread.user.instruction_pointer(), fault.address);
  thread.process.report.begin(thread, fault);
}

}  // namespace capos::kernel
