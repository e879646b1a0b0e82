// SPDX-License-Identifier: Apache-2.0
// One CPU's block, found through GS in the kernel, at the start of the CPU's window (layout.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "capos/hal/user_state.hpp"
#include "layout.h"

namespace capos::hal::x86 {

struct [[gnu::packed]] TaskState {
  std::uint32_t reserved0;
  std::uint64_t rsp0;  // end of the live user frame
  std::uint64_t rsp1, rsp2, reserved1;
  std::uint64_t ist[7];  // double fault, NMI, machine check, unused
  std::uint64_t reserved2;
  std::uint16_t reserved3;
  std::uint16_t io_map;  // past the limit: no ports for user mode
};
static_assert(sizeof(TaskState) == 104);

struct PerCpu {
  UserState* live;            // whose frame SYSCALL stores into; null: none, user mode cannot run
  std::uint64_t scratch;      // user's stack pointer while SYSCALL stores it
  std::uint64_t stack_top;
  void* local;  // the kernel's own
  std::uint32_t number;
  std::uint32_t apic_id;
  PerCpu* self;
  std::uint64_t root;  // CR3
  std::uint64_t thread_pointer;  // FS base, what the register holds
  Time far_deadline;   // what a far timer waits for
  bool far_timer;      // LVT holds the far vector
  bool fault_seen;     // a second kernel fault stops here
  alignas(16) std::uint64_t gdt[8];
  alignas(128) TaskState task_state;  // 104 bytes on one page, as the SDM asks
};
static_assert(offsetof(PerCpu, live) == CAPOS_CPU_LIVE);
static_assert(offsetof(PerCpu, scratch) == CAPOS_CPU_SCRATCH);
static_assert(offsetof(PerCpu, stack_top) == CAPOS_CPU_STACK_TOP);
static_assert(offsetof(PerCpu, local) == CAPOS_CPU_LOCAL);
static_assert(offsetof(PerCpu, number) == CAPOS_CPU_NUMBER);
static_assert(offsetof(PerCpu, self) == CAPOS_CPU_SELF);
static_assert(sizeof(PerCpu) <= CAPOS_BLOCK_PAGES * kPageSize);

// The block of this CPU. One load; the same for as long as a kernel path lasts.
[[nodiscard]] inline PerCpu& this_block() noexcept {
  PerCpu* self;
  asm("mov %%gs:%c1, %0" : "=r"(self) : "i"(CAPOS_CPU_SELF));
  return *self;
}

[[nodiscard]] inline PerCpu& block_of(CpuId cpu) noexcept {
  return *reinterpret_cast<PerCpu*>(CAPOS_PER_CPU_BASE + std::uint64_t{cpu.value()} * CAPOS_PER_CPU_STRIDE);
}

}  // namespace capos::hal::x86
