// SPDX-License-Identifier: Apache-2.0
// Lets a test be written as a line of steps although upcalls never return: run_until_event() remembers where it was
// called and goes on there when an upcall calls event_came().

  .text
  .global run_until_event           // void run_until_event(void (*go)())
run_until_event:
  push %rbx
  push %rbp
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, saved_stack
  sub $8, %rsp
  call *%rdi
  ud2

  .global event_came
event_came:
  mov saved_stack, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbp
  pop %rbx
  ret

  .global on_test_stack             // void on_test_stack(void (*test)())
on_test_stack:
  mov $test_stack_top, %rsp
  xor %ebp, %ebp
  call *%rdi
  ud2

  .bss
  .balign 16
  .skip 32768
test_stack_top:
saved_stack: .skip 8
  .section .note.GNU-stack, "", @progbits
