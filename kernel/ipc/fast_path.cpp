// SPDX-License-Identifier: Apache-2.0
// The usual case of a signal, in as few instructions as it takes. Counts: bench/budgets.json. Bounds: O(1).
#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/notification.hpp"
#include "process/process.hpp"

namespace capos::kernel {

// Notification.signal by register, whoever waits; to a waiter that is more urgent it switches at once.
[[gnu::noinline]] void Notification::signal_fast(Thread& thread) noexcept {
  auto& words = thread.user.words();
  const std::uint64_t bits = words[0];
#pragma GCC unroll 8
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) words[i] = 0;
  thread.user.set_result(0, 0, 0);
  Thread* const waiting = signal_and_take(bits);
  if (waiting != nullptr) signalled(*waiting);
  if (ring_waiter_.load(std::memory_order_seq_cst) != nullptr) [[unlikely]] signalled_ring(bits);
  resume();
}

[[gnu::noinline]] void Notification::signalled_ring(std::uint64_t bits) noexcept {
  if (bits != 0 && wake_ring()) leave(Cpu::current(), hal::now());
  resume();
}

[[noreturn, gnu::noinline]] static void wake_elsewhere(Thread& waiting) noexcept {
  wake_for_signal(waiting);
  resume();
}

[[gnu::noinline, gnu::flatten]] void Notification::signalled(Thread& waiting) noexcept {
  Cpu& cpu = Cpu::current();
  if (!waiting.home.is(cpu.id)) [[unlikely]] wake_elsewhere(waiting);
  leave_for_signal(cpu, waiting, hal::now());
}

}  // namespace capos::kernel
