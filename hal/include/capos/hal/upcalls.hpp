// SPDX-License-Identifier: Apache-2.0
// What the HAL calls in the kernel. Each runs on the CPU's kernel stack, interrupts off, and ends in
// resume_user() or idle(). Time stamps are taken first thing by the callee.
#pragma once

#include <cstdint>

#include "capos/hal/thread.hpp"

namespace capos::hal {

struct FaultInfo {
  std::uint8_t vector = 0;         // x86: exception vector
  std::uint64_t error_code = 0;
  std::uint64_t address = 0;       // of a page fault
};

// Boot CPU, once, everything of this header usable. Interrupts off.
[[noreturn]] void kernel_main(const BootInfo& boot) noexcept;
// An application processor that start_cpu() woke.
[[noreturn]] void on_cpu_started(CpuId cpu) noexcept;

// From user mode, state saved in the live UserState.
[[noreturn]] void on_system_call(UserState& state) noexcept;
[[noreturn]] void on_user_fault(UserState& state, const FaultInfo& fault) noexcept;

// From user mode or from idle().
[[noreturn]] void on_timer() noexcept;
[[noreturn]] void on_mailbox() noexcept;
// `number` as in devices.hpp; a level line is masked by then.
[[noreturn]] void on_device_interrupt(std::uint8_t number) noexcept;
[[noreturn]] void on_spurious() noexcept;

// A fault in the kernel, an NMI or a machine check: prints registers (`registers` is text the HAL has made), the stack
// and the last trace events, stops the other CPUs, powers off with kExitPanic.
[[noreturn]] void on_kernel_fault(const FaultInfo& fault, std::string_view registers, std::uint64_t instruction_pointer,
                                  std::uint64_t frame_pointer) noexcept;

}  // namespace capos::hal
