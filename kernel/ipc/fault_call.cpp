// SPDX-License-Identifier: Apache-2.0
#include "ipc/fault_call.hpp"

#include "core/account.hpp"
#include "core/termination.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/ring_state.hpp"
#include "islands/binding.hpp"
#include "islands/lease.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

using schema::FaultAction;
using schema::KernelError;
using schema::TransportError;
using Fault = schema::FaultHandler::Fault;

constexpr std::uint32_t kProgramSource = 1u << 31;

bool lost_its_time(const Thread& thread) noexcept {
  return thread.bound != nullptr && thread.bound->stopped.load(std::memory_order_relaxed);
}

// A thread whose context was stopped goes on as best effort, where that is allowed; then it is in a lease's way.
bool may_go_on(Thread& thread) noexcept { return !lost_its_time(thread) || enlist_best_effort(thread.process); }

void go_on(Cpu& cpu, Thread& thread, Time now) noexcept {
  if (lost_its_time(thread)) {
    const bool own = thread.account.context == thread.bound;
    give_up_context(cpu, thread, now);
    if (own) give_account(own_account(thread), thread);
  }
  thread.state = ThreadState::runnable;
  make_ready(cpu, thread.account, now);
}

// Waits that end with the time they waited in.
void end_wait(Thread& thread) noexcept {
  const auto status = thread.state == ThreadState::await_release ? TransportError::not_bound : TransportError::disconnected;
  for (auto& word : thread.user.words()) word = 0;
  thread.user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(status)), 0, 0);
}

}  // namespace

ResultOf<Ref<Object>, KernelError> supervisor_of(CallContext& call, bool named,
                                                 std::optional<std::uint32_t> index) noexcept {
  if (!named) return Ref<Object>();
  auto* const client = call.argument<ClientEndpoint>(index, schema::FaultHandler::kInterfaceId);
  if (client == nullptr) return fail(KernelError::bad_capability);
  return Ref<Object>::share(*client);
}

bool raise_fault(Cpu& cpu, Thread& thread, const FaultRecord& fault, Time now) noexcept {
  auto* const client = object_cast<ClientEndpoint>(thread.supervisor.get());
  if (client == nullptr || thread.serving == &client->endpoint()) return false;
  thread.fault = fault;
  if (!client->endpoint().take_fault(cpu, thread.fault_call, now)) return false;
  block(cpu, thread.account, now);
  thread.state = ThreadState::await_supervisor;
  cpu.trace.emit(now, schema::EventKind::fault, kProgramSource | thread.process.number(), fault.code(), fault.error_code,
                 thread.user.instruction_pointer(), fault.address);
  return true;
}

void raise_lost_time(Cpu& cpu, Thread& thread, schema::ThreadFault why, Time now) noexcept {
  if (!thread.supervisor || thread.has_ended() || thread.process.is_ending()) return;
  if (thread.bound == nullptr || thread.account.context != thread.bound) return;  // it runs on a caller's time, or none
  switch (thread.state) {
    case ThreadState::await_release:
    case ThreadState::await_reply:
    case ThreadState::await_server: end_wait(thread); break;
    case ThreadState::ring_work: thread.ring_state->cut_short(); break;
    case ThreadState::call_work: end_call_work(thread, TransportError::cancelled); break;
    case ThreadState::runnable: break;
    default: return;  // when that wait ends (complete_call)
  }
  thread.state = ThreadState::runnable;
  (void)raise_fault(cpu, thread, {.kind = why}, now);
}

void deliver_fault(Cpu& cpu, Call& call, Thread& server, Time now) noexcept {
  Thread& faulter = call.caller;
  const Fault::Params::Value message{.thread = faulter.number,
                                     .kind = faulter.fault.kind,
                                     .vector = faulter.fault.vector,
                                     .instruction_pointer = faulter.user.instruction_pointer(),
                                     .stack_pointer = faulter.user.stack_pointer(),
                                     .address = faulter.fault.address,
                                     .error_code = faulter.fault.error_code};
  auto& words = server.user.words();
  for (auto& word : words) word = 0;
  message.to_words(words);
  server.user.set_result(std::uint64_t{Fault::kOrdinal} << 32, faulter.process.number(),
                         schema::FaultHandler::kInterfaceId);
  call.queued_at = nullptr;
  call.server = &server;
  server.incoming = &call;
  server.state = ThreadState::runnable;
  give_account(finishing_account(server), server);
  make_ready(cpu, server.account, now);
}

bool answer_fault(Cpu& cpu, Call& call, const Thread& server, bool exception, Time now) noexcept {
  Thread& faulter = call.caller;
  const auto answer = Fault::Results::Value::from_words(server.user.words(), abi::kRegisterWords);
  const FaultAction action = exception ? FaultAction::end_process : answer.action;
  switch (action) {
    case FaultAction::resume:
      if (!may_go_on(faulter)) return false;
      break;
    case FaultAction::restart:
      if (answer.instruction_pointer >= abi::kUserEnd || answer.stack_pointer >= abi::kUserEnd || !may_go_on(faulter)) {
        return false;
      }
      faulter.user.redirect(hal::UserAddress(answer.instruction_pointer), hal::UserAddress(answer.stack_pointer));
      break;
    case FaultAction::end_thread:
    case FaultAction::end_process: break;
    default: return false;
  }
  withdraw_fault(faulter);
  if (action == FaultAction::end_thread) {
    end_thread(cpu, faulter, faulter.fault.exit(), now);
  } else if (action == FaultAction::end_process) {
    end_process(cpu, faulter.process, faulter.fault.exit(), now);
  } else {
    go_on(cpu, faulter, now);
  }
  return true;
}

void doom(Cpu& cpu, Thread& thread) noexcept {
  thread.acquire();
  thread.next_doomed = cpu.doomed;
  cpu.doomed = &thread;
  cpu.remains = true;
}

void withdraw_fault(Thread& thread) noexcept {
  Call& call = thread.fault_call;
  if (call.queued_at != nullptr) call.queued_at->forget_call(call);
  if (call.server != nullptr) call.server->incoming = nullptr;
  call.server = nullptr;
}

}  // namespace capos::kernel
