// SPDX-License-Identifier: Apache-2.0
// Exceptions: the user's go to the kernel's upcall, the kernel's own end in a report.
#include <atomic>

#include "boot/text.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {

using namespace x86;

constexpr std::uint8_t kNmiVector = 2, kPageFault = 14;

// As kernel_exception in entry.S stores it.
struct KernelFrame {
  std::uint64_t rcx, rdx, r8, r9, r10, r11, r12, r13, r14, r15, rbp, rbx, rsi, rdi, rax;
  std::uint64_t error, rip, cs, rflags, rsp, ss;
};

std::string_view name_of_vector(std::uint32_t vector) noexcept {
  constexpr std::string_view kNames[] = {"divide error",
                                         "debug",
                                         "NMI",
                                         "breakpoint",
                                         "overflow",
                                         "bound",
                                         "invalid opcode",
                                         "no FPU",
                                         "double fault",
                                         "9",
                                         "invalid TSS",
                                         "segment not present",
                                         "stack fault",
                                         "general protection",
                                         "page fault",
                                         "15",
                                         "x87 error",
                                         "alignment check",
                                         "machine check",
                                         "SIMD error",
                                         "virtualization",
                                         "control protection"};
  return vector < std::size(kNames) ? kNames[vector] : "exception";
}

using Report = TextBuffer<1200>;

void describe(Report& text, const KernelFrame& frame, std::uint32_t vector) noexcept {
  text << name_of_vector(vector) << " (vector ";
  text.decimal(vector) << ", error ";
  text.hex(frame.error, 8) << ") in the kernel, cpu ";
  text.decimal(this_cpu().value()) << "\n";
  const struct {
    std::string_view name;
    std::uint64_t value;
  } registers[] = {{"rip", frame.rip},  {"rsp", frame.rsp}, {"flg", frame.rflags}, {"cs ", frame.cs},
                   {"rax", frame.rax},  {"rbx", frame.rbx}, {"rcx", frame.rcx},    {"rdx", frame.rdx},
                   {"rsi", frame.rsi},  {"rdi", frame.rdi}, {"rbp", frame.rbp},    {"r8 ", frame.r8},
                   {"r9 ", frame.r9},   {"r10", frame.r10}, {"r11", frame.r11},    {"r12", frame.r12},
                   {"r13", frame.r13},  {"r14", frame.r14}, {"r15", frame.r15},    {"cr2", read_cr2()},
                   {"cr3", read_cr3()}, {"cr4", read_cr4()}};
  unsigned column = 0;
  for (const auto& [name, value] : registers) {
    text << name << " ";
    text.hex(value) << (++column % 4 == 0 ? "\n" : "  ");
  }
  text << "\n";
}

}  // namespace

constinit std::atomic<bool> x86::stopping = false;

extern "C" [[noreturn]] void hal_user_fault(UserState& state, std::uint32_t vector) noexcept {
  const FaultInfo fault{.vector = static_cast<std::uint8_t>(vector),
                        .error_code = state.error_code(),
                        .address = vector == kPageFault ? read_cr2() : 0};
  on_user_fault(state, fault);
}

extern "C" [[noreturn]] void hal_kernel_fault(const KernelFrame& frame, std::uint32_t vector) noexcept {
  if (vector == kNmiVector && stopping.load(std::memory_order_acquire)) halt_for_ever();
  PerCpu& block = this_block();
  Report text;
  describe(text, frame, vector);
  if (block.fault_seen) {
    console_write("\ncapos: a fault while reporting a fault\n");
    console_write(text.view());
    power_off(kExitPanic);
  }
  block.fault_seen = true;
  const FaultInfo fault{.vector = static_cast<std::uint8_t>(vector),
                        .error_code = frame.error,
                        .address = vector == kPageFault ? read_cr2() : 0};
  on_kernel_fault(fault, text.view(), frame.rip, frame.rbp);
}

}  // namespace capos::hal
