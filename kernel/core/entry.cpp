// SPDX-License-Identifier: Apache-2.0
// The upcalls of the HAL: every way into the kernel after boot.
#include "capos/hal/upcalls.hpp"

#include "core/account.hpp"
#include "core/assert.hpp"
#include "core/cpu.hpp"
#include "core/job_trace.hpp"
#include "core/termination.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/ring_state.hpp"

namespace capos::kernel {
namespace {

using schema::InterruptCause;
using schema::TransportError;

[[noreturn]] void answer(Thread& thread, TransportError error) noexcept {
  thread.user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(error)), 0, 0);
  resume();
}

// The capability does not permit the interface that was called.
[[noreturn]] void answer_unimplemented(Thread& thread) noexcept {
  constexpr Outcome kRefusal = Outcome::unimplemented();
  thread.user.set_result(static_cast<std::uint32_t>(kRefusal.status()), kRefusal.exception_word(), 0);
  resume();
}

[[noreturn]] void call_object(Cpu& cpu, Thread& thread, Object& object, Time now) noexcept {
  auto& words = thread.user.words();
  std::uint64_t in[abi::kRegisterWords];
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) in[i] = words[i];
  std::uint64_t out[abi::kRegisterWords] = {};
  CallContext context(cpu, thread, now);
  const Outcome outcome = object.call_registers(context, thread.user.interface_id(),
                                                static_cast<std::uint16_t>(thread.user.operation() >> 16), in, out);
  if (outcome.kind() == Outcome::Kind::blocked || cpu.thread != &thread) leave(cpu, now);  // it waits, or ended itself
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) words[i] = out[i];
  thread.user.set_result(static_cast<std::uint32_t>(outcome.status()), outcome.exception_word(), 0);
  if (context.reschedule) leave(cpu, now);
  resume();
}

[[noreturn]] void system_call(Cpu& cpu, Thread& thread, Time now) noexcept {
  CapabilityEntry* const entry = thread.process.capabilities().find(abi::CapId{thread.user.cap()});
  if (entry == nullptr) answer(thread, TransportError::invalid_cap);
  if (!entry->permits(thread.user.interface_id())) [[unlikely]] answer_unimplemented(thread);
  if (auto* const client = object_cast<ClientEndpoint>(entry->object())) {
    thread.direct_call.disclosed = thread.process.disclosed(entry->disclosure());
    client->endpoint().call(cpu, thread, now);
  }
  call_object(cpu, thread, *entry->object(), now);
}

[[noreturn]] void reply_receive(Cpu& cpu, Thread& thread, Time now) noexcept {
  auto* const endpoint = thread.process.capabilities().find_object<Endpoint>(abi::CapId{thread.user.cap()});
  if (endpoint == nullptr) answer(thread, TransportError::invalid_cap);
  endpoint->reply_receive(cpu, thread, now);
}

FaultRecord record_of(const hal::FaultInfo& fault) noexcept {
  constexpr std::uint8_t kInvalidInstruction = 6, kPageFault = 14;
  using schema::ThreadFault;
  const ThreadFault kind = fault.vector == kPageFault            ? ThreadFault::page_fault
                         : fault.vector == kInvalidInstruction ? ThreadFault::invalid_instruction
                                                               : ThreadFault::exception;
  return {kind, fault.vector, fault.error_code, fault.address};
}

// What the timer was for: the first that applies.
InterruptCause timer_cause(const Cpu& cpu, bool released, bool slept, bool budget, Time now) noexcept {
  if (released) return InterruptCause::timer_release;
  if (budget) return InterruptCause::timer_budget;
  if (slept) return InterruptCause::timer_sleep;
  if (cpu.quantum_end <= now) return InterruptCause::timer_quantum;
  if (cpu.scheduler.current_entity() != nullptr) return InterruptCause::timer_slice;
  return InterruptCause::timer_early;
}

}  // namespace
}  // namespace capos::kernel

namespace capos::hal {

using namespace kernel;

void on_system_call(UserState& state) noexcept {
  Cpu& cpu = Cpu::current();
  Thread& thread = *cpu.thread;
  const Time now = hal::now();
  switch (static_cast<abi::SystemCall>(state.operation() & 0xff)) {
    case abi::SystemCall::call: system_call(cpu, thread, now);
    case abi::SystemCall::reply_receive: reply_receive(cpu, thread, now);
    case abi::SystemCall::cap_enter: thread.ring_state->enter(cpu, now);
    case abi::SystemCall::exit: {
      const auto code = static_cast<std::int64_t>(state.words()[0]);
      end_process(cpu, thread.process, {schema::ExitReason::exited, code, 0}, now);
      leave(cpu, now);
    }
    case abi::SystemCall::exit_thread: {
      const auto code = static_cast<std::int64_t>(state.words()[0]);
      end_thread(cpu, thread, {schema::ExitReason::exited, code, 0}, now);
      leave(cpu, now);
    }
  }
  answer(thread, TransportError::invalid_operation);
}

void on_user_fault(UserState&, const FaultInfo& fault) noexcept {
  Cpu& cpu = Cpu::current();
  const Time now = hal::now();
  Thread& thread = *cpu.thread;
  const FaultRecord record = record_of(fault);
  if (!raise_fault(cpu, thread, record, now)) {
    report_fault(cpu, thread, record, now);
    end_process(cpu, thread.process, record.exit(), now);
  }
  leave(cpu, now);
}

void on_timer() noexcept {
  Cpu& cpu = Cpu::current();
  const Time now = hal::now();
  cpu.armed = Time::never();
  const sched::Context* const running = cpu.scheduler.current_context();
  const bool budget = running != nullptr && running->budget_end(cpu.scheduler.charged_until()) <= now;
  const bool slept = cpu.timeouts.earliest_time() <= now;
  bool released = false;
  cpu.scheduler.release_due(now, [&](sched::Context&, sched::ReleaseKind) { released = true; });
  expire_deadlines(cpu, now);
  if (slept) expire_timeouts(cpu, now);
  cpu.trace.count_interrupt(timer_cause(cpu, released, slept, budget, now));
  if (cpu.quantum_end <= now) {
    cpu.quantum_end = Time::never();
    cpu_relax();  // lets the machine's other CPUs, simulated in turn, run
  }
  leave(cpu, now);
}

void on_mailbox() noexcept {
  Cpu& cpu = Cpu::current();
  cpu.trace.count_interrupt(InterruptCause::mailbox);
  for (Mail* mail = cpu.mailbox.take_all(); mail != nullptr;) {
    Mail* const next = mail->next;
    const Mail::Handler handler = mail->handler;
    void* const subject = mail->subject;
    mail->posted.store(false, std::memory_order_release);
    handler(subject);
    mail = next;
  }
  leave(cpu, hal::now());
}

void on_device_interrupt(std::uint8_t) noexcept {
  Cpu& cpu = Cpu::current();
  cpu.trace.count_interrupt(InterruptCause::device);
  leave(cpu, hal::now());
}

void on_spurious() noexcept {
  Cpu& cpu = Cpu::current();
  cpu.trace.count_interrupt(InterruptCause::spurious);
  leave(cpu, hal::now());
}

}  // namespace capos::hal
