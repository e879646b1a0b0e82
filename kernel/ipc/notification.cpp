// SPDX-License-Identifier: Apache-2.0
#include "ipc/notification.hpp"

#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/ring_state.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

void Notification::destroy() noexcept { delete_object(this); }

bool Notification::set(std::uint64_t bits) noexcept {
  if (Thread* const waiting = signal_and_take(bits); waiting != nullptr) {
    wake_for_signal(*waiting);
    return true;
  }
  return bits != 0 && wake_ring();
}

bool Notification::wake_ring() noexcept {
  if (!has_bits()) return false;
  if (ring_waiter_.load(std::memory_order_seq_cst) == nullptr) [[likely]] return false;
  Operation* const operation = ring_waiter_.exchange(nullptr, std::memory_order_seq_cst);
  if (operation == nullptr) return false;
  (void)post(operation->caller.home.cpu(), operation->mail, RingState::signal_arrived, operation);
  return true;
}

bool Notification::enter_ring(Operation& operation) noexcept {
  RingState::hold(operation);
  Operation* expected = nullptr;
  if (ring_waiter_.compare_exchange_strong(expected, &operation, std::memory_order_seq_cst)) return true;
  RingState::let_go(operation);
  return false;
}

bool Notification::leave_ring(Operation& operation) noexcept {
  Operation* expected = &operation;
  if (!ring_waiter_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst)) return false;
  RingState::let_go(operation);
  return true;
}

Outcome Notification::signal(CallContext& call, const Interface::Signal::Params::Value& params,
                             Interface::Signal::Results::Value&) noexcept {
  call.reschedule = set(params.bits);
  return Outcome::done();
}

Outcome Notification::signal(CallContext& call, const schema::NotificationSignal::Signal::Params::Value& params,
                             schema::NotificationSignal::Signal::Results::Value&) noexcept {
  call.reschedule = set(params.bits);
  return Outcome::done();
}

Outcome Notification::wait(CallContext& call, const Interface::Wait::Params::Value&,
                           Interface::Wait::Results::Value& results) noexcept {
  results.bits = take();
  if (results.bits != 0) return Outcome::done();
  if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
  if (!waiter_.enter(call.thread)) return Outcome::overloaded(schema::KernelError::busy);
  // A signal may have come between the look and the entry; whoever takes the thread out answers it.
  if (bits_.load(std::memory_order_seq_cst) != 0 && waiter_.leave(call.thread)) {
    results.bits = take();
    return Outcome::done();
  }
  await_event(call, waiter_, *this, this);
  return Outcome::blocked();
}

Outcome Notification::poll(CallContext&, const Interface::Poll::Params::Value&,
                           Interface::Poll::Results::Value& results) noexcept {
  results.bits = take();
  return Outcome::done();
}

}  // namespace capos::kernel
