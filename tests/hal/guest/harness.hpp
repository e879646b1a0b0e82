// SPDX-License-Identifier: Apache-2.0
// What the conformance tests share: events, threads made by hand, verdicts on the console.
#pragma once

#include <cstdint>
#include <string_view>

#include "capos/hal/address_space.hpp"
#include "capos/hal/upcalls.hpp"

// A program of programs.S by name.
#define PROGRAM(name)                                                                                        \
  ([] {                                                                                                      \
    extern const char program_##name[] asm("user_" #name), program_##name##_end[] asm("user_" #name "_end"); \
    return std::string_view(program_##name,                                                                  \
                            static_cast<std::size_t>(program_##name##_end - program_##name));                \
  }())

namespace guest {

using namespace capos;
using namespace capos::hal;

enum class Kind : std::uint8_t { none, system_call, fault, timer, mailbox, device, spurious };

// The last upcall on the boot CPU.
struct Event {
  Kind kind = Kind::none;
  UserState* state = nullptr;
  FaultInfo fault;
  std::uint64_t flags = 0;  // of the kernel at the upcall
  std::uint64_t stack = 0;  // its stack pointer
  Time when;
};

const Event& run_user() noexcept;  // until the next upcall
const Event& run_idle() noexcept;
// While set, system calls on the boot CPU return at once (for counting instructions).
extern bool answer_at_once;

void check(std::string_view name, bool good) noexcept;
void report(std::string_view name, std::uint64_t value, std::string_view unit) noexcept;
[[nodiscard]] unsigned failures() noexcept;

// Frames out of the boot RAM, counted.
class Frames final : public FrameSource {
 public:
  PhysicalAddress allocate() noexcept override;
  void release(PhysicalAddress frame) noexcept override;
  void use(const BootInfo& boot) noexcept;
  std::uint64_t in_use = 0;
  std::uint64_t limit = ~std::uint64_t{0};  // allocate() fails above this many in use

 private:
  std::uint64_t next_ = 0, end_ = 0, free_ = 0;
};
extern Frames frames;

inline constexpr UserAddress kCode{0x40'0000}, kData{0x50'0000}, kStack{0x7f'f000};
inline constexpr std::uint64_t kStackTop = kStack.value() + kPageSize;

// A process of one thread: a code, a data and a stack page.
class Process {
 public:
  explicit Process(std::string_view program, std::uint64_t argument = 0) noexcept;
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void enter() noexcept { switch_user(state_, space_); }  // makes it live
  const Event& run() noexcept;                            // makes it live, runs it until the next upcall
  [[nodiscard]] UserState& state() noexcept { return state_; }
  [[nodiscard]] AddressSpace& space() noexcept { return space_; }
  [[nodiscard]] std::uint64_t* page(UserAddress at) noexcept;

 private:
  void add(UserAddress at, Protection protection, std::string_view content) noexcept;
  UserState state_;
  AddressSpace space_;
  PhysicalAddress vectors_;
};

[[nodiscard]] inline bool is_call(const Event& event, std::uint64_t operation) noexcept {
  return event.kind == Kind::system_call && event.state->operation() == operation;
}

// The tests, in their files.
void test_threads(const BootInfo& boot) noexcept;
void test_hostile_programs() noexcept;
void test_vectors(const BootInfo& boot) noexcept;
void test_address_spaces() noexcept;
void test_clock(const BootInfo& boot) noexcept;
void test_timer() noexcept;
// With budgets: counts are instructions (the deterministic machine) and must not exceed what is promised.
void test_path_lengths(bool budgets) noexcept;
void test_boot(const BootInfo& boot) noexcept;
void test_other_cpus(const BootInfo& boot) noexcept;
// Does what `name` says and must not come back; on_kernel_fault() judges.
void provoke_kernel_fault(std::string_view name) noexcept;
[[noreturn]] void judge_kernel_fault(const FaultInfo& fault, std::string_view registers) noexcept;
// Upcalls on other CPUs.
[[noreturn]] void other_cpu_started(CpuId cpu) noexcept;
[[noreturn]] void other_cpu_event(Kind kind) noexcept;

}  // namespace guest
