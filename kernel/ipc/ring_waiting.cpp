// SPDX-License-Identifier: Apache-2.0
// Operations that wait for time or for somebody else: TIMEOUT, LINK_TIMEOUT, NOTIFY, PARK; and UNPARK.
#include <utility>

#include "ipc/notification.hpp"
#include "ipc/park.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using abi::RingOperation;
using schema::KernelError;
using schema::TransportError;

namespace {

abi::CapCqe completion_at(Time now) noexcept {
  abi::CapCqe completion{};
  completion.value = now.ns();
  return completion;
}

}  // namespace

// --- time

void RingState::start_timeout(Operation& operation, Time now) noexcept {
  const Time until = Time::from_ns(operation.sqe.cap);
  if (until <= now) return end(operation, completion_at(now), now);
  timers_.insert(operation, until);
}

// A portion of those that are due. For the rest: in cap_enter there is more to do; else their thread's timeout is due at once.
void RingState::fire_timers(Time now) noexcept {
  for (unsigned left = kTimersAtOnce; left != 0 && timers_.earliest_time() <= now; --left) {
    Operation& operation = *timers_.earliest();
    timers_.remove(operation);
    switch (operation.kind_of()) {
      case RingOperation::link_timeout: fire_link_timeout(operation, now); break;
      case RingOperation::park:
        // Else it has been woken, and its mail is under way.
        if (leave_park(operation)) end(operation, Outcome::transport(TransportError::timeout), now);
        break;
      default: end(operation, completion_at(now), now);
    }
  }
  unfinished_ = unfinished_ || timers_.earliest_time() <= now;
}

// What it watches has been taken before it, and has not ended.
void RingState::accept_link_timeout(Operation& timeout, Operation& watched, Time now) noexcept {
  constexpr std::uint8_t kKnown = abi::kSqeLink | abi::kSqeQuiet;
  if ((timeout.sqe.flags & ~kKnown) != 0 || timeout.sqe.pipeline_field != 0 || is_link_timeout(watched)) {
    timeout.sqe.operation = kNoOperation;
    return;
  }
  timeout.completion = {};
  timeout.dependency = &watched;
  if (watched.state != OperationState::held && watched.state != OperationState::ready) arm_link_timeout(timeout, now);
}

// What it watches has been started, and is under way.
void RingState::arm_link_timeout(Operation& timeout, Time now) noexcept {
  timeout.state = OperationState::open;
  if (timeout.called_off != TransportError::none) return;  // it ends with what it watches
  const Time until = Time::from_ns(timeout.sqe.cap);
  if (until <= now) return fire_link_timeout(timeout, now);
  timers_.insert(timeout, until);
}

void RingState::fire_link_timeout(Operation& timeout, Time now) noexcept {
  timeout.completion.value = now.ns();
  call_off(*timeout.dependency, TransportError::timeout, now);
}

void RingState::end_link_timeout(Operation& timeout, bool succeeded) noexcept {
  if (timeout.queued()) timers_.remove(timeout);
  --open_count_;
  if (timeout.has(abi::kSqeQuiet)) return give_back(timeout);
  const std::uint64_t fired_at = succeeded ? 0 : timeout.completion.value;
  timeout.completion = {};
  timeout.completion.user_data = timeout.sqe.user_data;
  timeout.completion.value = fired_at;
  if (fired_at == 0) timeout.completion.result = -static_cast<std::int32_t>(TransportError::cancelled);
  put_out(timeout);
}

void RingState::pass_link_timeout(Operation& timeout) noexcept {
  if (chain_tail_ == &timeout) chain_tail_ = nullptr;
  timeout.completion = {};
  end_link_timeout(timeout, true);
}

void RingState::cancel_link_timeout(Operation& timeout) noexcept {
  chain_broken_ = std::exchange(chain_tail_, nullptr) == &timeout;
  timeout.completion = {};
  end_link_timeout(timeout, false);
}

// --- events

void RingState::start_notify(Operation& operation, Time now) noexcept {
  auto* const notification = thread.process.capabilities().find_object<Notification>(abi::CapId{operation.sqe.cap});
  if (notification == nullptr) return end(operation, Outcome::transport(TransportError::invalid_cap), now);
  operation.object = Ref<Object>::share(*notification);
  enter_lease(operation, thread.process.capabilities().lease_of(abi::CapId{operation.sqe.cap}));
  if (!notification->enter_ring(operation)) return end(operation, Outcome::overloaded(KernelError::busy), now);
  // A signal may have come before; whoever takes the operation out of the slot completes it.
  if (notification->has_bits() && notification->leave_ring(operation)) take_signal(operation, now);
}

// The operation is out of the slot: completes it with the bits, and puts a multishot one back.
void RingState::take_signal(Operation& operation, Time now) noexcept {
  auto& notification = static_cast<Notification&>(*operation.object);
  const TransportError called_off = operation.called_off;
  abi::CapCqe completion{};
  completion.value = notification.take();
  // Bits that were on their way when it was called off are not lost.
  if (completion.value == 0) completion.result = -static_cast<std::int32_t>(called_off);
  // Somebody else has taken them, or an earlier wake-up: it waits on.
  const bool nothing = completion.value == 0 && called_off == TransportError::none;
  const bool goes_on = nothing || (operation.has(abi::kSqeMultishot) && called_off == TransportError::none && room() > 0 &&
                                   overflow_.empty());
  if (!goes_on) return end(operation, completion, now);
  if (!nothing) {
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

void RingState::start_park(Operation& operation, Time now) noexcept {
  const std::uint64_t until = operation.sqe.deadline_ns;
  const bool over = until != 0 && until <= now.ns();
  enter_lease(operation, thread.process.capabilities().lease_of(abi::CapId{operation.sqe.cap}));
  const Outcome parked = park_by_ring(operation, over ? Outcome::transport(TransportError::timeout) : Outcome::done());
  if (parked.kind() != Outcome::Kind::done) return end(operation, parked, now);
  if (until != 0) timers_.insert(operation, Time::from_ns(until));
}

void RingState::start_unpark(Operation& operation, Time now) noexcept {
  std::uint32_t woken = 0;
  const Outcome outcome = unpark_by_ring(operation, progress_, woken);
  must_schedule_ = must_schedule_ || woken != 0;
  if (outcome.kind() == Outcome::Kind::unfinished) return go_on_later(operation);
  if (progress_.begun) drop_progress();
  if (outcome.kind() != Outcome::Kind::done) return end(operation, outcome, now);
  abi::CapCqe completion{};
  completion.value = woken;
  end(operation, completion, now);
}

// --- from elsewhere

void RingState::hold(Operation& operation) noexcept {
  operation.caller.process.acquire();
  operation.caller.acquire();
  operation.ring.holders.fetch_add(1, std::memory_order_relaxed);
}

void RingState::let_go(Operation& operation) noexcept {
  Process& process = operation.caller.process;
  operation.ring.holders.fetch_sub(1, std::memory_order_relaxed);
  operation.caller.release();
  process.release();
}

void RingState::arrived(Operation& operation, void (RingState::*take)(Operation&, Time) noexcept) noexcept {
  RingState& ring = operation.ring;
  Thread& waiter = operation.caller;
  Process& process = waiter.process;
  if (ring.alive()) {
    const Time now = hal::now();
    (ring.*take)(operation, now);
    (void)ring.poke(Cpu::current(), now);
  } else {
    operation.object = {};
  }
  release(ring, process.pages());
  waiter.release();
  process.release();
}

void RingState::signal_arrived(void* subject) noexcept {
  arrived(*static_cast<Operation*>(subject), &RingState::take_signal);
}

void RingState::unparked(void* subject) noexcept { arrived(*static_cast<Operation*>(subject), &RingState::take_unpark); }

void RingState::take_unpark(Operation& operation, Time now) noexcept {
  if (operation.queued()) timers_.remove(operation);
  end(operation, Outcome::done(), now);
}

}  // namespace capos::kernel
