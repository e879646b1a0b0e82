// SPDX-License-Identifier: Apache-2.0
// How ring operations end: completions, chains, calls that waited for an answer.
#include <algorithm>

#include "core/account.hpp"
#include "ipc/message_call.hpp"
#include "ipc/ring_state.hpp"

namespace capos::kernel {

using schema::TransportError;

namespace {

abi::CapCqe completion_of(std::uint64_t user_data, TransportError error) noexcept {
  abi::CapCqe completion{};
  completion.user_data = user_data;
  completion.result = -static_cast<std::int32_t>(error);
  return completion;
}

}  // namespace

void RingState::write(const abi::CapCqe& completion) noexcept {
  const std::uint32_t tail = load_once(header_.cq_tail);
  cq_[tail & cq_mask_] = completion;
  __atomic_store_n(&header_.cq_tail, tail + 1, __ATOMIC_RELEASE);
}

void RingState::give_back(Operation& operation) noexcept {
  operation.object = {};
  operation.state = OperationState::free;
  free_.push_front(operation);
}

// The operation's completion goes out, or waits for room.
void RingState::put_out(Operation& operation) noexcept {
  const bool quiet = operation.has(abi::kSqeQuiet) && operation.completion.result == 0;
  if (!quiet) {
    if (room() == 0 || !overflow_.empty()) {
      operation.state = OperationState::ended;
      overflow_.push_back(operation);
      return;
    }
    write(operation.completion);
  }
  out(operation);
}

// Its completion needs nothing more.
void RingState::out(Operation& operation) noexcept {
  if (operation.kind_of() == abi::RingOperation::call && operation.has(abi::kSqeAnswer)) {
    operation.state = OperationState::answered;
  } else {
    give_back(operation);
  }
}

void RingState::flush() noexcept {
  for (std::uint32_t left = room(); left > 0 && !overflow_.empty(); --left) {
    Operation& operation = *overflow_.pop_front();
    write(operation.completion);
    out(operation);
  }
}

void RingState::follow_chain(Operation& operation, bool succeeded, Time) noexcept {
  bool is_tail = chain_tail_ == &operation;
  chain_goes_on_ = chain_goes_on_ || (is_tail && succeeded);
  Operation* next = std::exchange(operation.linked, nullptr);
  if (next != nullptr && is_link_timeout(*next)) {
    Operation& timeout = *next;
    next = std::exchange(timeout.linked, nullptr);
    is_tail = chain_tail_ == &timeout;
    end_link_timeout(timeout, succeeded);
  }
  if (is_tail) {
    chain_tail_ = nullptr;
    chain_broken_ = !succeeded;
  }
  if (next == nullptr) return;
  if (succeeded) {
    next->state = OperationState::ready;
    ready_.push_back(*next);
    return;
  }
  while (next != nullptr) {
    Operation& cancelled = *next;
    next = std::exchange(cancelled.linked, nullptr);
    if (chain_tail_ == &cancelled) {
      chain_tail_ = nullptr;
      chain_broken_ = true;
    }
    if (is_link_timeout(cancelled)) {
      end_link_timeout(cancelled, false);
      continue;
    }
    --open_count_;
    cancelled.completion = completion_of(cancelled.sqe.user_data, TransportError::cancelled);
    put_out(cancelled);
  }
}

// Calls that were made on the operation's answer: their turn has come, whatever it is.
void RingState::follow_dependents(Operation& operation, Time) noexcept {
  Operation* next = std::exchange(operation.dependents, nullptr);
  while (next != nullptr) {
    Operation& call = *next;
    next = std::exchange(call.next_dependent, nullptr);
    call.state = OperationState::ready;
    if (call.called_off == TransportError::none && !operation.has(abi::kSqeAnswer)) {  // finished meanwhile
      call.called_off = TransportError::cancelled;
    }
    ready_.push_back(call);
  }
}

void RingState::end(Operation& operation, abi::CapCqe completion, Time now) noexcept {
  completion.user_data = operation.sqe.user_data;
  const bool alone = operation.linked == nullptr && operation.dependents == nullptr && chain_tail_ != &operation &&
                     (operation.sqe.flags & (abi::kSqeAnswer | Operation::kLeased)) == 0;
  if (alone && overflow_.empty() && room() > 0) [[likely]] {
    // The usual end, which the rest below comes to as well.
    --open_count_;
    retry_ = stalled_;
    if (!operation.has(abi::kSqeQuiet) || completion.result != 0) write(completion);
    return give_back(operation);
  }
  operation.completion = completion;
  operation.called_off = TransportError::none;
  if (operation.has(Operation::kLeased)) {
    operation.sqe.flags &= static_cast<std::uint8_t>(~Operation::kLeased);
    end_lease_use(operation.lease_use);
  }
  --open_count_;
  retry_ = stalled_;
  const bool succeeded = completion.result == 0;
  operation.answer_caps_count = 0;
  if (succeeded && operation.kind_of() == abi::RingOperation::call && operation.has(abi::kSqeAnswer)) {
    remember_answer(operation);
  }
  follow_chain(operation, succeeded, now);
  follow_dependents(operation, now);
  put_out(operation);
}

void RingState::end(Operation& operation, const Outcome& outcome, Time now) noexcept {
  if (in_progress_ == &operation) [[unlikely]] drop_progress();
  abi::CapCqe completion{};
  completion.result = outcome.status();
  completion.flags = outcome.exception_word();
  if (outcome.kind() == Outcome::Kind::exception && operation.kind_of() == abi::RingOperation::call) {
    write_exception(operation, exception_of(outcome), completion);
  }
  end(operation, completion, now);
}

}  // namespace capos::kernel
