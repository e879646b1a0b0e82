// SPDX-License-Identifier: Apache-2.0
// A user thread's registers on the simulated machine: those of the call convention, and what reports show.
//
// The driver (capos/host/machine.hpp) plays the program: it writes what a program would have in its registers when it
// enters the kernel, and reads what it finds there afterwards.
#pragma once

#include <cstdint>
#include <string_view>

#include "capos/abi/syscall.hpp"
#include "capos/hal/machine.hpp"

namespace capos::hal {

class UserState;
void set_thread_pointer(UserState& state, UserAddress value) noexcept;

class UserState {
 public:
  UserState() noexcept = default;
  // A state that is still live on a CPU must not go: the machine notes a violation.
  ~UserState();
  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;

  // As on x86-64: an entry at or above abi::kUserEnd becomes 0.
  void start(UserAddress entry, UserAddress stack, std::uint64_t arg0, std::uint64_t arg1, std::uint64_t arg2) noexcept;
  void attach_vector_area(void* page) noexcept;

  [[nodiscard]] std::uint64_t operation() const noexcept { return operation_; }
  [[nodiscard]] std::uint64_t cap() const noexcept { return cap_; }
  [[nodiscard]] std::uint64_t interface_id() const noexcept { return interface_id_; }
  [[nodiscard]] std::uint64_t (&words() noexcept)[abi::kRegisterWords] { return words_; }
  [[nodiscard]] const std::uint64_t (&words() const noexcept)[abi::kRegisterWords] { return words_; }
  void set_result(std::uint64_t status_word, std::uint64_t cap_word, std::uint64_t interface_word) noexcept {
    operation_ = status_word;
    cap_ = cap_word;
    interface_id_ = interface_word;
  }
  void set_status(std::uint64_t status_word) noexcept { operation_ = status_word; }

  void redirect(UserAddress instruction, UserAddress stack) noexcept {
    instruction_pointer_ = instruction.value();
    stack_pointer_ = stack.value();
  }

  [[nodiscard]] std::uint64_t instruction_pointer() const noexcept { return instruction_pointer_; }
  [[nodiscard]] UserAddress thread_pointer() const noexcept { return thread_pointer_; }
  [[nodiscard]] std::uint64_t stack_pointer() const noexcept { return stack_pointer_; }
  [[nodiscard]] std::uint64_t frame_pointer() const noexcept { return 0; }
  [[nodiscard]] void* vector_area() const noexcept { return vector_area_; }
  [[nodiscard]] bool register_at(unsigned index, std::string_view& name, std::uint64_t& value) const noexcept;

 private:
  friend void set_thread_pointer(UserState& state, UserAddress value) noexcept;
  void* vector_area_ = nullptr;
  std::uint64_t operation_ = 0, cap_ = 0, interface_id_ = 0;
  std::uint64_t words_[abi::kRegisterWords] = {};
  std::uint64_t instruction_pointer_ = 0, stack_pointer_ = 0;
  UserAddress thread_pointer_{};
};

}  // namespace capos::hal
