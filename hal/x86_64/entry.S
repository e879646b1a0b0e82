// SPDX-License-Identifier: Apache-2.0
// The ways into the kernel and the ways out. Path lengths here are the product: count before you add.
//
// From user mode, the processor (interrupts: TSS.rsp0) or SYSCALL's code stores into the live UserState; the CPU's
// stack is empty then, and the upcall starts at its top. From idle() the interrupted code is forgotten. GS is the
// CPU's block in the kernel, the user's (always 0) outside; interrupts are off in the kernel except in idle().
//
// SYSRET needs no check of the return address: a frame marked CAPOS_FROM_SYSCALL was stored by hal_syscall below, the
// only writer of that mark, and RCX was then the address after a SYSCALL instruction in a page below abi::kUserEnd,
// far from the canonical edge (Intel SDM, SYSRET; CVE-2012-0217). R11 came from RFLAGS, so it is a valid image.
#include "layout.h"

// The same registers both ways: with %rsp at the frame's end, by pushes; with %rsp at its start, by moves.
// Stores what follows RAX in the frame. %rsp then points past rcx, whose place is CAPOS_FRAME_WORDS - 16.
.macro PUSH_CALLEE_AND_WORDS
  push %rdi
  push %rsi
  push %rbx
  push %rbp
  push %r15
  push %r14
  push %r13
  push %r12
  push %r10
  push %r9
  push %r8
  push %rdx
.endm

.macro STORE_WORDS_AND_CALLEE
  mov %rdx, CAPOS_FRAME_WORDS(%rsp)
  mov %r8, CAPOS_FRAME_WORDS + 8(%rsp)
  mov %r9, CAPOS_FRAME_WORDS + 16(%rsp)
  mov %r10, CAPOS_FRAME_WORDS + 24(%rsp)
  mov %r12, CAPOS_FRAME_WORDS + 32(%rsp)
  mov %r13, CAPOS_FRAME_WORDS + 40(%rsp)
  mov %r14, CAPOS_FRAME_WORDS + 48(%rsp)
  mov %r15, CAPOS_FRAME_WORDS + 56(%rsp)
  mov %rbp, CAPOS_FRAME_RBP(%rsp)
  mov %rbx, CAPOS_FRAME_RBX(%rsp)
  mov %rsi, CAPOS_FRAME_RSI(%rsp)
  mov %rdi, CAPOS_FRAME_RDI(%rsp)
.endm

.macro LOAD_WORDS_AND_CALLEE
  mov CAPOS_FRAME_WORDS(%rsp), %rdx
  mov CAPOS_FRAME_WORDS + 8(%rsp), %r8
  mov CAPOS_FRAME_WORDS + 16(%rsp), %r9
  mov CAPOS_FRAME_WORDS + 24(%rsp), %r10
  mov CAPOS_FRAME_WORDS + 32(%rsp), %r12
  mov CAPOS_FRAME_WORDS + 40(%rsp), %r13
  mov CAPOS_FRAME_WORDS + 48(%rsp), %r14
  mov CAPOS_FRAME_WORDS + 56(%rsp), %r15
  mov CAPOS_FRAME_RBP(%rsp), %rbp
  mov CAPOS_FRAME_RBX(%rsp), %rbx
  mov CAPOS_FRAME_RSI(%rsp), %rsi
  mov CAPOS_FRAME_RDI(%rsp), %rdi
  mov CAPOS_FRAME_RAX(%rsp), %rax
.endm

// CLAC where the CPU has SMAP: hal_boot() patches these before the text becomes read-only.
.macro CLEAR_AC
771:
  nopl (%rax)
  .pushsection .clac_sites, "a"
  .quad 771b
  .popsection
.endm

.macro ON_KERNEL_STACK
  mov %gs:CAPOS_CPU_STACK_TOP, %rsp
  xor %ebp, %ebp
.endm

  .section .text.entry, "ax"
  .balign 64
  .global hal_syscall
hal_syscall:
  swapgs
  mov %rsp, %gs:CAPOS_CPU_SCRATCH
  mov %gs:CAPOS_CPU_LIVE, %rsp      // the frame's start; its selectors are there already
  mov %r11, CAPOS_FRAME_RFLAGS(%rsp)
  mov %rcx, CAPOS_FRAME_RIP(%rsp)
  mov %gs:CAPOS_CPU_SCRATCH, %rcx
  movq $CAPOS_FROM_SYSCALL, CAPOS_FRAME_ERROR(%rsp)
  mov %rcx, CAPOS_FRAME_RSP(%rsp)
  mov %rax, CAPOS_FRAME_RAX(%rsp)
  STORE_WORDS_AND_CALLEE
  mov %rsp, %rdi
  ON_KERNEL_STACK
  jmp _ZN5capos3hal14on_system_callERNS0_9UserStateE

// [[noreturn]] void resume_user() noexcept
  .balign 64
  .global _ZN5capos3hal11resume_userEv
_ZN5capos3hal11resume_userEv:
  mov %gs:CAPOS_CPU_LIVE, %rsp
  cmpq $CAPOS_FROM_SYSCALL, CAPOS_FRAME_ERROR(%rsp)
  jne 1f
  LOAD_WORDS_AND_CALLEE
  mov CAPOS_FRAME_RIP(%rsp), %rcx
  mov CAPOS_FRAME_RFLAGS(%rsp), %r11
  mov CAPOS_FRAME_RSP(%rsp), %rsp
  swapgs
  sysretq
1:
  mov CAPOS_FRAME_RCX(%rsp), %rcx
  mov CAPOS_FRAME_R11(%rsp), %r11
  LOAD_WORDS_AND_CALLEE
  add $CAPOS_FRAME_RIP, %rsp
  swapgs
  iretq

// An interrupt that ends in an upcall without arguments. END_OF_INTERRUPT may use rax, rcx and rdx.
.macro SAVE_USER
  testb $3, 8(%rsp)
  jz 1f
  swapgs
  pushq $0
  push %rax
  PUSH_CALLEE_AND_WORDS
  push %r11
  push %rcx
1:
  cld
  CLEAR_AC
  ON_KERNEL_STACK
.endm

.macro END_XAPIC
  movl $0, CAPOS_LAPIC_BASE + 0xb0
.endm

.macro END_X2APIC
  mov $0x80b, %ecx
  xor %eax, %eax
  xor %edx, %edx
  wrmsr
.endm

.macro END_NONE
.endm

.macro INTERRUPT name, end, upcall
  .balign 16
  .global \name
\name:
  SAVE_USER
  \end
  jmp \upcall
.endm

  INTERRUPT hal_timer_xapic, END_XAPIC, _ZN5capos3hal8on_timerEv
  INTERRUPT hal_timer_x2apic, END_X2APIC, _ZN5capos3hal8on_timerEv
  INTERRUPT hal_mailbox_xapic, END_XAPIC, _ZN5capos3hal10on_mailboxEv
  INTERRUPT hal_mailbox_x2apic, END_X2APIC, _ZN5capos3hal10on_mailboxEv
  INTERRUPT hal_spurious, END_NONE, _ZN5capos3hal11on_spuriousEv
  INTERRUPT hal_unexpected, END_NONE, hal_on_unexpected

// [[noreturn]] void hal_on_far_timer(bool from_user)
  .balign 16
  .global hal_far_timer
hal_far_timer:
  testb $3, 8(%rsp)
  jz 1f
  swapgs
  pushq $0
  push %rax
  PUSH_CALLEE_AND_WORDS
  push %r11
  push %rcx
  mov $1, %edi
  jmp 2f
1:
  xor %edi, %edi
2:
  cld
  CLEAR_AC
  ON_KERNEL_STACK
  jmp hal_on_far_timer

// Device lines: one stub each, 16 bytes apart.
  .balign 16
  .global hal_device_stubs
hal_device_stubs:
  .set line, 0
  .rept CAPOS_DEVICE_LINES
  .balign 16
  pushq $line                       // in the place of the error code
  .byte 0xe9                        // always the long form
  .long device_common - . - 4
  .set line, line + 1
  .endr

device_common:
  testb $3, 16(%rsp)
  jz 1f
  swapgs
  push %rax
  mov 8(%rsp), %eax
  PUSH_CALLEE_AND_WORDS
  push %r11
  push %rcx
  mov %eax, %edi
  jmp 2f
1:
  pop %rdi
2:
  cld
  CLEAR_AC
  ON_KERNEL_STACK
  jmp hal_on_device

// Exceptions: 32 stubs, 16 bytes apart. Those without an error code push 0.
  .balign 16
  .global hal_exception_stubs
hal_exception_stubs:
  .set vector, 0
  .rept 32
  .balign 16
  .if !((0x60227d00 >> vector) & 1)
  pushq $0
  .endif
  push %rax
  mov $vector, %eax
  .byte 0xe9
  .long exception_common - . - 4
  .set vector, vector + 1
  .endr

exception_common:
  testb $3, 24(%rsp)                // rax, error, rip, cs
  jz kernel_exception
  swapgs
  PUSH_CALLEE_AND_WORDS
  push %r11
  push %rcx
  lea -(CAPOS_FRAME_WORDS - 16)(%rsp), %rdi
  mov %eax, %esi
  cld
  CLEAR_AC
  ON_KERNEL_STACK
  jmp hal_user_fault

// Double fault, NMI and machine check come on stacks of their own, from anywhere, with either GS.
  .balign 16
  .global hal_double_fault
hal_double_fault:
  push %rax
  mov $8, %eax
  jmp kernel_exception
  .global hal_nmi
hal_nmi:
  pushq $0
  push %rax
  mov $2, %eax
  jmp kernel_exception
  .global hal_machine_check
hal_machine_check:
  pushq $0
  push %rax
  mov $18, %eax

// Fatal: stores all registers on the stack at hand (KernelFrame of fault.cpp) and tells. Never returns.
kernel_exception:
  push %rdi
  push %rsi
  push %rbx
  push %rbp
  push %r15
  push %r14
  push %r13
  push %r12
  push %r11
  push %r10
  push %r9
  push %r8
  push %rdx
  push %rcx
  mov %eax, %ebx
  cld
  CLEAR_AC
  mov $0xc0000101, %ecx             // GS base: the kernel's is negative, the user's is not
  rdmsr
  test %edx, %edx
  js 1f
  swapgs
1:
  mov %rsp, %rdi
  mov %ebx, %esi
  xor %ebp, %ebp
  and $-16, %rsp
  call hal_kernel_fault
  ud2

// [[noreturn]] void idle() noexcept. An interrupt between STI and HLT cannot come (SDM, STI), so none is slept over.
  .balign 16
  .global _ZN5capos3hal4idleEv
_ZN5capos3hal4idleEv:
  mov %gs:CAPOS_CPU_STACK_TOP, %rsp
1:
  sti
  hlt
  jmp 1b

// [[noreturn]] void hal_continue_on(uint64_t stack_top, void (*function)())
  .global hal_continue_on
hal_continue_on:
  mov %rdi, %rsp
  xor %ebp, %ebp
  jmp *%rsi

  .section .note.GNU-stack, "", @progbits
