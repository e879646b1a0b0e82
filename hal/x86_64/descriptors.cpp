// SPDX-License-Identifier: Apache-2.0
// Segment, interrupt and task-state descriptors. The IDT is one for all CPUs; GDT and task state are per CPU.
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

struct Gate {
  std::uint16_t offset_low, selector;
  std::uint8_t ist, type;
  std::uint16_t offset_middle;
  std::uint32_t offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  const void* base;
};

alignas(16) constinit Gate idt[256] = {};
alignas(64) constinit PerCpu early_block = {};

constexpr std::uint8_t kUserLevel = 3;
constexpr std::uint32_t kGsBase = 0xc0000101, kKernelGsBase = 0xc0000102, kFsBase = 0xc0000100;

extern "C" {
extern const char hal_exception_stubs[], hal_device_stubs[];
void hal_timer_xapic();
void hal_timer_x2apic();
void hal_mailbox_xapic();
void hal_mailbox_x2apic();
void hal_far_timer();
void hal_spurious();
void hal_unexpected();
void hal_double_fault();
void hal_nmi();
void hal_machine_check();
}

void set_gate(unsigned vector, const void* entry, std::uint8_t ist = 0, std::uint8_t level = 0) noexcept {
  const auto address = reinterpret_cast<std::uint64_t>(entry);
  idt[vector] = {.offset_low = static_cast<std::uint16_t>(address),
                 .selector = CAPOS_KERNEL_CODE,
                 .ist = ist,
                 .type = static_cast<std::uint8_t>(0x8e | level << 5),
                 .offset_middle = static_cast<std::uint16_t>(address >> 16),
                 .offset_high = static_cast<std::uint32_t>(address >> 32),
                 .reserved = 0};
}
void set_gate(unsigned vector, void (*entry)(), std::uint8_t ist = 0) noexcept {
  set_gate(vector, reinterpret_cast<const void*>(entry), ist);
}

void fill_gates() noexcept {
  constexpr unsigned kBreakpoint = 3, kStubBytes = 16;
  for (unsigned vector = 0; vector < 32; ++vector)
    set_gate(vector, hal_exception_stubs + vector * kStubBytes, 0, vector == kBreakpoint ? kUserLevel : 0);
  for (unsigned vector = 32; vector < 256; ++vector) set_gate(vector, hal_unexpected);
  for (unsigned line = 0; line < CAPOS_DEVICE_LINES; ++line)
    set_gate(CAPOS_VECTOR_DEVICE + line, hal_device_stubs + line * kStubBytes);
  const bool x2apic = has(MachineFeature::x2apic);
  set_gate(CAPOS_VECTOR_TIMER, x2apic ? hal_timer_x2apic : hal_timer_xapic);
  set_gate(CAPOS_VECTOR_MAILBOX, x2apic ? hal_mailbox_x2apic : hal_mailbox_xapic);
  set_gate(CAPOS_VECTOR_FAR_TIMER, hal_far_timer);
  set_gate(CAPOS_VECTOR_SPURIOUS, hal_spurious);
}

// Those that may come at any instruction get stacks of their own.
void use_interrupt_stacks() noexcept {
  set_gate(8, hal_double_fault, 1);
  set_gate(2, hal_nmi, 2);
  set_gate(18, hal_machine_check, 3);
}

void load_tables(const PerCpu& block) noexcept {
  const TablePointer gdt{sizeof(block.gdt) - 1, block.gdt}, interrupts{sizeof(idt) - 1, idt};
  asm volatile("lgdt %0; lidt %1" ::"m"(gdt), "m"(interrupts));
  asm volatile(
      "mov %0, %%ss; mov %1, %%ds; mov %1, %%es; mov %1, %%fs; mov %1, %%gs" ::"r"(CAPOS_KERNEL_DATA),
      "r"(0));
  asm volatile("push %0\n lea 1f(%%rip), %%rax\n push %%rax\n lretq\n 1:" ::"i"(CAPOS_KERNEL_CODE)
               : "rax", "memory");
}

void fill_gdt(PerCpu& block) noexcept {
  const auto base = reinterpret_cast<std::uint64_t>(&block.task_state);
  constexpr std::uint64_t kTaskStateType = 0x89;
  block.gdt[CAPOS_KERNEL_CODE / 8] = 0x00af'9b00'0000'ffff;
  block.gdt[CAPOS_KERNEL_DATA / 8] = 0x00cf'9300'0000'ffff;
  block.gdt[CAPOS_USER_DATA / 8] = 0x00cf'f300'0000'ffff;
  block.gdt[CAPOS_USER_CODE / 8] = 0x00af'fb00'0000'ffff;
  block.gdt[CAPOS_TASK_STATE / 8] =
      (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | kTaskStateType << 40 | (base >> 24 & 0xff) << 56;
  block.gdt[CAPOS_TASK_STATE / 8 + 1] = base >> 32;
}

void set_block(PerCpu& block) noexcept {
  block.self = &block;
  write_msr(kGsBase, reinterpret_cast<std::uint64_t>(&block));
  write_msr(kKernelGsBase, 0);
  write_msr(kFsBase, 0);
}

}  // namespace

void start_early_descriptors() noexcept {
  fill_gates();
  fill_gdt(early_block);
  load_tables(early_block);
  set_block(early_block);
}

void load_descriptors(PerCpu& block) noexcept {
  const auto window = reinterpret_cast<std::uint64_t>(&block);
  fill_gdt(block);
  block.task_state.ist[0] = window + CAPOS_DOUBLE_FAULT_TOP;
  block.task_state.ist[1] = window + CAPOS_NMI_TOP;
  block.task_state.ist[2] = window + CAPOS_MACHINE_CHECK_TOP;
  block.task_state.io_map = sizeof(TaskState);
  load_tables(block);
  asm volatile("ltr %w0" ::"r"(CAPOS_TASK_STATE));
  set_block(block);
  use_interrupt_stacks();
}

}  // namespace capos::hal::x86
