// SPDX-License-Identifier: Apache-2.0
// What each operation does when it starts, and what calls it off.
#include <cstring>

#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/message_call.hpp"
#include "ipc/notification.hpp"
#include "ipc/object_call.hpp"
#include "ipc/park.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using abi::RingOperation;
using schema::KernelError;
using schema::TransportError;

// Which user_data means which operation: the first in use that carries it. O(operations).
Operation* RingState::find(std::uint64_t user_data, const Operation& but) noexcept {
  for (std::uint32_t i = 0; i < made_; ++i) {
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
    enter_lease(operation, entry->lease());
    operation.state = OperationState::pending;
    pending_.push_back(operation);
    if (sqe.transfers_count > kFewTransfers) short_portion_ = kShortPortion;  // its delivery takes long
    return;
  }
  abi::CapCqe completion{};
  const Outcome outcome = call_object(cpu, thread, arena(), sqe, *entry, now, progress_, completion);
  short_portion_ = kShortPortion;
  if (outcome.kind() == Outcome::Kind::unfinished) return go_on_later(operation);
  must_schedule_ = true;
  if (progress_.begun) drop_progress();
  if (outcome.kind() != Outcome::Kind::done) return end(operation, outcome, now);
  end(operation, completion, now);
}

// A portion of it has been done: it is the next to go on, after interrupts were let in.
void RingState::go_on_later(Operation& operation) noexcept {
  operation.state = OperationState::ready;
  ready_.push_front(operation);
  in_progress_ = &operation;
  unfinished_ = true;
}

void RingState::drop_progress() noexcept {
  in_progress_ = nullptr;
  progress_.drop(thread.process);
}

// --- releasing

// What goes with its last capability, and takes long, is out of everybody's reach from the first portion on.
void RingState::start_release(Operation& operation, Time now) noexcept {
  must_schedule_ = true;  // others may be set free
  if (in_progress_ == &operation) {
    if (!progress_.object->wind_down()) return go_on_later(operation);
    drop_progress();
    return end(operation, Outcome::done(), now);
  }
  CapabilityTable& table = thread.process.capabilities();
  const abi::CapId id{operation.sqe.cap};
  CapabilityEntry* const entry = table.find(id);
  if (entry != nullptr && entry->object()->is_sole_reference() && !entry->object()->wind_down()) {
    progress_.object = Ref<Object>::share(*entry->object());
    progress_.begun = true;
    (void)table.remove(id);
    return go_on_later(operation);
  }
  end(operation, table.remove(id) ? Outcome::done() : Outcome::transport(TransportError::invalid_cap), now);
}

// --- calling off

void RingState::enter_lease(Operation& operation, Liveness* lease) noexcept {
  if (lease == nullptr) return;
  operation.sqe.flags |= Operation::kLeased;
  must_schedule_ = true;  // the timer may have to be armed
  begin_lease_use(Cpu::current(), operation.lease_use, *lease, lease_ended, &operation);
}

void RingState::lease_ended(void* subject, Cpu& cpu, Time now) noexcept {
  Operation& operation = *static_cast<Operation*>(subject);
  RingState& ring = operation.ring;
  ring.call_off(operation, TransportError::disconnected, now);
  (void)ring.poke(cpu, now);
}

bool RingState::has_company(const Operation& operation) noexcept {
  return operation.slot != Call::kNoSlot && operation.server->ring_state->has_several_open();
}

// Out of what an open operation waits in. False: its end comes with the mail that is under way, or with what it watches.
bool RingState::leave_wait(Operation& operation, TransportError why) noexcept {
  switch (operation.kind_of()) {
    case RingOperation::receive:
      forget_receive(operation);
      List<Operation, OperationTag>::erase(operation);
      return true;
    case RingOperation::timeout: timers_.remove(operation); return true;
    case RingOperation::notify:
      if (static_cast<Notification&>(*operation.object).leave_ring(operation)) return true;
      operation.called_off = why;
      return false;
    case RingOperation::park:
      if (operation.queued()) timers_.remove(operation);
      return leave_park(operation);
    case RingOperation::link_timeout:
      if (operation.queued()) timers_.remove(operation);
      return false;
    default: return true;
  }
}

void RingState::call_off(Operation& operation, TransportError why, Time now) noexcept {
  // What the account is lent for, or queues with, and for nothing besides: it comes home.
  if (thread.outgoing == &operation && !has_company(operation)) take_account_home(Cpu::current(), now);
  switch (operation.state) {
    case OperationState::held:
    case OperationState::ready:
      // What it releases is gone: it only ends.
      if (in_progress_ == &operation && operation.kind_of() == RingOperation::release) return;
      operation.called_off = why;
      return;
    case OperationState::deferred: {
      Operation** place = &operation.dependency->dependents;
      while (*place != &operation) place = &(*place)->next_dependent;
      *place = operation.next_dependent;
      break;
    }
    case OperationState::pending: List<Operation, OperationTag>::erase(operation); break;
    case OperationState::open:
      if (!leave_wait(operation, why)) return;
      if (operation.server != nullptr) stop_serving(operation);  // its answer will find nobody
      break;
    default: return;
  }
  end(operation, Outcome::transport(why), now);
}

void RingState::start_cancel(Operation& operation, Time now) noexcept {
  Operation* const target = find(operation.sqe.cap, operation);
  if (target == nullptr || target->state == OperationState::ended || target->state == OperationState::answered) {
    return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  }
  call_off(*target, TransportError::cancelled, now);
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
    call_off(*target, TransportError::cancelled, now);
  }
  end(operation, Outcome::done(), now);
}

}  // namespace capos::kernel
