// SPDX-License-Identifier: Apache-2.0
// The system calls themselves: registers in, registers out (abi/syscall.hpp).
#pragma once

#include <cstdint>

#include "capos/abi/syscall.hpp"

namespace capos::runtime {

// What goes into the kernel and what comes back.
struct Registers {
  std::uint64_t operation = 0;     // in: SystemCall | method << 16 (| exception for replies); out: status word
  std::uint64_t cap = 0;           // in: CapId; out: exception word, or the caller's number
  std::uint64_t interface_id = 0;
  std::uint64_t words[abi::kRegisterWords] = {};

  [[nodiscard]] std::int32_t status() const noexcept { return static_cast<std::int32_t>(operation); }
};

// Blocks as the operation does. Cost: the kernel's path, and about 30 instructions here.
inline void enter_kernel(Registers& registers) noexcept {
  register std::uint64_t r8 asm("r8") = registers.words[1];
  register std::uint64_t r9 asm("r9") = registers.words[2];
  register std::uint64_t r10 asm("r10") = registers.words[3];
  register std::uint64_t r12 asm("r12") = registers.words[4];
  register std::uint64_t r13 asm("r13") = registers.words[5];
  register std::uint64_t r14 asm("r14") = registers.words[6];
  register std::uint64_t r15 asm("r15") = registers.words[7];
  asm volatile("syscall"
               : "+a"(registers.operation), "+D"(registers.cap), "+S"(registers.interface_id),
                 "+d"(registers.words[0]), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
               :
               : "rcx", "r11", "memory");
  registers.words[1] = r8;
  registers.words[2] = r9;
  registers.words[3] = r10;
  registers.words[4] = r12;
  registers.words[5] = r13;
  registers.words[6] = r14;
  registers.words[7] = r15;
}

[[noreturn]] inline void exit_process(std::uint64_t code) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::exit);
  registers.words[0] = code;
  enter_kernel(registers);
  __builtin_unreachable();
}

// Submits what is in the ring; returns the number of completions available.
inline std::uint32_t cap_enter(std::uint32_t min_complete, std::uint64_t timeout_ns) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::cap_enter);
  registers.words[0] = min_complete;
  registers.words[1] = timeout_ns;
  enter_kernel(registers);
  return static_cast<std::uint32_t>(registers.words[0]);
}

}  // namespace capos::runtime
