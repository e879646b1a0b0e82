// SPDX-License-Identifier: Apache-2.0
// The end of a broken kernel: what is known is printed, the machine stops with its own exit code.
#include <atomic>

#include "capos/hal/relax.hpp"
#include "capos/hal/upcalls.hpp"
#include "core/assert.hpp"
#include "core/console.hpp"
#include "core/cpu.hpp"
#include "core/symbols.hpp"
#include "core/text.hpp"

namespace capos::kernel {
namespace {

constinit std::atomic<bool> g_panicking{false};

void print_address(std::string_view label, std::uint64_t address) noexcept {
  Line line;
  line.text(label).hex(address, 16);
  std::uint64_t offset = 0;
  const std::string_view name = symbol_for(address, offset);
  if (!name.empty()) line.text(" ").text(name).text("+").hex(offset);
  line.print();
}

// From where it happened outwards.
void print_stack(std::uint64_t instruction_pointer, std::uint64_t frame_pointer) noexcept {
  constexpr unsigned kDeepest = 24;
  hal::console_write("stack:\n");
  print_address("  ", instruction_pointer);
  for (unsigned depth = 0; depth < kDeepest && hal::is_kernel_stack(frame_pointer); ++depth) {
    const auto* const frame = reinterpret_cast<const std::uint64_t*>(frame_pointer);
    if (frame[1] == 0) break;
    print_address("  ", frame[1]);
    if (frame[0] <= frame_pointer) break;
    frame_pointer = frame[0];
  }
}

void print_events(const Cpu& cpu) noexcept {
  constexpr std::uint64_t kEvents = 12;
  Line().text("last trace events of cpu ").decimal(cpu.id.value()).text(" (newest first): time kind source a b c").print();
  for (std::uint64_t age = 0; age < kEvents; ++age) {
    const std::uint64_t* const words = cpu.trace.recent(age);
    if (words == nullptr) break;
    const auto kind = static_cast<schema::EventKind>(words[1] & 0xffff);
    Line().text("  ").decimal(words[0]).text(" ").text(schema::name_of(kind)).text(" ").hex(words[1] >> 32).text(" ")
        .hex(words[2]).text(" ").hex(words[3]).text(" ").hex(words[4]).print();
  }
}

// This CPU's first; the others have been stopped.
void print_all_events() noexcept {
  if (hal::cpu_local() == nullptr) return;
  print_events(Cpu::current());
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    const Cpu* const cpu = Cpu::find(CpuId(id));
    if (cpu != nullptr && cpu != &Cpu::current()) print_events(*cpu);
  }
}

[[noreturn]] void die(std::uint64_t instruction_pointer, std::uint64_t frame_pointer) noexcept {
  print_stack(instruction_pointer, frame_pointer);
  print_all_events();
  hal::power_off(hal::kExitPanic);
}

// Only the first CPU to get here speaks.
void begin(std::string_view what) noexcept {
  while (g_panicking.exchange(true)) hal::cpu_relax();  // the first one stops this CPU and ends the machine
  hal::stop_other_cpus();
  console_flush();
  hal::console_write("\nKERNEL PANIC: ");
  hal::console_write(what);
  Line().text("\ncpu ").decimal(hal::this_cpu().value()).text(", time ").decimal(hal::now().ns()).text(" ns").print();
}

}  // namespace

void panic(std::string_view what) noexcept {
  begin(what);
  die(reinterpret_cast<std::uint64_t>(&panic), reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
}

}  // namespace capos::kernel

namespace capos::hal {

void on_kernel_fault(const FaultInfo& fault, std::string_view registers, std::uint64_t instruction_pointer,
                     std::uint64_t frame_pointer) noexcept {
  kernel::begin("fault in the kernel");
  kernel::Line().text("vector ").decimal(fault.vector).text(", error ").hex(fault.error_code).text(", address ")
      .hex(fault.address, 16).print();
  kernel::print_address("at ", instruction_pointer);
  console_write(registers);
  kernel::die(instruction_pointer, frame_pointer);
}

}  // namespace capos::hal
