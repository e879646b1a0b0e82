// SPDX-License-Identifier: Apache-2.0
// A user thread's registers on x86-64: the frame that entry.S and the processor itself write.
//
// Invariants: TSS.rsp0 points at the end of the live frame, which is 16-byte aligned, so that an interrupt
// stores nothing outside it. Segment selectors are constant. The instruction pointer is below abi::kUserEnd
// at start() and comes from the processor afterwards; no one else writes it, which is why SYSRET needs no
// check (entry.S).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "capos/abi/syscall.hpp"
#include "capos/hal/machine.hpp"

namespace capos::hal {

class AddressSpace;

class alignas(16) UserState {
 public:
  // Enters at `entry` with `stack` and three arguments; all other registers zero, interrupts on. An entry at
  // or above abi::kUserEnd becomes 0, where nothing can be mapped executable by then: the thread faults
  // there.
  void start(UserAddress entry, UserAddress stack, std::uint64_t arg0, std::uint64_t arg1,
             std::uint64_t arg2) noexcept;
  // Gives one zero-filled-or-not page of kernel memory for vector registers and sets it to the initial state.
  // To be called before the first switch_user(); the page belongs to the thread until forget_user().
  void attach_vector_area(void* page) noexcept;

  [[nodiscard]] std::uint64_t operation() const noexcept { return rax_; }
  [[nodiscard]] std::uint64_t cap() const noexcept { return rdi_; }
  [[nodiscard]] std::uint64_t interface_id() const noexcept { return rsi_; }
  [[nodiscard]] std::uint64_t (&words() noexcept)[abi::kRegisterWords] { return words_; }
  [[nodiscard]] const std::uint64_t (&words() const noexcept)[abi::kRegisterWords] { return words_; }
  void set_result(std::uint64_t status_word, std::uint64_t cap_word, std::uint64_t interface_word) noexcept {
    rax_ = status_word;
    rdi_ = cap_word;
    rsi_ = interface_word;
  }

  // Goes on at another place, all other registers as they are; the next way out restores them all. Range of both: below
  // abi::kUserEnd.
  void redirect(UserAddress instruction, UserAddress stack) noexcept {
    rip_ = instruction.value();
    rsp_ = stack.value();
    error_ = 0;  // not by SYSRET
  }
  // The status word alone; what else a system call returns stays as it came in.
  void set_status(std::uint64_t status_word) noexcept { rax_ = status_word; }

  [[nodiscard]] std::uint64_t instruction_pointer() const noexcept { return rip_; }
  [[nodiscard]] std::uint64_t stack_pointer() const noexcept { return rsp_; }
  [[nodiscard]] std::uint64_t frame_pointer() const noexcept { return rbp_; }
  [[nodiscard]] void* vector_area() const noexcept { return vector_area_; }
  [[nodiscard]] UserAddress thread_pointer() const noexcept { return UserAddress(thread_pointer_); }
  // The processor's error code, after a fault.
  [[nodiscard]] std::uint64_t error_code() const noexcept { return error_; }
  // For reports: name and value of register `index`; false past the last.
  [[nodiscard]] bool register_at(unsigned index, std::string_view& name, std::uint64_t& value) const noexcept;

 private:
  friend void hal_entry_layout_checks();
  friend void set_thread_pointer(UserState& state, UserAddress value) noexcept;

  void* vector_area_ = nullptr;
  std::uint64_t thread_pointer_ = 0;  // FS base: the kernel alone changes it (CR4.FSGSBASE is off), so it is never read back
  std::uint64_t reserved_ = 0;
  std::uint64_t rcx_ = 0, r11_ = 0;
  std::uint64_t words_[abi::kRegisterWords] = {};  // rdx r8 r9 r10 r12 r13 r14 r15
  std::uint64_t rbp_ = 0, rbx_ = 0, rsi_ = 0, rdi_ = 0, rax_ = 0;
  std::uint64_t error_ = 0;
  std::uint64_t rip_ = 0, cs_ = 0, rflags_ = 0, rsp_ = 0, ss_ = 0;
};

}  // namespace capos::hal
