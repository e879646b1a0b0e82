// SPDX-License-Identifier: Apache-2.0
// The upcalls of the HAL: every way into the kernel after boot.
#include "capos/hal/relax.hpp"
#include "capos/hal/upcalls.hpp"

#include <utility>

#include "core/account.hpp"
#include "core/assert.hpp"
#include "core/cpu.hpp"
#include "core/job_trace.hpp"
#include "core/termination.hpp"
#include "core/turns.hpp"
#include "core/wake.hpp"
#include "devices/interrupt.hpp"
#include "ipc/call_context.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fast_path.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/notification.hpp"
#include "ipc/park.hpp"
#include "ipc/ring_state.hpp"
#include "process/moving.hpp"
#include "trace/switches.hpp"

namespace capos::kernel {
namespace {

using schema::InterruptCause;
using schema::TransportError;

[[noreturn, gnu::noinline]] void answer(Thread& thread, TransportError error) noexcept {
  thread.user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(error)), 0, 0);
  resume();
}

// The capability does not permit the interface that was called.
[[noreturn, gnu::noinline]] void answer_unimplemented(Thread& thread) noexcept {
  constexpr Outcome kRefusal = Outcome::unimplemented();
  thread.user.set_result(static_cast<std::uint32_t>(kRefusal.status()), kRefusal.exception_word(), 0);
  resume();
}

// Between two portions of a call: returns if no interrupt has come, nor is another thread to run. Else the call goes on once its
// thread is dispatched (continue_call). By itself, so that a call of one portion saves no registers for it.
[[gnu::noinline, gnu::cold]] void let_others_in(const CallContext& call) noexcept {
  Thread& thread = call.thread;
  thread.state = ThreadState::call_work;
  if (call.yields && call.cpu.scheduler.must_switch(hal::now())) leave(call.cpu, hal::now());
  hal::interrupt_window();
  thread.state = ThreadState::runnable;
}

// Before a call begins, while best effort gives way. If the release comes, the call begins anew once its thread is dispatched; the
// time otherwise.
[[gnu::noinline, gnu::cold]] Time give_way(Cpu& cpu, Thread& thread, Time now) noexcept {
  while (gives_way(cpu, now)) {
    thread.state = ThreadState::call_work;
    hal::interrupt_window();
    thread.state = ThreadState::runnable;
    now = hal::now();
  }
  return now;
}

// The call is over, or what it waits for: the lease ends that wait, if it is one that others end.
void settle_lease(Thread& thread, const Outcome& outcome) noexcept {
  if (outcome.kind() == Outcome::Kind::blocked) {
    if (thread.state == ThreadState::parked) return;
    if (thread.state == ThreadState::await_signal) {
      thread.state = ThreadState::await_leased;
      return;
    }
  }
  end_lease_use(thread.wait_lease);
}

// Parameters are taken from the thread's own words, and results put there: no copy.
template <bool kLeased>
[[noreturn, gnu::noinline]] void call_object(Thread& thread, Object& object) noexcept {
  Cpu& cpu = Cpu::current();
  auto& words = thread.user.words();
  Time now = hal::now();
  if (may_give_way(cpu, now)) [[unlikely]] now = give_way(cpu, thread, now);
  CallContext context(cpu, thread, now);
  Outcome outcome = Outcome::unfinished();
  for (;;) {
    outcome = object.call_registers(context, thread.user.interface_id(),
                                    static_cast<std::uint16_t>(thread.user.operation() >> 16), words, words);
    if (outcome.kind() != Outcome::Kind::unfinished) [[likely]] break;
    let_others_in(context);
  }
  if (thread.progress.begun) [[unlikely]] thread.progress.drop(thread.process);
  if constexpr (kLeased) settle_lease(thread, outcome);
  // It waits, or has ended itself. Stamped again: what the call made ready was activated after it began.
  if (outcome.kind() == Outcome::Kind::blocked || cpu.thread != &thread) leave(cpu, hal::now());
  if (outcome.kind() != Outcome::Kind::done) [[unlikely]] {
    for (auto& word : words) word = 0;
  }
  thread.user.set_result(static_cast<std::uint32_t>(outcome.status()), outcome.exception_word(), 0);
  if (context.reschedule || (kLeased && timer_is_late(cpu))) leave(cpu, hal::now());
  resume();
}

[[noreturn, gnu::noinline]] void call_endpoint(Thread& thread, CapabilityEntry& entry) noexcept {
  thread.direct_call.disclosed = thread.process.disclosed(entry.disclosure());
  static_cast<ClientEndpoint*>(entry.object())->endpoint().call(Cpu::current(), thread, hal::now());
}

// The capability permits the interface that is called. What calls this is a leaf but for what it leaves to others: it saves
// no registers.
[[noreturn, gnu::always_inline]] inline void call_through(Thread& thread, CapabilityEntry& entry) noexcept {
  Object& object = *entry.object();
  if (object.type() == ObjectType::client_endpoint) {
    if (entry.disclosure() == DisclosureScope::process) [[likely]] {
      static_cast<ClientEndpoint&>(object).endpoint().call_fast(thread);
    }
    call_endpoint(thread, entry);
  }
  // By either of its interfaces that have signal().
  static_assert(schema::Notification::Signal::kOrdinal == 0 && schema::NotificationSignal::Signal::kOrdinal == 0);
  if (object.type() == ObjectType::notification && (thread.user.operation() & 0xffff'0000u) == 0) {
    static_cast<Notification&>(object).signal_fast(thread);
  }
  call_object<false>(thread, object);
}

// A call or a wait under a lease has ended with it. Subject: the thread.
void lease_of_wait_ended(void* subject, Cpu& cpu, Time now) noexcept {
  Thread& thread = *static_cast<Thread*>(subject);
  switch (thread.state) {
    case ThreadState::await_reply:
    case ThreadState::await_server: return call_off(cpu, thread, TransportError::disconnected, now);
    case ThreadState::await_leased: return end_event_wait(thread, TransportError::disconnected, now);
    case ThreadState::parked: return end_park(thread, TransportError::disconnected, now);
    case ThreadState::call_work: return end_call_work(thread, TransportError::disconnected);
    default: return;
  }
}

void begin_lease_of_wait(Cpu& cpu, Thread& thread, Liveness& lease) noexcept {
  begin_lease_use(cpu, thread.wait_lease, lease, lease_of_wait_ended, &thread);
}

[[noreturn, gnu::noinline]] void call_under_lease(Thread& thread, CapabilityEntry& entry) noexcept {
  Object& object = *entry.object();
  begin_lease_of_wait(Cpu::current(), thread, *entry.lease());
  if (object.type() == ObjectType::client_endpoint) call_endpoint(thread, entry);
  call_object<true>(thread, object);
}

// Every case of a call's capability: under a lease, or called by an ancestor of its interface, or not to be called.
[[noreturn, gnu::noinline]] void call_checked(Thread& thread) noexcept {
  CapabilityEntry* const entry = thread.process.capabilities().find(abi::CapId{thread.user.cap()});
  // A call in portions may have lost its capability since the last one.
  const bool may = entry != nullptr && entry->permits(thread.user.interface_id());
  if (!may && thread.progress.begun) [[unlikely]] thread.progress.drop(thread.process);
  if (entry == nullptr) answer(thread, TransportError::invalid_cap);
  if (!may) answer_unimplemented(thread);
  if (entry->lease() != nullptr) call_under_lease(thread, *entry);
  call_through(thread, *entry);
}

}  // namespace

void continue_call(Thread& thread) noexcept {
  hal::interrupt_window();  // what led here has been a stretch of its own
  thread.state = ThreadState::runnable;
  end_lease_use(thread.wait_lease);
  call_checked(thread);
}

void end_call_work(Thread& thread, TransportError why) noexcept {
  thread.progress.drop(thread.process);
  for (auto& word : thread.user.words()) word = 0;
  thread.user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(why)), 0, 0);
  thread.state = ThreadState::runnable;
}

namespace {

[[noreturn, gnu::noinline]] void reply_receive_checked(Thread& thread) noexcept {
  auto* const endpoint = thread.process.capabilities().find_object<Endpoint>(abi::CapId{thread.user.cap()});
  if (endpoint == nullptr) answer(thread, TransportError::invalid_cap);
  Liveness* const lease = thread.process.capabilities().lease_of(abi::CapId{thread.user.cap()});
  if (thread.serving == endpoint && (lease == nullptr || thread.serving_lease.active())) endpoint->reply_receive_fast(thread);
  endpoint->reply_receive(Cpu::current(), thread, lease, hal::now());
}

[[noreturn, gnu::always_inline]] inline void call(Thread& thread) noexcept {
  CapabilityEntry* const entry = thread.process.capabilities().find_usual(abi::CapId{thread.user.cap()});
  if (entry == nullptr || entry->interface_id() != thread.user.interface_id()) [[unlikely]] call_checked(thread);
  call_through(thread, *entry);
}

[[noreturn, gnu::always_inline]] inline void reply_receive(Thread& thread) noexcept {
  CapabilityEntry* const entry = thread.process.capabilities().find_usual(abi::CapId{thread.user.cap()});
  if (entry != nullptr && entry->object() == thread.serving) [[likely]] thread.serving->reply_receive_fast(thread);
  reply_receive_checked(thread);
}

[[noreturn]] void send(Cpu& cpu, Thread& thread, Time now) noexcept {
  CapabilityEntry* const entry = thread.process.capabilities().find(abi::CapId{thread.user.cap()});
  if (entry == nullptr) answer(thread, TransportError::invalid_cap);
  if (!entry->permits(thread.user.interface_id())) answer_unimplemented(thread);
  auto* const client = object_cast<ClientEndpoint>(entry->object());
  if (client == nullptr) answer(thread, TransportError::invalid_operation);
  thread.direct_call.disclosed = thread.process.disclosed(entry->disclosure());
  if (entry->lease() != nullptr) begin_lease_of_wait(cpu, thread, *entry->lease());
  client->endpoint().send(cpu, thread, now);
}

FaultRecord record_of(const hal::FaultInfo& fault) noexcept {
  constexpr std::uint8_t kInvalidInstruction = 6, kPageFault = 14;
  using schema::ThreadFault;
  const ThreadFault kind = fault.vector == kPageFault            ? ThreadFault::page_fault
                         : fault.vector == kInvalidInstruction ? ThreadFault::invalid_instruction
                                                               : ThreadFault::exception;
  return {kind, fault.vector, fault.error_code, fault.address};
}

// The scheduler has made `context` current over that of cpu.thread; cpu.remains is not set.
[[noreturn, gnu::always_inline]] inline void go_on_with(Cpu& cpu, const sched::Context& context, Time now) noexcept {
  Thread& thread = *static_cast<Thread*>(context.owner);
  if (thread.account.context == &static_cast<const SchedulingContext&>(context)) [[likely]] {
    if (thread.state == ThreadState::runnable) go_on_over(cpu, thread, now);
    if (thread.state == ThreadState::await_release) begin_over(cpu, thread, now);
  }
  leave(cpu, now);
}

// The time it runs on, its own or a caller's, lets others of its kind go first.
[[noreturn, gnu::noinline]] void yield(Thread& thread) noexcept {
  Cpu& cpu = Cpu::current();
  const Time now = hal::now();
  thread.user.set_status(0);
  SchedulingContext* const context = thread.account.context;
  if (context == nullptr) [[unlikely]] {
    cpu.scheduler.yield(*thread.account.entity, now);
    leave(cpu, now);
  }
  sched::Context* const over = cpu.scheduler.yield_over(*context, now);
  if (over == nullptr) leave(cpu, now);
  if (cpu.remains) [[unlikely]] leave(cpu, now);
  Thread& next = *static_cast<Thread*>(over->owner);
  if (next.state == ThreadState::runnable && next.account.context == over) [[likely]] {
    if (cpu.scheduler.timer_stands(*context, cpu.armed, now)) [[likely]] go_on_as_armed(cpu, next);
  }
  go_on_with(cpu, *over, now);
}

[[noreturn, gnu::noinline]] void other_system_call(abi::SystemCall operation) noexcept {
  Cpu& cpu = Cpu::current();
  Thread& thread = *cpu.thread;
  const Time now = hal::now();
  switch (operation) {
    case abi::SystemCall::cap_enter: thread.ring_state->enter(cpu, now);
    case abi::SystemCall::exit: {
      const auto code = static_cast<std::int64_t>(thread.user.words()[0]);
      end_process(cpu, thread.process, {schema::ExitReason::exited, code, 0}, now);
      leave(cpu, now);
    }
    case abi::SystemCall::exit_thread: {
      const auto code = static_cast<std::int64_t>(thread.user.words()[0]);
      end_thread(cpu, thread, {schema::ExitReason::exited, code, 0}, now);
      leave(cpu, now);
    }
    case abi::SystemCall::send: send(cpu, thread, now);
    default: answer(thread, TransportError::invalid_operation);
  }
}

// Straight to who waited for an interrupt, if it runs here, on a context.
void wake_driver(Cpu& cpu, Thread& waiting, Time now) noexcept {
  if (!waiting.home.is(cpu.id)) [[unlikely]] return wake_for_signal(waiting);
  if (waiting.account.context != nullptr && !cpu.remains) leave_for_signal(cpu, waiting, now);
  (void)end_signal_wait(waiting, now);
}

// The rest of a device's interrupt where it leaves an event; by itself, so that the others save no registers for it.
[[noreturn, gnu::noinline, gnu::cold]] void serve_traced(Cpu& cpu, Arrival arrival) noexcept {
  switches::interrupt(cpu, arrival.known ? InterruptCause::device : InterruptCause::spurious);
  if (arrival.waiting != nullptr) wake_for_signal(*arrival.waiting);
  leave(cpu, hal::now());
}

// What the timer was for: the first that applies.
InterruptCause timer_cause(const Cpu& cpu, bool released, bool slept, bool budget, Time now) noexcept {
  if (released) return InterruptCause::timer_release;
  if (budget) return InterruptCause::timer_budget;
  if (slept) return InterruptCause::timer_sleep;
  if (cpu.quantum_end.load(std::memory_order_relaxed) <= now) return InterruptCause::timer_quantum;
  if (cpu.scheduler.current_entity() != nullptr) return InterruptCause::timer_slice;
  return InterruptCause::timer_early;
}

// A job begins, of the context that release_over() has made current.
[[noreturn, gnu::always_inline]] inline void begin_released(Cpu& cpu, const sched::Context& context, Time now) noexcept {
  cpu.trace.count_interrupt(InterruptCause::timer_release);
  Thread& thread = *static_cast<Thread*>(context.owner);
  // Else the job before was abandoned in the middle.
  if (thread.state == ThreadState::await_release && thread.account.context == &context) [[likely]] begin_over(cpu, thread, now);
  leave(cpu, now);
}

// A budget was spent, and nothing else is due. If its job is just to be held, of a thread that runs on its own time and has nobody
// serve it: that is done, and who runs then goes on. Otherwise returns, and nothing has been done.
[[gnu::always_inline]] inline void hold_spent(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  const Thread& thread = *static_cast<Thread*>(context.owner);
  if (&thread != cpu.thread || &thread != context.thread || thread.state != ThreadState::runnable) return;
  if (thread.outgoing->server != nullptr || !context.policy.holds_overrun()) return;
  cpu.trace.count_interrupt(InterruptCause::timer_budget);
  hold_job(cpu, context, now);
  if (sched::Context* const next = cpu.scheduler.pick_context(now); next != nullptr && !cpu.remains) [[likely]] {
    go_on_with(cpu, *next, now);
  }
  leave(cpu, now);
}

// That are due together, before interrupts are let in.
constexpr unsigned kReleasesAtOnce = 4;

// Whatever else a timer is for.
[[noreturn, gnu::noinline]] void on_other_timer(Cpu& cpu, bool released, Time now) noexcept {
  const bool slept = cpu.timeouts.earliest_time() <= now;
  if (!slept && !released && !cpu.remains && gives_way(cpu, now) && cpu.scheduler.next_release() > now) [[unlikely]] {
    note_interrupt(cpu, InterruptCause::timer_early);
    await_near_release(cpu);
  }
  const auto note = [&](sched::Context& context, sched::ReleaseKind kind) {
    released = true;
    if (kind != sched::ReleaseKind::refill) trace_release(cpu, context, now);
  };
  // All count as seen now. An interrupt that comes between two portions does not come back here: the timer is due at once then. Who
  // was released has not been chosen yet, so nothing that comes may go to another directly.
  bool noted = false;
  while (!cpu.scheduler.release_some(now, kReleasesAtOnce, note)) {
    if (!std::exchange(noted, true)) note_interrupt(cpu, InterruptCause::timer_release);
    cpu.remains = true;
    hal::interrupt_window();
  }
  const sched::Context* const running = cpu.scheduler.current_context();
  const bool budget = running != nullptr && !running->head_ready(now);
  // Sleepers in a portion of their own: the timer is due at once then.
  const bool slept_in = !slept && !released && running == nullptr && cpu.sleepers.earliest_time() <= now;
  const InterruptCause cause = timer_cause(cpu, released, slept || slept_in, budget, now);
  if (!noted) note_interrupt(cpu, cause);
  while (!expire_deadlines(cpu, now)) {
    cpu.remains = true;
    hal::interrupt_window();
  }
  if (slept) expire_timeouts(cpu.timeouts, cpu, now);
  if (slept_in) expire_timeouts(cpu.sleepers, cpu, now);
  if (cause == InterruptCause::timer_slice) balance(cpu, now);
  leave(cpu, now);
}

}  // namespace
}  // namespace capos::kernel

namespace capos::hal {

using namespace kernel;

[[gnu::flatten]] void on_system_call(UserState& state) noexcept {
  // Without a frame: what this function saved, every system call would pay for. Whatever is not usual is a function that
  // does not return, with a frame of its own. Time is stamped where it is needed: a call to a server that waits needs none.
  const auto operation = static_cast<abi::SystemCall>(state.operation() & 0xff);
  if (operation == abi::SystemCall::call) call(Thread::of(state));
  if (operation == abi::SystemCall::reply_receive) reply_receive(Thread::of(state));
  if (operation == abi::SystemCall::null) {
    state.set_status(0);
    resume();
  }
  if (operation == abi::SystemCall::yield) yield(Thread::of(state));
  other_system_call(operation);
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

[[gnu::flatten]] void on_timer() noexcept {
  Cpu& cpu = Cpu::current();
  Time now = hal::now();
  cpu.armed = Time::never();
  if (cpu.quantum_end.load(std::memory_order_relaxed) <= now) [[unlikely]] {
    enter_turn(cpu);
    now = hal::now();
  }
  bool released = false;
  if (cpu.timeouts.earliest_time() > now && !cpu.remains) [[likely]] {
    if (const sched::Context* const over = cpu.scheduler.release_over(now, released)) begin_released(cpu, *over, now);
    sched::Context* const spent = released ? nullptr : cpu.scheduler.spent_alone(now);
    if (spent != nullptr) hold_spent(cpu, static_cast<SchedulingContext&>(*spent), now);
  }
  on_other_timer(cpu, released, now);
}

void on_mailbox() noexcept {
  Cpu& cpu = Cpu::current();
  if (in_turns()) enter_turn(cpu);
  Mail* mail = cpu.mailbox.take_all();
  note_interrupt(cpu, mail == nullptr && in_turns() ? InterruptCause::timer_quantum : InterruptCause::mailbox);
  while (mail != nullptr) {
    Mail* const next = mail->next;
    const Mail::Handler handler = mail->handler;
    void* const subject = mail->subject;
    mail->posted.store(false, std::memory_order_release);
    handler(subject);
    mail = next;
  }
  leave(cpu, hal::now());
}

void on_device_interrupt(std::uint8_t number) noexcept {
  Cpu& cpu = Cpu::current();
  if (in_turns()) [[unlikely]] enter_turn(cpu);
  const Arrival arrival = interrupt_arrived(cpu.id, number);
  cpu.trace.count_interrupt(arrival.known ? InterruptCause::device : InterruptCause::spurious);
  if (parameters().trace_switches) [[unlikely]] serve_traced(cpu, arrival);
  if (arrival.waiting != nullptr) wake_driver(cpu, *arrival.waiting, hal::now());
  leave(cpu, hal::now());
}

void on_spurious() noexcept {
  Cpu& cpu = Cpu::current();
  if (in_turns()) enter_turn(cpu);
  note_interrupt(cpu, InterruptCause::spurious);
  leave(cpu, hal::now());
}

}  // namespace capos::hal
