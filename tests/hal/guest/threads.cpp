// SPDX-License-Identifier: Apache-2.0
// System calls, interrupts and faults of single user threads.
#include "harness.hpp"

namespace guest {
namespace {

constexpr std::uint8_t kDivide = 0, kDebug = 1, kBreakpoint = 3, kInvalid = 6, kProtection = 13, kPage = 14;
constexpr std::uint64_t kPresent = 1, kWrite = 2, kUserMode = 4, kFetch = 16;
// Interrupts, direction, trap, nested task, alignment check.
constexpr std::uint64_t kBaseFlags = 0x200 | 0x400 | 0x100 | 0x4000, kAlignment = 0x40000;
constinit std::uint64_t unwanted_flags = kBaseFlags;

bool faults(const Event& event, std::uint8_t vector) noexcept {
  return event.kind == Kind::fault && event.fault.vector == vector;
}
bool page_fault(const Event& event, std::uint64_t address, std::uint64_t code) noexcept {
  return faults(event, kPage) && event.fault.address == address && event.fault.error_code == code;
}

bool on_own_stack(const Event& event) noexcept {
  const std::uint64_t in_window = event.stack & 0xffff'ffff'fffe'0000;
  return in_window == 0xffff'ffff'c000'0000 && (event.stack & 0x1ffff) > 0x7e00 &&
         (event.stack & 0x1ffff) < 0x8000;
}

void test_entry() noexcept {
  Process process(PROGRAM(entry));
  check("a new thread's registers are zero", is_call(process.run(), 77));
  UserState& state = process.state();
  state.start(UserAddress{0xffff'8000'0000'0000}, UserAddress{kStackTop}, 0, 0, 0);
  check("an entry in the kernel half is refused", page_fault(run_user(), 0, kUserMode | kFetch));
}

bool arrived(UserState& state) noexcept {
  const std::uint64_t expected[] = {0x1004, 0x1008, 0x1009, 0x100a, 0x100c, 0x100d, 0x100e, 0x100f};
  for (unsigned i = 0; i < abi::kRegisterWords; ++i)
    if (state.words()[i] != expected[i]) return false;
  return state.operation() == 0x1001 && state.cap() == 0x1006 && state.interface_id() == 0x1005;
}

void test_system_call() noexcept {
  Process process(PROGRAM(registers));
  const Event& event = process.run();
  check("a system call's registers arrive", event.kind == Kind::system_call && arrived(*event.state));
  check("the kernel's flags are clean in a system call", (event.flags & unwanted_flags) == 0);
  check("a system call starts on an empty kernel stack", on_own_stack(event));
  check("frame pointer and stack pointer are told",
        event.state->frame_pointer() == 0x1007 && event.state->stack_pointer() == kStackTop);
  event.state->set_result(0x2001, 0x2002, 0x2003);
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) event.state->words()[i] = 0x3000 + i;
  check("results return, the rest is preserved", is_call(run_user(), 78));
}

void test_interrupts() noexcept {
  Process process(PROGRAM(interrupted));
  process.enter();
  bool good = true;
  for (std::int64_t i = 0; i < 200 && good; ++i) {
    arm_timer(now() + Duration::ns(500 + 7 * i));
    const Event& event = run_user();
    good = event.kind == Kind::timer && (event.flags & unwanted_flags) == 0 && on_own_stack(event);
  }
  check("200 interrupts leave a program's registers alone", good);
  check("and it made progress", process.page(kStack)[kPageSize / 8 - 1] > 100);
}

void expect_fault(std::string_view name, std::string_view program, std::uint8_t vector) noexcept {
  Process process(program);
  check(name, faults(process.run(), vector));
}

void test_faults() noexcept {
  expect_fault("fault: undefined instruction", PROGRAM(undefined), kInvalid);
  expect_fault("fault: breakpoint", PROGRAM(breakpoint), kBreakpoint);
  expect_fault("fault: division by zero", PROGRAM(divide), kDivide);
  expect_fault("fault: cli", PROGRAM(interrupts_off), kProtection);
  expect_fault("fault: hlt", PROGRAM(halt), kProtection);
  expect_fault("fault: out", PROGRAM(port), kProtection);
  expect_fault("fault: int of the timer's vector", PROGRAM(software_interrupt), kProtection);
  expect_fault("fault: rdmsr", PROGRAM(read_msr), kProtection);
  expect_fault("fault: wrgsbase", PROGRAM(write_gs), kInvalid);
}

struct Access {
  std::string_view name;
  std::string_view program;
  std::uint64_t address;
  std::uint64_t code;
};

void test_page_faults() noexcept {
  const Access accesses[] = {
      {"page fault: load from nowhere", PROGRAM(load), 0x1000, kUserMode},
      {"page fault: store to nowhere", PROGRAM(store), 0x1000, kUserMode | kWrite},
      {"page fault: store to code", PROGRAM(store), kCode.value(), kUserMode | kWrite | kPresent},
      {"page fault: jump into data", PROGRAM(jump), kData.value(), kUserMode | kFetch | kPresent},
      {"page fault: jump to nowhere", PROGRAM(jump), 0x1000, kUserMode | kFetch},
      {"page fault: load of kernel text", PROGRAM(load), 0xffff'ffff'8020'0000, kUserMode | kPresent},
      {"page fault: load of the kernel's RAM", PROGRAM(load), 0xffff'8000'0020'0000, kUserMode | kPresent},
      {"page fault: jump to kernel text", PROGRAM(jump), 0xffff'ffff'8020'0000,
       kUserMode | kFetch | kPresent},
      {"page fault: load of its CPU's block", PROGRAM(load), 0xffff'ffff'c000'0000, kUserMode | kPresent},
  };
  for (const Access& access : accesses) {
    Process process(access.program, access.address);
    check(access.name, page_fault(process.run(), access.address, access.code));
  }
  Process wild(PROGRAM(load), 0x0000'8000'0000'0000);
  check("protection fault: load beyond the canonical edge", faults(wild.run(), kProtection));
  Process jump(PROGRAM(jump), 0x0000'8000'0000'0000);
  check("protection fault: jump beyond the canonical edge", faults(jump.run(), kProtection));
}

}  // namespace

void test_threads(const BootInfo& boot) noexcept {
  const auto has = [&](MachineFeature feature) {
    return (boot.features >> static_cast<unsigned>(feature) & 1) != 0;
  };
  // Without SMAP the alignment flag means nothing in the kernel, and there is no CLAC.
  if (has(MachineFeature::smap)) unwanted_flags |= kAlignment;
  if (has(MachineFeature::umip)) expect_fault("fault: sgdt", PROGRAM(store_descriptor), kProtection);
  test_entry();
  test_system_call();
  test_interrupts();
  test_faults();
  test_page_faults();
  check("all frames came back", frames.in_use == 0);
}

void test_hostile_programs() noexcept {
  Process flags(PROGRAM(hostile_flags));
  const Event& call = flags.run();
  check("hostile flags: system call", is_call(call, 86) && (call.flags & unwanted_flags) == 0);
  const Event& fault = run_user();
  check("hostile flags: fault", faults(fault, kInvalid) && (fault.flags & unwanted_flags) == 0);

  Process trap(PROGRAM(trap_flag));
  const Event* event = &trap.run();
  while (event->kind == Kind::fault && event->fault.vector == kDebug) event = &run_user();
  check("trap flag: system call", is_call(*event, 87) && (event->flags & unwanted_flags) == 0);
  event = &run_user();
  check("trap flag: traps again in user mode", event->kind == Kind::fault && event->fault.vector == kDebug &&
                                                   event->state->instruction_pointer() < 0x500000);

  Process selectors(PROGRAM(selectors));
  check("selectors: system call", is_call(selectors.run(), 88) && this_cpu().value() == 0);
  arm_timer(now() + Duration::us(5));
  check("selectors: interrupt", run_user().kind == Kind::timer && this_cpu().value() == 0);

  Process stack(PROGRAM(wild_stack));
  check("wild stack: system call", is_call(stack.run(), 89));
  arm_timer(now() + Duration::us(5));
  check("wild stack: interrupt", run_user().kind == Kind::timer);
}

}  // namespace guest
