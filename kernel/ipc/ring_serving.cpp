// SPDX-License-Identifier: Apache-2.0
// The serving side of a ring: RECEIVE and RETURN, the calls that are open at its thread, and the areas that they lie in.
#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/message_call.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::KernelError;
using schema::TransportError;

void RingState::start_receive(Cpu& cpu, Operation& operation, Time now) noexcept {
  const abi::CapSqe& sqe = operation.sqe;
  const std::uint32_t areas = sqe.pipeline_field == 0 ? 1 : sqe.pipeline_field;
  if (areas > abi::kMaxReceiveAreas || (areas > 1 && !operation.has(abi::kSqeMultishot))) {
    return end(operation, Outcome::transport(TransportError::invalid_operation), now);
  }
  const ArenaRange area = results_of(sqe);
  if (!area.valid() || area.size < sizeof(abi::ReceivedCall) + sizeof(wire::Word) ||
      area.size > (abi::kArenaBytes - area.offset) / areas) {
    return end(operation, Outcome::transport(TransportError::invalid_message), now);
  }
  auto* const endpoint = thread.process.capabilities().find_object<Endpoint>(abi::CapId{sqe.cap});
  if (endpoint == nullptr) return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  // One endpoint at a time, as for reply_receive.
  if (!receives_.empty() && thread.serving != endpoint) {
    return end(operation, Outcome::overloaded(KernelError::busy), now);
  }
  Liveness* const lease = thread.process.capabilities().lease_of(abi::CapId{sqe.cap});
  const Outcome serves = endpoint->serve_by_ring(cpu, thread, lease, now);
  if (serves.kind() != Outcome::Kind::done) return end(operation, serves, now);
  must_schedule_ = must_schedule_ || lease != nullptr;  // the timer may have to be armed
  operation.areas = static_cast<std::uint8_t>(areas);
  operation.busy_areas() = 0;
  receives_.push_back(operation);
}

void RingState::end_receives(Time now) noexcept {
  while (Operation* const receive = receives_.pop_front()) {
    forget_receive(*receive);
    end(*receive, Outcome::transport(TransportError::disconnected), now);
  }
}

// The areas of the calls that it took are the program's from now on. O(kReceivedCalls).
void RingState::forget_receive(const Operation& receive) noexcept {
  for (ReceivedCall& each : received_) {
    if (each.receive == &receive) each.receive = nullptr;
  }
}

// --- taking calls

bool RingState::find_landing(CallKind kind, bool one_way, Landing& at) noexcept {
  Operation* const receive = receives_.front();
  if (receive == nullptr) return false;
  // A call by registers may have been answered by registers: without a word to its ring.
  if (received_[kRegisterSlot].id != thread.open_answer) free_received(kRegisterSlot);
  at.receive = receive;
  at.area = static_cast<std::uint32_t>(std::countr_one(receive->busy_areas()));
  if (at.area >= receive->areas) return false;
  at.slot = kRegisterSlot;
  if (kind == CallKind::registers && !one_way) return received_[kRegisterSlot].id == 0;
  at.slot = static_cast<std::uint32_t>(std::countr_one(received_mask_));
  return at.slot < kRegisterSlot;
}

bool RingState::can_receive() noexcept {
  Landing at;
  return thread.incoming == nullptr && find_landing(CallKind::message, false, at) && received_[kRegisterSlot].id == 0;
}

void RingState::call_received(const Landing& at, Call& call, std::uint32_t message_bytes, std::uint32_t caps,
                              Time now) noexcept {
  const std::uint64_t id = next_answer_++ * abi::kReceivedCalls + at.slot;
  const bool message = call.kind == CallKind::message;
  received_[at.slot] = {message ? &call : nullptr, id, at.receive, static_cast<std::uint8_t>(at.area), call.one_way};
  at.receive->busy_areas() |= std::uint64_t{1} << at.area;
  if (at.slot == kRegisterSlot) {
    thread.open_answer = id;
  } else {
    received_mask_ |= std::uint64_t{1} << at.slot;
    if (message) {
      call.slot = static_cast<std::uint8_t>(at.slot);
      open_mask_ |= std::uint64_t{1} << at.slot;
    }
  }
  abi::CapCqe completion{};
  completion.results_size = message_bytes;
  completion.caps_count = caps;
  completion.value = id;
  completion.flags = at.area << 16;
  // One that goes on needs room for what it says now.
  Operation& receive = *at.receive;
  if (receive.has(abi::kSqeMultishot) && room() > 0 && overflow_.empty()) {
    completion.user_data = receive.sqe.user_data;
    completion.flags |= abi::kCqeMore;
    return write(completion);
  }
  forget_receive(receive);
  List<Operation, OperationTag>::erase(receive);
  end(receive, completion, now);
}

void RingState::receive_ended() noexcept {
  stop_waiting();
  finish_wait();
}

// --- answering

Call* RingState::close(Call& call) noexcept {
  received_[call.slot].call = nullptr;
  open_mask_ &= ~(std::uint64_t{1} << call.slot);
  call.slot = Call::kNoSlot;
  return open_mask_ == 0 ? nullptr : received_[std::countr_zero(open_mask_)].call;
}

// Its area is for the next call.
void RingState::free_received(std::uint32_t slot) noexcept {
  ReceivedCall& received = received_[slot];
  if (received.receive != nullptr) received.receive->busy_areas() &= ~(std::uint64_t{1} << received.area);
  received = {};
  received_mask_ &= ~(std::uint64_t{1} << slot);
}

void RingState::answered_by_registers(const Call& call) noexcept {
  thread.open_answer = 0;
  if (call.slot != Call::kNoSlot) free_received(call.slot);
}

void RingState::start_return(Cpu& cpu, Operation& operation, Time now) noexcept {
  const abi::CapSqe& sqe = operation.sqe;
  const auto refuse = [&](TransportError error) noexcept { end(operation, Outcome::transport(error), now); };
  const auto slot = static_cast<std::uint32_t>(sqe.cap % abi::kReceivedCalls);
  const ReceivedCall& received = received_[slot];
  const bool by_registers = slot == kRegisterSlot;
  if (sqe.cap == 0 || sqe.cap != received.id || (by_registers && received.id != thread.open_answer)) {
    return refuse(TransportError::invalid_cap);
  }
  if (!params_of(sqe).valid() || !transfers_of(sqe).valid()) return refuse(TransportError::invalid_message);
  Call* const call = by_registers ? thread.incoming : received.call;
  if (call == nullptr) {  // it was sent, or its caller has given it up
    const bool one_way = received.one_way;
    if (by_registers) thread.open_answer = 0;
    free_received(slot);
    return one_way ? end(operation, Outcome::done(), now) : refuse(TransportError::cancelled);
  }
  abi::CapCqe completion{};
  const Outcome outcome = hand_over_results(operation, *call, completion);
  if (outcome.kind() != Outcome::Kind::done) return end(operation, outcome, now);
  if (by_registers) thread.open_answer = 0;
  free_received(slot);
  end_answered(cpu, *call, completion, now);
  end(operation, Outcome::done(), now);
}

// The answer has been handed over: the call ends, and the account goes home if it was the last that it was lent for.
void RingState::end_answered(Cpu& cpu, Call& call, const abi::CapCqe& completion, Time now) noexcept {
  Thread& caller = call.caller;
  const bool home = give_account_back(cpu, thread, call, now, lowered_);
  if (home) {
    give_account(finishing_account(thread), thread);
    returned_ = &caller;
  }
  if (call.kind != CallKind::message) return;
  auto& answered = static_cast<Operation&>(call);
  answered.ring.end(answered, completion, now);
  if (!home && answered.ring.poke(cpu, now)) must_schedule_ = true;
}

}  // namespace capos::kernel
