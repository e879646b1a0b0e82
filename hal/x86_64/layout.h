// SPDX-License-Identifier: Apache-2.0
// Addresses, selectors and offsets that assembly and C++ share. C++ asserts each offset in per_cpu.hpp.
//
//   0xffff800000000000  all RAM, writable, never executable (text and constants of the kernel read-only)
//   0xffffffff80000000  physical 0: the kernel image runs from 2 MiB above
//   0xffffffffc0000000  one window per CPU: its block, its stack, its interrupt stacks, guard pages between
//   0xffffffffd0000000  device registers, uncached
//   0xffffffffffe00000  the local APIC's registers, uncached
#pragma once

#define CAPOS_PHYSMAP_BASE 0xffff800000000000
#define CAPOS_KERNEL_BASE 0xffffffff80000000
#define CAPOS_PER_CPU_BASE 0xffffffffc0000000
#define CAPOS_PER_CPU_STRIDE 0x20000
#define CAPOS_DEVICE_BASE 0xffffffffd0000000
#define CAPOS_DEVICE_END 0xffffffffe0000000
#define CAPOS_LAPIC_BASE 0xffffffffffe00000

// Within a CPU's window. Pages not named are not mapped.
#define CAPOS_BLOCK_PAGES 2
#define CAPOS_STACK_BOTTOM 0x4000
#define CAPOS_STACK_TOP 0x8000
#define CAPOS_DOUBLE_FAULT_BOTTOM 0xa000
#define CAPOS_DOUBLE_FAULT_TOP 0xc000
#define CAPOS_NMI_BOTTOM 0xe000
#define CAPOS_NMI_TOP 0x10000
#define CAPOS_MACHINE_CHECK_BOTTOM 0x12000
#define CAPOS_MACHINE_CHECK_TOP 0x14000

// Selectors. SYSRET takes its stack segment from STAR + 8 and its code segment from STAR + 16.
#define CAPOS_KERNEL_CODE 0x08
#define CAPOS_KERNEL_DATA 0x10
#define CAPOS_STAR_USER 0x18
#define CAPOS_USER_DATA 0x23
#define CAPOS_USER_CODE 0x2b
#define CAPOS_TASK_STATE 0x30

// Offsets in PerCpu, by %gs.
#define CAPOS_CPU_LIVE 0
#define CAPOS_CPU_SCRATCH 8
#define CAPOS_CPU_STACK_TOP 16
#define CAPOS_CPU_LOCAL 24
#define CAPOS_CPU_NUMBER 32
#define CAPOS_CPU_SELF 40

// Offsets in UserState.
#define CAPOS_FRAME_RCX 24
#define CAPOS_FRAME_R11 32
#define CAPOS_FRAME_WORDS 40
#define CAPOS_FRAME_RBP 104
#define CAPOS_FRAME_RBX 112
#define CAPOS_FRAME_RSI 120
#define CAPOS_FRAME_RDI 128
#define CAPOS_FRAME_RAX 136
#define CAPOS_FRAME_ERROR 144
#define CAPOS_FRAME_RIP 152
#define CAPOS_FRAME_RFLAGS 168
#define CAPOS_FRAME_RSP 176
#define CAPOS_FRAME_END 192
// In the error slot of a frame that SYSCALL made: SYSRET may leave it. No exception has this error code.
#define CAPOS_FROM_SYSCALL -1

// Vectors. Those of the 8259 are masked, and caught where they may still appear.
#define CAPOS_VECTOR_LEGACY 0x20
#define CAPOS_VECTOR_DEVICE 0x30
#define CAPOS_DEVICE_LINES 0x80
// The timer's is above the mailbox's: of two that wait, the processor takes the higher, so that no amount of mail
// keeps a CPU from its own deadlines.
#define CAPOS_VECTOR_MAILBOX 0xe0
#define CAPOS_VECTOR_FAR_TIMER 0xf0
#define CAPOS_VECTOR_TIMER 0xf1
#define CAPOS_VECTOR_APIC_ERROR 0xfe
#define CAPOS_VECTOR_SPURIOUS 0xff

// Application processors start here in real mode; the page is RAM below 1 MiB.
#define CAPOS_TRAMPOLINE 0x8000
#define CAPOS_TRAMPOLINE_BYTES 256  // what boot.S has for it

#define CAPOS_PROTOCOL_PVH 1
#define CAPOS_PROTOCOL_MULTIBOOT2 2
#define CAPOS_DEBUG_EXIT_PORT 0xf4
