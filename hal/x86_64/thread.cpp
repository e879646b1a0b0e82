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
  static_assert(offsetof(UserState, rcx_) == CAPOS_FRAME_RCX);
  static_assert(offsetof(UserState, r11_) == CAPOS_FRAME_R11);
  static_assert(offsetof(UserState, words_) == CAPOS_FRAME_WORDS);
  static_assert(offsetof(UserState, rbp_) == CAPOS_FRAME_RBP);
  static_assert(offsetof(UserState, rbx_) == CAPOS_FRAME_RBX);
  static_assert(offsetof(UserState, rsi_) == CAPOS_FRAME_RSI);
  static_assert(offsetof(UserState, rdi_) == CAPOS_FRAME_RDI);
  static_assert(offsetof(UserState, rax_) == CAPOS_FRAME_RAX);
  static_assert(offsetof(UserState, error_) == CAPOS_FRAME_ERROR);
  static_assert(offsetof(UserState, rip_) == CAPOS_FRAME_RIP);
  static_assert(offsetof(UserState, rflags_) == CAPOS_FRAME_RFLAGS);
  static_assert(offsetof(UserState, rsp_) == CAPOS_FRAME_RSP);
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

// XSAVE, of which hal_boot() makes XSAVEOPT where the CPU has it (patch_entries).
#define CAPOS_SAVE_VECTORS "771: xsave64 (%0)\n.pushsection .xsave_sites, \"a\"\n.quad 771b\n.popsection\n"

inline void save_vectors(void* area) noexcept {
  asm volatile(CAPOS_SAVE_VECTORS ::"r"(area), "a"(-1), "d"(-1) : "memory");
}
inline void load_vectors(void* area) noexcept {
  asm volatile("xrstor64 (%0)" ::"r"(area), "a"(-1), "d"(-1) : "memory");
}
inline void change_vectors(void* from, void* to) noexcept {
  asm volatile(CAPOS_SAVE_VECTORS "xrstor64 (%1)" ::"r"(from), "r"(to), "a"(-1), "d"(-1) : "memory");
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

// The next entry from user mode stores there.
inline void make_live(PerCpu& block, UserState& state) noexcept {
  block.live = &state;
  block.task_state.rsp0 = reinterpret_cast<std::uint64_t>(&state) + CAPOS_FRAME_END;
  load_thread_pointer(block, state.thread_pointer().value());
}

}  // namespace

void switch_user(UserState& state, AddressSpace& space) noexcept {
  PerCpu& block = this_block();
  load_space(block, space.root().value());
  UserState* const old = block.live;
  if (old == &state) return;
  make_live(block, state);
  if (old != nullptr) save_vectors(old->vector_area());
  load_vectors(state.vector_area());
}

void switch_user_between(UserState& from, UserState& to, AddressSpace& space) noexcept {
  PerCpu& block = this_block();
  load_space(block, space.root().value());
  make_live(block, to);
  change_vectors(from.vector_area(), to.vector_area());
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
