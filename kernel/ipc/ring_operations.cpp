// SPDX-License-Identifier: Apache-2.0
// What each operation does when it starts, and what calls it off.
#include <cstring>

#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/message_call.hpp"
#include "ipc/notification.hpp"
#include "ipc/object_call.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using abi::RingOperation;
using schema::KernelError;
using schema::TransportError;

// Which user_data means which operation: the first in use that carries it. O(operations).
Operation* RingState::find(std::uint64_t user_data, const Operation& but) noexcept {
  for (std::uint32_t i = 0; i < operations_; ++i) {
    Operation& each = operation(i);
    if (each.in_use() && &each != &but && each.sqe.user_data == user_data) return &each;
  }
  return nullptr;
}

// --- calls

// Puts the capability that the entry means into its `cap`. False if it has ended, or waits for an answer.
bool RingState::resolve_pipelined(Operation& operation, Time now) noexcept {
  Operation* const answer = find(operation.sqe.cap, operation);
  if (answer == nullptr || answer->kind_of() != RingOperation::call || !answer->has(abi::kSqeAnswer)) {
    end(operation, Outcome::transport(TransportError::invalid_cap), now);
    return false;
  }
  const bool ended = answer->state == OperationState::answered || answer->state == OperationState::ended;
  if (!ended) {
    operation.state = OperationState::deferred;
    operation.dependency = answer;
    operation.next_dependent = nullptr;
    Operation** last = &answer->dependents;
    while (*last != nullptr) last = &(*last)->next_dependent;
    *last = &operation;
    return false;
  }
  operation.dependency = nullptr;
  if (answer->completion.result != 0) {
    abi::CapCqe failed{};
    failed.result = answer->completion.result;
    failed.flags = answer->completion.flags;
    end(operation, failed, now);
    return false;
  }
  if (operation.sqe.pipeline_field >= answer->answer_caps_count) {
    end(operation, Outcome::transport(TransportError::invalid_cap), now);
    return false;
  }
  operation.sqe.cap = answer->answer_caps[operation.sqe.pipeline_field];
  operation.sqe.pipeline_field = 0;
  operation.sqe.flags &= static_cast<std::uint8_t>(~abi::kSqePipelined);
  return true;
}

void RingState::start_call(Cpu& cpu, Operation& operation, Time now) noexcept {
  if (operation.has(abi::kSqePipelined) && !resolve_pipelined(operation, now)) return;
  const abi::CapSqe& sqe = operation.sqe;
  const auto refuse = [&](TransportError error) noexcept { end(operation, Outcome::transport(error), now); };
  if (sqe.deadline_ns != 0 && now.ns() > sqe.deadline_ns) return refuse(TransportError::timeout);
  CapabilityEntry* const entry = thread.process.capabilities().find(abi::CapId{sqe.cap});
  if (entry == nullptr) return refuse(TransportError::invalid_cap);
  if (!entry->permits(sqe.interface_id)) return end(operation, Outcome::unimplemented(), now);
  if (!params_of(sqe).valid() || !results_of(sqe).valid() || !transfers_of(sqe).valid()) {
    return refuse(TransportError::invalid_message);
  }
  if (auto* const client = object_cast<ClientEndpoint>(entry->object()); client != nullptr) {
    operation.object = Ref<Object>::share(client->endpoint());
    operation.disclosed = thread.process.disclosed(entry->disclosure());
    operation.state = OperationState::pending;
    pending_.push_back(operation);
    return;
  }
  must_schedule_ = true;
  abi::CapCqe completion{};
  const Outcome outcome = call_object(cpu, thread, arena(), sqe, *entry, now, completion);
  if (outcome.kind() != Outcome::Kind::done) return end(operation, outcome, now);
  end(operation, completion, now);
}

// --- time and events

void RingState::start_timeout(Operation& operation, Time now) noexcept {
  const Time until = Time::from_ns(operation.sqe.cap);
  if (until <= now) {
    abi::CapCqe completion{};
    completion.value = now.ns();
    return end(operation, completion, now);
  }
  timers_.insert(operation, until);
}

void RingState::fire_timers(Time now) noexcept {
  while (timers_.earliest_time() <= now) {
    Operation& operation = *timers_.earliest();
    timers_.remove(operation);
    abi::CapCqe completion{};
    completion.value = now.ns();
    end(operation, completion, now);
  }
}

void RingState::start_notify(Operation& operation, Time now) noexcept {
  auto* const notification = thread.process.capabilities().find_object<Notification>(abi::CapId{operation.sqe.cap});
  if (notification == nullptr) return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  operation.object = Ref<Object>::share(*notification);
  if (!notification->enter_ring(operation)) return end(operation, Outcome::overloaded(KernelError::busy), now);
  // A signal may have come before; whoever takes the operation out of the slot completes it.
  if (notification->has_bits() && notification->leave_ring(operation)) take_signal(operation, now);
}

// The operation is out of the slot: completes it with the bits, and puts a multishot one back.
void RingState::take_signal(Operation& operation, Time now) noexcept {
  auto& notification = static_cast<Notification&>(*operation.object);
  abi::CapCqe completion{};
  completion.value = notification.take();
  // Bits that were on their way when it was called off are not lost.
  if (operation.called_off && completion.value == 0) {
    completion.result = -static_cast<std::int32_t>(TransportError::cancelled);
  }
  const bool goes_on = operation.has(abi::kSqeMultishot) && !operation.called_off && room() > 0 && overflow_.empty();
  if (!goes_on) return end(operation, completion, now);
  if (completion.value != 0) {  // else somebody else has taken them
    completion.user_data = operation.sqe.user_data;
    completion.flags = abi::kCqeMore;
    write(completion);
  }
  if (!notification.enter_ring(operation)) return end(operation, Outcome::overloaded(KernelError::busy), now);
  // Once more at most: bits that come now find the operation in the slot, or it is out and they complete it.
  if (notification.has_bits() && notification.leave_ring(operation)) {
    completion.value = notification.take();
    completion.flags = 0;
    end(operation, completion, now);
  }
}

void RingState::signal_arrived(void* subject) noexcept {
  Operation& operation = *static_cast<Operation*>(subject);
  RingState& ring = operation.ring;
  Thread& waiter = operation.caller;
  Process& process = waiter.process;
  if (ring.alive()) {
    const Time now = hal::now();
    ring.take_signal(operation, now);
    ring.poke(Cpu::current(), now);
  } else {
    operation.object = {};
  }
  release(ring, process.pages());
  waiter.release();
  process.release();
}

// --- calling off

// Ends an operation that has not ended, with `cancelled`; one whose notification's mail is under way ends with that.
void RingState::call_off(Operation& operation, Time now) noexcept {
  switch (operation.state) {
    case OperationState::held:
    case OperationState::ready:
      operation.called_off = true;
      return;
    case OperationState::deferred: {
      Operation** place = &operation.dependency->dependents;
      while (*place != &operation) place = &(*place)->next_dependent;
      *place = operation.next_dependent;
      break;
    }
    case OperationState::pending: List<Operation, OperationTag>::erase(operation); break;
    case OperationState::open:
      if (operation.kind_of() == RingOperation::receive) {
        forget_receive(operation);
        List<Operation, OperationTag>::erase(operation);
      }
      if (operation.kind_of() == RingOperation::timeout) timers_.remove(operation);
      if (operation.kind_of() == RingOperation::notify &&
          !static_cast<Notification&>(*operation.object).leave_ring(operation)) {
        operation.called_off = true;
        return;
      }
      if (operation.server != nullptr) stop_serving(operation);  // its answer will find nobody
      break;
    default: return;
  }
  end(operation, Outcome::transport(TransportError::cancelled), now);
}

void RingState::start_cancel(Operation& operation, Time now) noexcept {
  Operation* const target = find(operation.sqe.cap, operation);
  if (target == nullptr || target->state == OperationState::ended || target->state == OperationState::answered) {
    return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  }
  call_off(*target, now);
  end(operation, Outcome::done(), now);
}

void RingState::start_finish(Operation& operation, Time now) noexcept {
  Operation* const target = find(operation.sqe.cap, operation);
  if (target == nullptr || target->kind_of() != RingOperation::call) {
    return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  }
  target->sqe.flags &= static_cast<std::uint8_t>(~abi::kSqeAnswer);
  if (target->state == OperationState::answered) {
    give_back(*target);
  } else {
    call_off(*target, now);
  }
  end(operation, Outcome::done(), now);
}

}  // namespace capos::kernel
