// SPDX-License-Identifier: Apache-2.0
// User threads: their first state, and which of them is live on a CPU.
//
// Vector state is eager: it is saved and loaded whenever the live thread changes, never later, so no thread
// can see another's. XSAVEOPT's "modified since XRSTOR" tracking is safe because each arrival does an XRSTOR.
#include "capos/hal/thread.hpp"

#include <array>
#include <string_view>

#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {

void hal_entry_layout_checks() {
  static_assert(offsetof(UserState, words_) == CAPOS_FRAME_WORDS);
  static_assert(offsetof(UserState, error_) == CAPOS_FRAME_ERROR);
  static_assert(offsetof(UserState, ss_) == CAPOS_FRAME_SS);
  static_assert(sizeof(UserState) == CAPOS_FRAME_END);
}

void UserState::start(UserAddress entry, UserAddress stack, std::uint64_t arg0, std::uint64_t arg1,
                      std::uint64_t arg2) noexcept {
  constexpr std::uint64_t kInterruptsOn = 0x202;
  void* const area = vector_area_;
  *this = {};
  vector_area_ = area;
  rip_ = entry.value() < abi::kUserEnd ? entry.value() : 0;
  rsp_ = stack.value();
  cs_ = CAPOS_USER_CODE;
  ss_ = CAPOS_USER_DATA;
  rflags_ = kInterruptsOn;
  rdi_ = arg0;
  rsi_ = arg1;
  words_[0] = arg2;
}

void UserState::attach_vector_area(void* page) noexcept {
  vector_area_ = page;
  if (page == nullptr) return;
  __builtin_memset(page, 0, kPageSize);
  // XRSTOR takes MXCSR from memory even when the header says "initial state" (SDM vol. 1, 13.8).
  *reinterpret_cast<std::uint16_t*>(page) = 0x37f;
  *reinterpret_cast<std::uint32_t*>(static_cast<char*>(page) + 24) = 0x1f80;
}

bool UserState::register_at(unsigned index, std::string_view& name, std::uint64_t& value) const noexcept {
  constexpr std::array<std::string_view, 18> kNames = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                                       "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                       "r12", "r13", "r14", "r15", "rip", "flags"};
  const std::uint64_t values[] = {rax_,      rbx_,      rcx_,      words_[0], rsi_,      rdi_,
                                  rbp_,      rsp_,      words_[1], words_[2], words_[3], r11_,
                                  words_[4], words_[5], words_[6], words_[7], rip_,      rflags_};
  if (index >= kNames.size()) return false;
  name = kNames[index];
  value = values[index];
  return true;
}

namespace {

using namespace x86;

constinit bool optimised_save = false;

inline void save_vectors(void* area) noexcept {
  if (optimised_save) [[likely]] {
    asm volatile("xsaveopt64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
  } else {
    asm volatile("xsave64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
  }
}
inline void load_vectors(void* area) noexcept {
  asm volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}

inline void load_thread_pointer(PerCpu& block, std::uint64_t value) noexcept {
  constexpr std::uint32_t kFsBase = 0xc0000100;
  if (block.thread_pointer == value) [[likely]] return;
  block.thread_pointer = value;
  write_msr(kFsBase, value);
}

inline void load_space(PerCpu& block, std::uint64_t root) noexcept {
  if (block.root == root) return;
  block.root = root;
  write_cr3(root);
}

}  // namespace

void x86::choose_vector_save() noexcept { optimised_save = (cpuid(0xd, 1).eax & 1) != 0; }

void switch_user(UserState& state, AddressSpace& space) noexcept {
  PerCpu& block = this_block();
  load_space(block, space.root().value());
  UserState* const old = block.live;
  if (old == &state) return;
  block.live = &state;
  const auto frame = reinterpret_cast<std::uint64_t>(&state);
  block.live_words = frame + CAPOS_FRAME_WORDS;
  block.syscall_top = frame + CAPOS_FRAME_SS;
  block.task_state.rsp0 = frame + CAPOS_FRAME_END;
  load_thread_pointer(block, state.thread_pointer_);
  if (old != nullptr) save_vectors(old->vector_area());
  load_vectors(state.vector_area());
}

void set_thread_pointer(UserState& state, UserAddress value) noexcept {
  state.thread_pointer_ = value.value();
  PerCpu& block = this_block();
  if (block.live == &state) load_thread_pointer(block, value.value());
}

void forget_user(UserState& state) noexcept {
  PerCpu& block = this_block();
  if (block.live != &state) return;
  block.live = nullptr;
  load_space(block, kernel_root());
}

void leave_user() noexcept {
  PerCpu& block = this_block();
  if (block.live != nullptr) save_vectors(block.live->vector_area());
  block.live = nullptr;
  load_space(block, kernel_root());
}

}  // namespace capos::hal
