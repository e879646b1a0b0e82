// SPDX-License-Identifier: Apache-2.0
// Local APIC, by MSRs where the CPU has x2APIC, else by registers in memory; the 8259 is masked at boot. Registers after Intel SDM vol. 3, chapter 11 (x2APIC: MSR 0x800 + offset / 16).
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {

using namespace x86;

constexpr std::uint32_t kApicBase = 0x1b;
constexpr std::uint32_t kId = 0x20, kTaskPriority = 0x80, kEnd = 0xb0, kSpurious = 0xf0, kCommand = 0x300,
                        kCommandHigh = 0x310, kTimer = 0x320, kLint0 = 0x350, kLint1 = 0x360, kError = 0x370,
                        kInitialCount = 0x380, kCurrentCount = 0x390, kDivide = 0x3e0;
constexpr std::uint32_t kMasked = 1u << 16, kDeadlineMode = 2u << 17, kNmi = 0x400;
constexpr std::uint32_t kDivideByOne = 0xb;

volatile std::uint32_t& memory_register(std::uint32_t offset) noexcept {
  return *reinterpret_cast<volatile std::uint32_t*>(CAPOS_LAPIC_BASE + offset);
}
void write(std::uint32_t offset, std::uint32_t value) noexcept {
  if (has(MachineFeature::x2apic)) {
    write_msr(0x800 + offset / 16, value);
  } else {
    memory_register(offset) = value;
  }
}
std::uint32_t read(std::uint32_t offset) noexcept {
  if (has(MachineFeature::x2apic)) return static_cast<std::uint32_t>(read_msr(0x800 + offset / 16));
  return memory_register(offset);
}

// Bounded: delivery takes microseconds; a command that hangs is given up.
void wait_until_sent() noexcept {
  constexpr std::uint32_t kPending = 1u << 12;
  for (unsigned i = 0; (memory_register(kCommand) & kPending) != 0 && i < 100'000; ++i) cpu_relax();
}

void command(std::uint32_t apic, std::uint32_t what) noexcept {
  if (has(MachineFeature::x2apic)) {
    asm volatile("mfence; lfence" ::: "memory");  // stores before the interrupt (SDM 11.12.3)
    write_msr(0x800 + kCommand / 16, std::uint64_t{apic} << 32 | what);
    return;
  }
  wait_until_sent();
  memory_register(kCommandHigh) = apic << 24;
  memory_register(kCommand) = what;
}

}  // namespace

void send_mailbox_interrupt(CpuId cpu) noexcept {
  command(apic_id_of(cpu.value()), CAPOS_VECTOR_MAILBOX | 0x4000);
}

namespace x86 {

// The registers are where the boot CPU's are; all CPUs come up with the same address.
void map_local_apic() noexcept {
  if (has(MachineFeature::x2apic)) return;
  map_kernel(CAPOS_LAPIC_BASE, read_msr(kApicBase) & 0x000f'ffff'ffff'f000, kPageSize,
             {.write = true, .uncached = true});
}

void start_local_apic() noexcept {
  constexpr std::uint64_t kEnable = 1u << 11, kX2apic = 1u << 10;
  const std::uint64_t base = read_msr(kApicBase) | kEnable;
  write_msr(kApicBase, base);
  if (has(MachineFeature::x2apic)) write_msr(kApicBase, base | kX2apic);
  write(kTaskPriority, 0);
  write(kLint0, kMasked);
  write(kLint1, kNmi);
  write(kError, CAPOS_VECTOR_APIC_ERROR);
  write(kDivide, kDivideByOne);
  write(kSpurious, 0x100 | CAPOS_VECTOR_SPURIOUS);
  set_timer_vector(CAPOS_VECTOR_TIMER);
  end_of_interrupt();
}

void set_timer_vector(std::uint8_t vector) noexcept {
  write(kTimer, vector | (has(MachineFeature::tsc_deadline) ? kDeadlineMode : 0));
  // The mode must be set before the first deadline is (SDM 11.5.4.1).
  if (has(MachineFeature::tsc_deadline)) asm volatile("mfence" ::: "memory");
}

void set_timer_count(std::uint32_t count) noexcept { write(kInitialCount, count); }
std::uint32_t timer_count() noexcept { return read(kCurrentCount); }
void end_of_interrupt() noexcept { write(kEnd, 0); }

std::uint32_t apic_id() noexcept {
  const std::uint32_t id = read(kId);
  return has(MachineFeature::x2apic) ? id : id >> 24;
}

void send_ipi(std::uint32_t apic, std::uint32_t what) noexcept { command(apic, what); }

void mask_legacy_interrupts() noexcept {
  // 8259: initialise with vectors that nothing else uses (a masked one can still send a spurious 7 or 15),
  // mask all.
  constexpr std::uint8_t kWords[][2] = {{0x20, 0x11},
                                        {0xa0, 0x11},
                                        {0x21, CAPOS_VECTOR_LEGACY},
                                        {0xa1, CAPOS_VECTOR_LEGACY + 8},
                                        {0x21, 4},
                                        {0xa1, 2},
                                        {0x21, 1},
                                        {0xa1, 1},
                                        {0x21, 0xff},
                                        {0xa1, 0xff}};
  for (const auto& [port, value] : kWords) out8(port, value);
}

}  // namespace x86

extern "C" [[noreturn]] void hal_on_unexpected() noexcept {
  end_of_interrupt();
  on_spurious();
}

}  // namespace capos::hal
