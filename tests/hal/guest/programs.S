// SPDX-License-Identifier: Apache-2.0
// Programs of the conformance test: copied to the start of a user page each, so position-independent.
// A program reports by SYSCALL with rax = what it wants; UD2 means that it found something wrong.

.macro PROGRAM name
  .balign 16
  .global user_\name
user_\name:
.endm
.macro END name
  .global user_\name\()_end
user_\name\()_end:
.endm
// Each general register but rsp, rcx and r11 gets a value of its own, from \seed on.
.macro FILL seed
  mov $\seed + 1, %rax
  mov $\seed + 2, %rbx
  mov $\seed + 4, %rdx
  mov $\seed + 5, %rsi
  mov $\seed + 6, %rdi
  mov $\seed + 7, %rbp
  mov $\seed + 8, %r8
  mov $\seed + 9, %r9
  mov $\seed + 10, %r10
  mov $\seed + 12, %r12
  mov $\seed + 13, %r13
  mov $\seed + 14, %r14
  mov $\seed + 15, %r15
.endm
.macro CHECK register, value
  cmp $\value, %\register
  jne 9f
.endm

  .section .rodata.user, "a"

// Entry state: rdi, rsi, rdx as given, all else zero; reports them back.
PROGRAM entry
  or %rax, %rbx
  or %rbx, %rcx
  or %rcx, %rbp
  or %rbp, %r8
  or %r8, %r9
  or %r9, %r10
  or %r10, %r11
  or %r11, %r12
  or %r12, %r13
  or %r13, %r14
  or %r14, %r15
  jnz 9f
  mov $77, %rax
  syscall
9:
  ud2
END entry

// System call: registers arrive, results come back, rbx rbp rsp and the flags survive.
PROGRAM registers
1:
  FILL 0x1000
  std
  mov %rsp, -8(%rsp)
  syscall
  cmp -8(%rsp), %rsp
  jne 9f
  pushf
  testq $0x400, (%rsp)
  jz 9f
  popf
  CHECK rax, 0x2001
  CHECK rdi, 0x2002
  CHECK rsi, 0x2003
  CHECK rbx, 0x1002
  CHECK rbp, 0x1007
  CHECK rdx, 0x3000
  CHECK r8, 0x3001
  CHECK r9, 0x3002
  CHECK r10, 0x3003
  CHECK r12, 0x3004
  CHECK r13, 0x3005
  CHECK r14, 0x3006
  CHECK r15, 0x3007
  mov $78, %rax
  syscall
9:
  ud2
END registers

// Interrupted anywhere in this loop, it must not notice.
PROGRAM interrupted
  FILL 0x5000
  mov $0x5003, %rcx
  mov $0x500b, %r11
1:
  CHECK rax, 0x5001
  CHECK rbx, 0x5002
  CHECK rcx, 0x5003
  CHECK rdx, 0x5004
  CHECK rsi, 0x5005
  CHECK rdi, 0x5006
  CHECK rbp, 0x5007
  CHECK r8, 0x5008
  CHECK r9, 0x5009
  CHECK r10, 0x500a
  CHECK r11, 0x500b
  CHECK r12, 0x500c
  CHECK r13, 0x500d
  CHECK r14, 0x500e
  CHECK r15, 0x500f
  incq -8(%rsp)
  jmp 1b
9:
  ud2
END interrupted

// rdi system calls in a row; the least and the greatest instruction count of one go to rdx and r8.
PROGRAM null_calls
  mov %rdi, %rbx
  mov $-1, %rbp
  xor %r13d, %r13d
1:
  mov %rbp, -8(%rsp)
  mov %r13, -16(%rsp)
  rdtsc
  mov %eax, -24(%rsp)
  mov $1, %eax
  syscall
  rdtsc
  sub -24(%rsp), %eax
  sub $3, %eax                      // the first count's store, the operation's number, the second count
  mov -8(%rsp), %rbp
  mov -16(%rsp), %r13
  cmp %rbp, %rax
  cmovb %rax, %rbp
  cmp %r13, %rax
  cmova %rax, %r13
  dec %rbx
  jnz 1b
  mov %rbp, %rdx
  mov %r13, %r8
  mov $79, %eax
  syscall
  ud2
END null_calls

// Reports the time of its first instruction, for ever.
PROGRAM stamp
1:
  rdtsc
  shl $32, %rdx
  or %rax, %rdx
  mov $80, %eax
  syscall
  jmp 1b
END stamp

// Vector and x87 state made from rdi: reported, then checked after every call.
PROGRAM vectors
  mov %rdi, %rbx
  movq %rbx, %xmm0
  movddup %xmm0, %xmm0
  movaps %xmm0, %xmm7
  movaps %xmm0, %xmm15
  movl $0x1fa0, -8(%rsp)            // MXCSR: precision flag
  ldmxcsr -8(%rsp)
  mov %rbx, -16(%rsp)
  fildq -16(%rsp)
1:
  mov $81, %eax
  syscall
  movq %xmm0, %rax
  cmp %rbx, %rax
  jne 9f
  movhlps %xmm15, %xmm1
  movq %xmm1, %rax
  cmp %rbx, %rax
  jne 9f
  movq %xmm7, %rax
  cmp %rbx, %rax
  jne 9f
  stmxcsr -8(%rsp)
  cmpl $0x1fa0, -8(%rsp)
  jne 9f
  fld %st(0)
  fistpq -16(%rsp)
  cmp %rbx, -16(%rsp)
  jne 9f
  jmp 1b
9:
  ud2
END vectors

// The upper halves of the AVX registers.
PROGRAM wide_vectors
  mov %rdi, %rbx
  mov %rbx, -64(%rsp)
  mov %rbx, -56(%rsp)
  mov %rbx, -48(%rsp)
  mov %rbx, -40(%rsp)
  vmovups -64(%rsp), %ymm9
1:
  mov $82, %eax
  syscall
  vmovups %ymm9, -64(%rsp)
  cmp %rbx, -40(%rsp)
  jne 9f
  cmp %rbx, -48(%rsp)
  jne 9f
  jmp 1b
9:
  ud2
END wide_vectors

// A fresh thread finds all vector registers in their initial state.
PROGRAM fresh_vectors
  movq %xmm0, %rax
  test %rax, %rax
  jnz 9f
  movq %xmm15, %rax
  test %rax, %rax
  jnz 9f
  stmxcsr -8(%rsp)
  cmpl $0x1f80, -8(%rsp)
  jne 9f
  fnstcw -8(%rsp)
  cmpw $0x37f, -8(%rsp)
  jne 9f
  fnstsw %ax
  test $0x3800, %ax
  jnz 9f
  mov $83, %eax
  syscall
9:
  ud2
END fresh_vectors

// Reads and reports the word at rdi.
PROGRAM load
  mov (%rdi), %rdx
  mov $84, %eax
  syscall
  ud2
END load

PROGRAM store
  mov %rsi, (%rdi)
  mov $85, %eax
  syscall
  ud2
END store

PROGRAM jump
  jmp *%rdi
END jump

PROGRAM undefined
  ud2
END undefined
PROGRAM breakpoint
  int3
END breakpoint
PROGRAM divide
  xor %ecx, %ecx
  div %ecx
END divide
PROGRAM interrupts_off
  cli
END interrupts_off
PROGRAM halt
  hlt
END halt
PROGRAM port
  mov $0x3f8, %edx
  out %al, %dx
END port
PROGRAM software_interrupt
  int $0xf1
END software_interrupt
PROGRAM store_descriptor
  sgdt -16(%rsp)
END store_descriptor
PROGRAM write_gs
  wrgsbase %rdi
END write_gs
PROGRAM read_msr
  mov $0xc0000101, %ecx
  rdmsr
END read_msr

// The flags that a hostile program can set when it enters: trap, direction, alignment check, nested task.
PROGRAM hostile_flags
  pushf
  orq $0x44400, (%rsp)
  popf
  mov $86, %eax
  syscall
  pushf
  orq $0x44400, (%rsp)
  popf
  ud2
END hostile_flags
// Single step into a system call: the trap comes after it, in user mode.
PROGRAM trap_flag
  mov $87, %eax
  pushf
  orq $0x100, (%rsp)
  popf
  syscall
  nop
  ud2
END trap_flag
// Null and odd selectors in the data segment registers.
PROGRAM selectors
  xor %eax, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %fs
  mov %eax, %gs
  mov $0x23, %eax
  mov %eax, %gs
  mov %eax, %ss
  mov $88, %eax
  syscall
1:
  pause
  jmp 1b
END selectors
// The stack pointer is the program's own affair, also in a system call or an interrupt.
PROGRAM wild_stack
  mov $0xffffffff80200000, %rsp
  mov $89, %eax
  syscall
  mov $0x8000000000000000, %rsp
1:
  pause
  jmp 1b
END wild_stack
// In a page of constants: what a jump there would run.
PROGRAM spin
1:
  jmp 1b
END spin
  .section .note.GNU-stack, "", @progbits
