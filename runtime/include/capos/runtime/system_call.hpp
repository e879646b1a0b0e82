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

// The answer to a call by register. Members, not an array: the compiler keeps them in registers.
struct WordsReply {
  std::int32_t status = 0;
  std::uint64_t exception = 0;  // of status -exception: ExceptionType and detail (abi/syscall.hpp)
  std::uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
};

// A call whose words are values: those not given are zero, and no memory is touched. Blocks as the call does. Cost here:
// one instruction a word and about six.
[[gnu::always_inline]] inline WordsReply call_words(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                                    std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                                                    std::uint64_t d = 0, std::uint64_t e = 0, std::uint64_t f = 0,
                                                    std::uint64_t g = 0, std::uint64_t h = 0) noexcept {
  std::uint64_t operation = static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{method} << 16;
  std::uint64_t name = cap.raw;
  register std::uint64_t r8 asm("r8") = b;
  register std::uint64_t r9 asm("r9") = c;
  register std::uint64_t r10 asm("r10") = d;
  register std::uint64_t r12 asm("r12") = e;
  register std::uint64_t r13 asm("r13") = f;
  register std::uint64_t r14 asm("r14") = g;
  register std::uint64_t r15 asm("r15") = h;
  asm volatile("syscall"
               : "+a"(operation), "+D"(name), "+S"(interface_id), "+d"(a), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r12),
                 "+r"(r13), "+r"(r14), "+r"(r15)
               :
               : "rcx", "r11", "memory");
  return {static_cast<std::int32_t>(operation), name, a, r8, r9, r10, r12, r13, r14, r15};
}

// Sends words one way on an endpoint: 0 once a server has taken them, or a negated TransportError. limit_us: microseconds
// to wait for one at most, 0: no limit.
inline std::int32_t send_words(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method, std::uint64_t a = 0,
                               std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
                               std::uint32_t limit_us = 0) noexcept {
  Registers registers;
  registers.operation =
      static_cast<std::uint64_t>(abi::SystemCall::send) | std::uint64_t{method} << 16 | std::uint64_t{limit_us} << 32;
  registers.cap = cap.raw;
  registers.interface_id = interface_id;
  registers.words[0] = a;
  registers.words[1] = b;
  registers.words[2] = c;
  registers.words[3] = d;
  enter_kernel(registers);
  return registers.status();
}

// Into the kernel and out again: what every entry costs.
inline std::int32_t null_system_call() noexcept {
  std::uint64_t status = static_cast<std::uint64_t>(abi::SystemCall::null);
  asm volatile("syscall" : "+a"(status) : : "rcx", "r11", "memory");
  return static_cast<std::int32_t>(status);
}

// Lets others of the same priority go first; with best-effort time, gives up the rest of its turn.
inline void yield() noexcept {
  std::uint64_t status = static_cast<std::uint64_t>(abi::SystemCall::yield);
  asm volatile("syscall" : "+a"(status) : : "rcx", "r11", "memory");
}

[[noreturn]] inline void exit_process(std::uint64_t code) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::exit);
  registers.words[0] = code;
  enter_kernel(registers);
  __builtin_unreachable();
}

// Submits what is in the ring and waits for completions, looking for further submissions meanwhile if `poll_ns` is not 0
// (abi/syscall.hpp); returns the number of completions available.
inline std::uint32_t cap_enter(std::uint64_t min_complete, std::uint64_t timeout_ns, std::uint64_t poll_ns = 0) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::cap_enter);
  registers.words[0] = min_complete;
  registers.words[1] = timeout_ns;
  registers.words[2] = poll_ns;
  enter_kernel(registers);
  return static_cast<std::uint32_t>(registers.words[0]);
}

}  // namespace capos::runtime
