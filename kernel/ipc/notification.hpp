// SPDX-License-Identifier: Apache-2.0
// A word of event bits: any CPU signals, one thread waits, and one ring. The thread goes first. Wait-free on all sides.
#pragma once

#include "core/cpu.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Operation;

class Notification final : public TypedObject<Notification, schema::Notification> {
 public:
  static constexpr ObjectType kType = ObjectType::notification;
  using Interface = schema::Notification;
  Notification() noexcept : TypedObject(kType) {}

  // Takes all bits.
  [[nodiscard]] std::uint64_t take() noexcept { return bits_.exchange(0, std::memory_order_seq_cst); }
  // Sets bits; takes the thread out that waits, if one does: whoever gets it ends its wait.
  [[nodiscard]] Thread* signal_and_take(std::uint64_t bits) noexcept {
    if (bits == 0) return nullptr;
    bits_.fetch_or(bits, std::memory_order_seq_cst);
    return waiter_.take();
  }
  // After bits were set and no thread waited: completes the ring operation that does. True if there was one.
  bool wake_ring() noexcept;
  [[nodiscard]] bool has_bits() const noexcept { return bits_.load(std::memory_order_seq_cst) != 0; }
  // For a ring's NOTIFY, on its CPU: while the operation is in the slot, the next signal takes it out and completes it.
  // It then counts among its ring's holders, and holds its thread and process. False if another is there.
  [[nodiscard]] bool enter_ring(Operation& operation) noexcept;
  // Takes it out; false if a signal has.
  [[nodiscard]] bool leave_ring(Operation& operation) noexcept;
  // Sets bits and wakes the waiter. True if that may have changed what this CPU should run.
  bool set(std::uint64_t bits) noexcept;

  // A thread's call of signal() by register (fast_path.cpp).
  [[noreturn]] void signal_fast(Thread& thread) noexcept;

  Outcome signal(CallContext&, const Interface::Signal::Params::Value&, Interface::Signal::Results::Value&) noexcept;
  Outcome signal(CallContext&, const schema::NotificationSignal::Signal::Params::Value&,
                 schema::NotificationSignal::Signal::Results::Value&) noexcept;
  Outcome wait(CallContext&, const Interface::Wait::Params::Value&, Interface::Wait::Results::Value&) noexcept;
  Outcome poll(CallContext&, const Interface::Poll::Params::Value&, Interface::Poll::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  // What remains of signal_fast when a thread was taken out, or a ring's operation is there.
  [[noreturn]] void signalled(Thread& waiting) noexcept;
  [[noreturn]] void signalled_ring(std::uint64_t bits) noexcept;
  std::atomic<std::uint64_t> bits_{0};
  WaitSlot waiter_;
  std::atomic<Operation*> ring_waiter_{nullptr};
};

}  // namespace capos::kernel
