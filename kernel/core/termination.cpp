// SPDX-License-Identifier: Apache-2.0
#include "core/termination.hpp"

#include "core/account.hpp"
#include "core/text.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/notification.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint32_t kProgramSource = 1u << 31;

std::string_view exception_name(std::uint8_t vector) noexcept {
  switch (vector) {
    case 0: return "division error";
    case 1: return "debug";
    case 3: return "breakpoint";
    case 4: return "overflow";
    case 5: return "bound";
    case 6: return "invalid instruction";
    case 7: return "no coprocessor";
    case 11: return "segment not present";
    case 12: return "stack";
    case 13: return "general protection";
    case 14: return "page fault";
    case 16: return "x87 floating point";
    case 17: return "alignment";
    case 19: return "SIMD floating point";
    default: return "exception";
  }
}

void take_off_waits(Cpu& cpu, Thread& thread) noexcept {
  if (thread.state == ThreadState::sleeping) cpu.sleepers.remove(thread);
  if (thread.state == ThreadState::await_signal && thread.waiting_in != nullptr) (void)thread.waiting_in->leave(thread);
}

void kill_here(void* subject) noexcept {
  Process& process = *static_cast<Process*>(subject);
  if (process.alive()) end_thread(Cpu::current(), process.thread(), {schema::ExitReason::killed, 0, 0}, hal::now());
  process.release();
}

}  // namespace

void end_thread(Cpu& cpu, Thread& thread, const ProcessExit& exit, Time now) noexcept {
  take_off_waits(cpu, thread);
  abandon_calls(cpu, thread, now);
  if (thread.bound != nullptr) {
    cpu.scheduler.remove(*thread.bound, now);
    thread.bound->thread = nullptr;
    thread.bound->release();
    thread.bound = nullptr;
  }
  cpu.scheduler.block(thread.entity, now);
  thread.account = {};
  // Nobody else may touch the address space while it is live here.
  hal::forget_user(thread.user);
  hal::leave_user();
  cpu.thread = nullptr;
  cpu.trace.emit(now, schema::EventKind::exit, kProgramSource | thread.process.number(),
                 static_cast<std::uint64_t>(exit.reason), static_cast<std::uint64_t>(exit.code));
  thread.process.end(exit);
}

void kill(Process& process) noexcept {
  process.acquire();
  if (!post(process.thread().cpu, process.thread().kill_mail, kill_here, &process)) process.release();
}

void report_fault(Cpu& cpu, Thread& thread, const hal::UserState& state, const hal::FaultInfo& fault, Time now) noexcept {
  cpu.trace.emit(now, schema::EventKind::fault, kProgramSource | thread.process.number(), fault.vector,
                 fault.error_code, state.instruction_pointer(), fault.address);
  Line()
      .text("fault: ")
      .text(thread.process.name())
      .text(": ")
      .text(exception_name(fault.vector))
      .text(" (")
      .decimal(fault.vector)
      .text(", error ")
      .hex(fault.error_code)
      .text(") at ip ")
      .hex(state.instruction_pointer(), 16)
      .text(", address ")
      .hex(fault.address, 16)
      .text(", cpu ")
      .decimal(cpu.id.value())
      .print();
  std::string_view name;
  std::uint64_t value = 0;
  for (unsigned i = 0; state.register_at(i, name, value);) {
    Line line;
    line.text("  ");
    for (unsigned column = 0; column < 4 && state.register_at(i, name, value); ++column, ++i) {
      line.text(name).text("=").hex(value, 16).text(" ");
    }
    line.print();
  }
}

}  // namespace capos::kernel
