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
#include "ipc/ring_state.hpp"
#include "islands/binding.hpp"
#include "process/reaper.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint32_t kProgramSource = 1u << 31;

void take_off_waits(Thread& thread) noexcept {
  cancel_timeout(thread.timeout);
  if (thread.state == ThreadState::await_signal || thread.state == ThreadState::await_leased) {
    if (thread.waiting_in != nullptr) (void)thread.waiting_in->leave(thread);
  }
  if (thread.state == ThreadState::parked) (void)leave_park(thread);
  end_lease_use(thread.wait_lease);
  thread.waiting_hold = {};
  thread.progress.drop(thread.process);
}

// Nothing that it does is to go on: its time, and the processor.
void take_off_time(Cpu& cpu, Thread& thread, Time now) noexcept {
  thread.supervisor = {};
  give_up_context(cpu, thread, now);
  cpu.scheduler.block(thread.entity, now);
  thread.account = {};
  // Nobody else may touch the address space while it is live here.
  hal::forget_user(thread.user);
  if (cpu.thread == &thread) cpu.thread = nullptr;
}

// The thread leaves every queue, call and wait, and the processor.
void detach(Cpu& cpu, Thread& thread, Time now) noexcept {
  take_off_waits(thread);
  withdraw_fault(thread);
  abandon_calls(cpu, thread, now);
  take_off_time(cpu, thread, now);
}

void leave_to_reaper(Cpu& cpu, Process& process) noexcept {
  process.acquire();  // the reaper's
  process.next_to_reap = cpu.ended_processes;
  cpu.ended_processes = &process;
  cpu.remains = true;
}

void kill_process_here(void* subject) noexcept {
  Process& process = *static_cast<Process*>(subject);
  if (!process.home.is(Cpu::current().id)) [[unlikely]] {
    if (!post_to(process.home, process.kill_mail, kill_process_here, subject)) process.release();
    return;
  }
  end_process(Cpu::current(), process, {schema::ExitReason::killed, 0, 0}, hal::now());
  process.release();
}

void kill_thread_here(void* subject) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  if (!thread.home.is(Cpu::current().id)) [[unlikely]] {
    if (!post_to(thread.home, thread.kill_mail, kill_thread_here, subject)) thread.release();
    return;
  }
  if (!thread.has_ended()) end_thread(Cpu::current(), thread, {schema::ExitReason::killed, 0, 0}, hal::now());
  thread.release();
}

// Nobody goes to it directly any more (fast_path.hpp, resume_caller): no call is handed to it, and what answers its own leaves it to
// leave().
void keep_from_running(Thread& thread) noexcept {
  if (static_cast<ListHook<EndpointTag>&>(thread).linked()) List<Thread, EndpointTag>::erase(thread);
  Call& call = thread.direct_call;
  if (call.server == nullptr || !call.direct) return;
  call.direct = false;
  if (thread.account.context != nullptr) call.floor_at_call = thread.account.context->floor();  // a direct call has not noted it
}

void finish_end(Cpu& cpu, Process& process, Time now) noexcept {
  Process** place = &cpu.ending;
  while (*place != &process) place = &(*place)->next_ending;
  *place = process.next_ending;
  const ExitRecord& exit = process.exit_record();
  cpu.trace.emit(now, schema::EventKind::exit, kProgramSource | process.number(),
                 static_cast<std::uint64_t>(exit.reason), static_cast<std::uint64_t>(exit.code));
  process.end();
  leave_to_reaper(cpu, process);
}

// Operations of a ring that end in one portion.
constexpr unsigned kOperationsAtOnce = 16;

// A thread with more of these leaves all else before they end: nobody who waits for it waits for them.
void begin_long_end(Cpu& cpu, Thread& thread, Time now) noexcept {
  take_off_waits(thread);
  withdraw_fault(thread);
  withdraw_calls(cpu, thread, now);
  stop_answering(cpu, thread, now);
  take_off_time(cpu, thread, now);
  thread.state = ThreadState::dead;
}

// Of a process that is ending; a portion of it, if its ring has had many operations under way.
void end_one(Cpu& cpu, Thread& thread, Time now) noexcept {
  Process& process = thread.process;
  if (RingState* const ring = thread.ring_state; ring != nullptr && ring->made() > kOperationsAtOnce) {
    if (thread.state != ThreadState::dead) begin_long_end(cpu, thread, now);
    if (!ring->abandon_some(cpu, now, kOperationsAtOnce)) return;
  }
  detach(cpu, thread, now);
  process.end_thread(thread);
  if (process.threads().empty()) finish_end(cpu, process, now);
}

// Whoever was supervised by what is gone ends as if nobody had supervised it.
void end_doomed(Cpu& cpu) noexcept {
  while (Thread* const thread = cpu.doomed) {
    cpu.doomed = thread->next_doomed;
    if (!thread->has_ended() && !thread->process.is_ending()) {
      const Time now = hal::now();
      report_fault(cpu, *thread, thread->fault, now);
      end_process(cpu, thread->process, thread->fault.exit(), now);
    }
    thread->release();
  }
}

}  // namespace

void end_thread(Cpu& cpu, Thread& thread, const ExitRecord& exit, Time now) noexcept {
  Process& process = thread.process;
  if (process.is_ending()) return end_one(cpu, thread, now);
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
  if (process.is_ending()) return;
  process.begin_end(exit);
  process.next_ending = cpu.ending;
  cpu.ending = &process;
  cpu.remains = true;
  auto& threads = process.threads();
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) keep_from_running(*thread);
  const bool alone = threads.front() == threads.back();
  if (cpu.thread != nullptr && &cpu.thread->process == &process) {
    end_one(cpu, *cpu.thread, now);
  } else if (alone) {
    end_one(cpu, *threads.front(), now);
  }
}

void end_portion(Cpu& cpu, Time now) noexcept { end_one(cpu, *cpu.ending->threads().front(), now); }

bool kill_portion(Cpu& cpu, Process& process, Time now) noexcept {
  if (!process.is_ending()) {
    end_process(cpu, process, {schema::ExitReason::killed, 0, 0}, now);
  } else if (process.alive()) {
    end_one(cpu, *process.threads().front(), now);
  }
  return !process.alive();
}

void discard_process(Cpu& cpu, Process& process) noexcept {
  process.begin_end({schema::ExitReason::killed, 0, 0});
  while (Thread* const thread = process.threads().front()) {
    SchedulingContext* const context = std::exchange(thread->bound, nullptr);
    thread->account = {};
    process.end_thread(*thread);
    if (context != nullptr) context->release();
  }
  process.end();
  leave_to_reaper(cpu, process);
}

void kill_process(Process& process) noexcept {
  process.acquire();
  if (!post_to(process.home, process.kill_mail, kill_process_here, &process)) process.release();
}

void kill_thread(Thread& thread) noexcept {
  thread.acquire();
  if (!post_to(thread.home, thread.kill_mail, kill_thread_here, &thread)) thread.release();
}

void clear_remains(Cpu& cpu) noexcept {
  end_doomed(cpu);
  cpu.remains = parameters().trace_switches || cpu.ending != nullptr;
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
