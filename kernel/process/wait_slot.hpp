// SPDX-License-Identifier: Apache-2.0
// Where one thread of any CPU waits for an event of any CPU. Wait-free.
//
// Invariant: while a thread is in the slot, the slot holds a reference on it; take() hands it on.
#pragma once

#include <atomic>

namespace capos::kernel {

class Thread;

class WaitSlot {
 public:
  // False if another thread waits already.
  [[nodiscard]] bool enter(Thread& thread) noexcept;
  // Takes the waiter out: whoever gets it owns its wake-up, and the reference.
  [[nodiscard]] Thread* take() noexcept { return waiter_.exchange(nullptr, std::memory_order_seq_cst); }
  // Takes `thread` out; false if somebody else has taken it already.
  [[nodiscard]] bool leave(Thread& thread) noexcept;

 private:
  std::atomic<Thread*> waiter_{nullptr};
};

}  // namespace capos::kernel
