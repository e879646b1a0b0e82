// SPDX-License-Identifier: Apache-2.0
#include "harness.hpp"

#include "boot/text.hpp"

extern "C" {
void run_until_event(void (*go)()) noexcept;
[[noreturn]] void event_came() noexcept;
[[noreturn]] void on_test_stack(void (*test)()) noexcept;
}

namespace guest {

constinit Frames frames;
constinit bool answer_at_once = false;

namespace {
constinit Event last;
constinit unsigned failed = 0;
const BootInfo* boot_info = nullptr;

// Spurious interrupts, and the pieces of a far timer, are no event.
const Event& wait(void (*go)()) noexcept {
  do {
    last = {};
    run_until_event(go);
  } while (last.kind == Kind::spurious);
  return last;
}

[[noreturn]] void came(Kind kind, UserState* state = nullptr, const FaultInfo& fault = {}) noexcept {
  std::uint64_t flags, stack;
  asm volatile("pushf; pop %0; mov %%rsp, %1" : "=r"(flags), "=r"(stack));
  if (this_cpu().value() != 0) other_cpu_event(kind);
  last = {.kind = kind, .state = state, .fault = fault, .flags = flags, .stack = stack, .when = now()};
  event_came();
}

// The value of `key=` on the command line.
std::string_view option(std::string_view key) noexcept {
  const std::string_view line = boot_info->command_line;
  const std::size_t at = line.find(key);
  if (at == line.npos) return {};
  std::string_view value(line.data() + at + key.size(), line.size() - at - key.size());
  if (const std::size_t space = value.find(' '); space != value.npos)
    value.remove_suffix(value.size() - space);
  return value;
}

void test_with_programs() noexcept {
  test_address_spaces();
  test_threads(*boot_info);
  test_hostile_programs();
  test_vectors(*boot_info);
  test_path_lengths(option("budgets=") == "instructions");
  test_other_cpus(*boot_info);
}

void run_all() noexcept {
  frames.use(*boot_info);
  if (const std::string_view fault = option("fault="); !fault.empty()) {
    provoke_kernel_fault(fault);
    check(fault, false);
    power_off(1);
  }
  test_boot(*boot_info);
  test_clock(*boot_info);
  test_timer();
  // only=clock: for hypervisors that cannot run XRSTOR, to try x2APIC and the TSC deadline there.
  if (option("only=") != "clock") test_with_programs();
  console_write(failed == 0 ? "conformance: passed\n" : "conformance: FAILED\n");
  power_off(failed == 0 ? 0 : 1);
}
}  // namespace

const Event& run_user() noexcept {
  return wait([] { resume_user(); });
}
const Event& run_idle() noexcept {
  return wait([] { idle(); });
}

void check(std::string_view name, bool good) noexcept {
  TextBuffer<120> text;
  text << (good ? "ok " : "FAILED ") << name << "\n";
  console_write(text.view());
  failed += good ? 0 : 1;
}

void report(std::string_view name, std::uint64_t value, std::string_view unit) noexcept {
  TextBuffer<120> text;
  text << "figure " << name << " ";
  text.decimal(value) << " " << unit << "\n";
  console_write(text.view());
}

unsigned failures() noexcept { return failed; }

void Frames::use(const BootInfo& boot) noexcept {
  for (const MemoryRange& range : boot.ram) {
    if (range.size <= end_ - next_) continue;
    next_ = range.base.value();
    end_ = next_ + range.size;
  }
}

PhysicalAddress Frames::allocate() noexcept {
  std::uint64_t frame = free_;
  if (in_use >= limit) return {};
  if (frame != 0) {
    free_ = *static_cast<std::uint64_t*>(to_kernel(PhysicalAddress{frame}));
  } else if (next_ < end_) {
    frame = next_;
    next_ += kPageSize;
  }
  if (frame == 0) return {};
  ++in_use;
  __builtin_memset(to_kernel(PhysicalAddress{frame}), 0, kPageSize);
  return PhysicalAddress{frame};
}

void Frames::release(PhysicalAddress frame) noexcept {
  *static_cast<std::uint64_t*>(to_kernel(frame)) = free_;
  free_ = frame.value();
  --in_use;
}

Process::Process(std::string_view program, std::uint64_t argument) noexcept : vectors_(frames.allocate()) {
  if (!space_.create(frames)) check("process: address space", false);
  add(kCode, {.execute = true}, program);
  add(kData, {.write = true}, {});
  add(kStack, {.write = true}, {});
  state_.attach_vector_area(to_kernel(vectors_));
  state_.start(kCode, UserAddress{kStackTop}, argument, 0, 0);
}

void Process::add(UserAddress at, Protection protection, std::string_view content) noexcept {
  const PhysicalAddress frame = frames.allocate();
  __builtin_memcpy(to_kernel(frame), content.data(), content.size());
  if (!space_.map(at, frame, protection).has_value()) check("process: map", false);
}

Process::~Process() {
  forget_user(state_);
  for (UserAddress at{}; space_.next_mapped(at); at = UserAddress{at.value() + kPageSize})
    if (const auto frame = space_.unmap(at); frame.has_value()) frames.release(*frame);
  while (!space_.destroy_step(frames, 2)) {
  }
  frames.release(vectors_);
}

const Event& Process::run() noexcept {
  enter();
  return run_user();
}

std::uint64_t* Process::page(UserAddress at) noexcept {
  const auto mapping = space_.lookup(at);
  return mapping.has_value() ? static_cast<std::uint64_t*>(to_kernel(mapping->frame)) : nullptr;
}

}  // namespace guest

namespace capos::hal {

using guest::came;
using guest::Kind;

void kernel_main(const BootInfo& boot) noexcept {
  guest::boot_info = &boot;
  on_test_stack([] { guest::run_all(); });
}
void on_cpu_started(CpuId cpu) noexcept { guest::other_cpu_started(cpu); }
void on_system_call(UserState& state) noexcept {
  if (guest::answer_at_once && state.operation() == 1) resume_user();
  came(Kind::system_call, &state);
}
void on_user_fault(UserState& state, const FaultInfo& fault) noexcept { came(Kind::fault, &state, fault); }
void on_timer() noexcept { came(Kind::timer); }
void on_mailbox() noexcept { came(Kind::mailbox); }
void on_device_interrupt(std::uint8_t) noexcept { came(Kind::device); }
void on_spurious() noexcept { came(Kind::spurious); }
void on_kernel_fault(const FaultInfo& fault, std::string_view registers, std::uint64_t,
                     std::uint64_t) noexcept {
  guest::judge_kernel_fault(fault, registers);
}

}  // namespace capos::hal
