// SPDX-License-Identifier: Apache-2.0
#include "process/wait_slot.hpp"

#include "process/thread.hpp"

namespace capos::kernel {

bool WaitSlot::enter(Thread& thread) noexcept {
  thread.acquire();
  Thread* expected = nullptr;
  if (waiter_.compare_exchange_strong(expected, &thread, std::memory_order_seq_cst)) return true;
  thread.release();
  return false;
}

bool WaitSlot::leave(Thread& thread) noexcept {
  Thread* expected = &thread;
  if (!waiter_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst)) return false;
  thread.release();
  return true;
}

}  // namespace capos::kernel
