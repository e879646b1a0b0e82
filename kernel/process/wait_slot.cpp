// SPDX-License-Identifier: Apache-2.0
#include "process/wait_slot.hpp"

#include "process/process.hpp"

namespace capos::kernel {

bool WaitSlot::enter(Thread& thread) noexcept {
  thread.process.acquire();
  Thread* expected = nullptr;
  if (waiter_.compare_exchange_strong(expected, &thread, std::memory_order_seq_cst)) return true;
  thread.process.release();
  return false;
}

bool WaitSlot::leave(Thread& thread) noexcept {
  Thread* expected = &thread;
  if (!waiter_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst)) return false;
  thread.process.release();
  return true;
}

}  // namespace capos::kernel
