// SPDX-License-Identifier: Apache-2.0
// A user thread's machine state, and going there.
//
// Interrupts, faults and system calls from user mode save straight into the current thread's UserState; the
// kernel stack is empty at each entry. Registers of the call convention (abi/syscall.hpp) have accessors, so that
// the kernel core names no machine register.
#pragma once

#include <cstdint>

#include "capos/hal/machine.hpp"
#include "capos/hal/user_state.hpp"  // by include path: class UserState of the architecture

namespace capos::hal {

// UserState provides (hal/ARCH/include/capos/hal/user_state.hpp):
//   void start(UserAddress entry, UserAddress stack, uint64_t arg0, uint64_t arg1, uint64_t arg2) noexcept;
//   uint64_t operation() const;  uint64_t cap() const;  uint64_t interface_id() const;      // of a system call
//   uint64_t (&words())[8];      // message words; contiguous and in order, read and written in place
//   void set_result(uint64_t status_word, uint64_t cap_word, uint64_t interface_word) noexcept;
//   void redirect(UserAddress instruction, UserAddress stack) noexcept;      // goes on there, other registers as they are
//   void set_status(uint64_t status_word) noexcept;      // the others stay
//   uint64_t instruction_pointer() const;  UserAddress thread_pointer() const;  uint64_t stack_pointer() const;  uint64_t frame_pointer() const;
// Its vector state (XSAVE area) is separate, a page given to it: attach_vector_area(void* page).

class AddressSpace;  // address_space.hpp

// Makes `state` the one this CPU's next entry from user mode saves into, and its address space and vector state the
// live ones (each only if it differs from what is live). Cost: bounded, no memory allocated.
void switch_user(UserState& state, AddressSpace& space) noexcept;
// The same where `from` is live and `to` is another: nothing is looked at that the caller knows.
void switch_user_between(UserState& from, UserState& to, AddressSpace& space) noexcept;
// The register by which user code finds what is its thread's own (x86-64: FS base). Range: below abi::kUserEnd. Takes
// effect at once if the state is live. A state that was just started has 0.
void set_thread_pointer(UserState& state, UserAddress value) noexcept;
// Forgets the live vector state of a thread that dies, on this CPU.
void forget_user(UserState& state) noexcept;
// Makes no thread live: saves the live thread's vector state to its area and leaves its address space. Needed on the
// CPU where a thread was last live before another CPU may run it, or may destroy its address space.
void leave_user() noexcept;
// Enters user mode with the state given to switch_user last.
[[noreturn]] void resume_user() noexcept;

}  // namespace capos::hal
