// SPDX-License-Identifier: Apache-2.0
// Waiting for a release by hand, for programs that measure how long it took to reach them.
#pragma once

#include <cstdint>

#include "capos/runtime/capability.hpp"
#include "capos/runtime/system_call.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::runtime {

struct StampedRelease {
  std::int32_t status = 0;          // 0, or a negated TransportError: retired
  std::uint64_t ticks = 0;          // time stamp counter
  std::uint64_t scheduled_ns = 0;   // the release, in the kernel's time
};

// SchedulingContext.waitNextRelease. Between the return from the kernel and RDTSC there is one instruction, which saves the status
// that RDTSC would overwrite. (Registers: abi/syscall.hpp.) On a thread that runs on `context`.
[[nodiscard]] inline StampedRelease wait_stamped_release(abi::CapId context) noexcept {
  using Wait = schema::SchedulingContext::WaitNextRelease;
  std::uint64_t a = static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{Wait::kOrdinal} << 16;
  std::uint64_t d = 0, status = 0, cap = context.raw, interface_id = Wait::kInterfaceId;
  register std::uint64_t scheduled asm("r8") = 0;
  asm volatile("syscall\n\tmovq %%rax, %%rcx\n\trdtsc"
               : "+a"(a), "+d"(d), "=&c"(status), "+D"(cap), "+S"(interface_id), "+r"(scheduled)
               :
               : "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
  return {static_cast<std::int32_t>(status), d << 32 | (a & 0xffff'ffff), scheduled};
}

}  // namespace capos::runtime
