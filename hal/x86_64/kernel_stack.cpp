// SPDX-License-Identifier: Apache-2.0
// Where a CPU's kernel stack and the kernel's code are, and leaving a stack for a pending interrupt.
#include "capos/hal/machine.hpp"
#include "internal.hpp"
#include "per_cpu.hpp"

// Of the linker script.
extern "C" const char hal_image_start[];
extern "C" const char hal_text_end[];

namespace capos::hal {

bool is_kernel_stack(std::uint64_t address) noexcept {
  constexpr std::uint64_t kEnd = CAPOS_PER_CPU_BASE + std::uint64_t{kMaxCpus} * CAPOS_PER_CPU_STRIDE;
  if (address % 8 != 0 || address < CAPOS_PER_CPU_BASE || address >= kEnd) return false;
  const std::uint64_t within = (address - CAPOS_PER_CPU_BASE) % CAPOS_PER_CPU_STRIDE;
  return within >= CAPOS_STACK_BOTTOM && within <= CAPOS_STACK_TOP - 16;
}

bool is_kernel_code(std::uint64_t address) noexcept {
  return address >= reinterpret_cast<std::uint64_t>(hal_image_start) &&
         address < reinterpret_cast<std::uint64_t>(hal_text_end);
}

// The instruction after STI still runs with interrupts held; the one after that takes them (Intel SDM, STI).
void interrupt_window() noexcept { asm volatile("sti; nop; cli" : : : "memory"); }

void go_on_in(void (*function)() noexcept) noexcept {
  x86::hal_continue_on(x86::this_block().stack_top - 8, reinterpret_cast<void (*)()>(function));
  __builtin_unreachable();
}

}  // namespace capos::hal
