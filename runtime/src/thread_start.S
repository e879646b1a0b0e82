// SPDX-License-Identifier: Apache-2.0
// A further thread's first instructions: rdi = ring, rsi = number, rdx = its block; the stack is empty and aligned.
  .section .text.thread, "ax"
  .global capos_thread_entry
capos_thread_entry:
  xor %ebp, %ebp
  call capos_thread_main
  ud2
  .section .note.GNU-stack, "", @progbits
