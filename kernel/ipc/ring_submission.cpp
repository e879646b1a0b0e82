// SPDX-License-Identifier: Apache-2.0
// Taking entries from the submission queue: each is copied once, chained, and started.
#include <algorithm>

#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using abi::RingOperation;
using schema::TransportError;

namespace {

// The flags that an operation knows.
std::uint8_t known_flags(RingOperation operation) noexcept {
  constexpr std::uint8_t kAll = abi::kSqeLink | abi::kSqeDrain | abi::kSqeQuiet;
  switch (operation) {
    case RingOperation::call: return kAll | abi::kSqeAnswer | abi::kSqePipelined;
    case RingOperation::return_call: return kAll | abi::kSqeException;
    case RingOperation::receive:
    case RingOperation::notify: return kAll | abi::kSqeMultishot;
    case RingOperation::link_timeout: return abi::kSqeLink | abi::kSqeQuiet;
    default: return kAll;
  }
}

}  // namespace

// Plain NOPs (operation, flags, method and pipeline_field all zero) from `head` on, up to `most`: how many there were.
std::uint32_t RingState::answer_nops(std::uint32_t head, std::uint32_t most) noexcept {
  const std::uint32_t tail = load_once(header_.cq_tail);
  std::uint32_t done = 0;
  for (; done < most; ++done) {
    const abi::CapSqe& shared = sq_[(head + done) & sq_mask_];
    if (load_once(reinterpret_cast<const std::uint64_t&>(shared)) != 0) break;
    cq_[(tail + done) & cq_mask_] = {load_once(shared.user_data), 0, 0, 0, 0, 0};
  }
  if (done == 0) return 0;
  __atomic_store_n(&header_.cq_tail, tail + done, __ATOMIC_RELEASE);
  __atomic_store_n(&header_.sq_head, head + done, __ATOMIC_RELEASE);
  return done;
}

// All there are when it begins, in portions. Does not return if what runs must be decided afresh, or an interrupt has come,
// between two: the thread goes on in continue_enter().
void RingState::take_submissions(Cpu& cpu, Time& now) noexcept {
  to_take_ = std::min(load_once(header_.sq_tail) - load_once(header_.sq_head), sq_mask_ + 1);
  take_rest(cpu, now);
}

void RingState::take_rest(Cpu& cpu, Time& now) noexcept {
  for (;;) {
    if (!unfinished_) take_portion(cpu, now);
    if ((to_take_ == 0 && !unfinished_) || !alive()) return;
    pause(cpu);
    now = hal::now();
    if (!unfinished_) continue;
    unfinished_ = false;
    if (!timers_.empty()) fire_timers(now);
    start_ready(cpu, now);
    if (!alive()) return;
  }
}

// Entries that are often many. Two plain NOPs count for one.
std::uint32_t RingState::take_run(Cpu& cpu, std::uint32_t head, std::uint32_t& portion, Time now) noexcept {
  const std::uint64_t first = load_once(reinterpret_cast<const std::uint64_t&>(sq_[head & sq_mask_]));
  if (first == 0) {
    const std::uint32_t nops = answer_nops(head, std::min({to_take_, room(), 2 * portion}));
    portion -= (nops + 1) / 2;
    return nops;
  }
  const auto kind = static_cast<RingOperation>(first & 0xff);
  if (kind != RingOperation::call && kind != RingOperation::return_call) return 0;
  const std::uint32_t most = std::min(to_take_, portion);
  const std::uint32_t run = kind == RingOperation::call ? take_calls(head, most) : take_returns(cpu, head, most, now);
  portion -= run;
  return run;
}

// Stops, and notes that it did, where an entry must wait for room, for an operation,
// or for all that came before it.
void RingState::take_portion(Cpu& cpu, Time now) noexcept {
  std::uint32_t head = load_once(header_.sq_head);
  stalled_ = retry_ = false;
  const auto stall = [this]() noexcept {
    stalled_ = true;
    to_take_ = 0;
  };
  for (std::uint32_t portion = kPortion; to_take_ != 0 && portion != 0;) {
    if (chain_tail_ == nullptr && !chain_broken_) {
      const std::uint32_t run = take_run(cpu, head, portion, now);
      head += run;
      to_take_ -= run;
      chain_goes_on_ = chain_goes_on_ && run == 0;
      if (run != 0) continue;  // what follows may be another
    }
    Operation* operation = free_.front();
    if (operation == nullptr) [[unlikely]] {
      operation = make_operations();
      short_portion_ = kShortPortion;
    }
    if (operation == nullptr || room() == 0) return stall();
    if (sq_[head & sq_mask_].transfers_count > kFewTransfers) [[unlikely]] let_interrupts_in(cpu);  // a RETURN carries them at once
    operation->sqe = sq_[head & sq_mask_];  // copied once
    // Inside a chain it is refused, when its turn comes.
    const bool waits = operation->has(abi::kSqeDrain) && chain_tail_ == nullptr && !chain_broken_;
    if (waits && open_count_ > 0) return stall();
    (void)free_.pop_front();
    --portion;
    ++short_portion_;
    --to_take_;
    __atomic_store_n(&header_.sq_head, ++head, __ATOMIC_RELEASE);
    accept(cpu, *operation, now);
    if (!alive() || unfinished_) return;
    if (!ready_.empty()) {
      start_ready(cpu, now);
      if (!alive() || unfinished_) return;
    }
    if (short_portion_ >= kShortPortion) let_interrupts_in(cpu);
  }
}

void RingState::accept(Cpu& cpu, Operation& operation, Time now) noexcept {
  operation.linked = operation.dependents = nullptr;
  operation.called_off = TransportError::none;
  operation.areas = 0;
  ++open_count_;
  Operation* const before = chain_tail_;
  const bool cancelled = std::exchange(chain_broken_, false), goes_on = std::exchange(chain_goes_on_, false);
  chain_tail_ = operation.has(abi::kSqeLink) ? &operation : nullptr;
  if (before != nullptr) {
    before->linked = &operation;
    operation.state = OperationState::held;
    if (operation.has(abi::kSqeDrain)) operation.sqe.operation = kNoOperation;  // refused in its turn
    if (is_link_timeout(operation)) accept_link_timeout(operation, *before, now);
    return;
  }
  if (cancelled && is_link_timeout(operation)) return cancel_link_timeout(operation);
  if (cancelled) return end(operation, Outcome::transport(TransportError::cancelled), now);
  if (goes_on && is_link_timeout(operation)) return pass_link_timeout(operation);
  start(cpu, operation, now);
}

// What chains and answers have set free since. Each was an entry: at most one for each operation. Ends early where one has
// done but a portion.
void RingState::start_ready(Cpu& cpu, Time now) noexcept {
  unsigned started = 0;
  while (Operation* const operation = ready_.pop_front()) {
    Operation* const next = operation->linked;
    Operation* const timeout = next != nullptr && is_link_timeout(*next) && next->state == OperationState::held ? next : nullptr;
    start(cpu, *operation, now);
    if (!alive()) return;
    // Unless it has ended with the operation.
    if (timeout != nullptr && timeout->state == OperationState::held) arm_link_timeout(*timeout, now);
    if ((short_portion_ >= kShortPortion || ++started == kStartedAtOnce) && !ready_.empty()) unfinished_ = true;
    if (unfinished_) return;
  }
}

void RingState::start(Cpu& cpu, Operation& operation, Time now) noexcept {
  operation.state = OperationState::open;
  const abi::CapSqe& sqe = operation.sqe;
  if (operation.called_off != TransportError::none) return end(operation, Outcome::transport(operation.called_off), now);
  const RingOperation kind = operation.kind_of();
  const bool pipelined = (sqe.flags & abi::kSqePipelined) != 0;
  if ((sqe.flags & ~known_flags(kind)) != 0 || (sqe.pipeline_field != 0 && !pipelined && kind != RingOperation::receive)) {
    return end(operation, Outcome::transport(TransportError::invalid_operation), now);
  }
  switch (kind) {
    case RingOperation::nop: return end(operation, Outcome::done(), now);
    case RingOperation::call: return start_call(cpu, operation, now);
    case RingOperation::release: return start_release(operation, now);
    case RingOperation::receive: return start_receive(cpu, operation, now);
    case RingOperation::return_call: return start_return(cpu, operation, now);
    case RingOperation::finish: return start_finish(operation, now);
    case RingOperation::park: return start_park(operation, now);
    case RingOperation::unpark: return start_unpark(operation, now);
    case RingOperation::timeout: return start_timeout(operation, now);
    case RingOperation::notify: return start_notify(operation, now);
    case RingOperation::cancel: return start_cancel(operation, now);
    case RingOperation::post: {
      abi::CapCqe completion{};
      completion.value = sqe.cap;
      completion.results_size = sqe.params_size;
      completion.caps_count = sqe.transfers_count;
      return end(operation, completion, now);
    }
    case RingOperation::link_timeout: break;  // behind no entry that it could watch
  }
  end(operation, Outcome::transport(TransportError::invalid_operation), now);
}

}  // namespace capos::kernel
