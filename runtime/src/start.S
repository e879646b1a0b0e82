// SPDX-License-Identifier: Apache-2.0
// A program's first instructions: rdi = ring, rsi = number, rdx = CapSet; the stack is empty and aligned.
// No global constructors: the link refuses programs that have any.
  .section .text.start, "ax"
  .global _start
_start:
  xor %ebp, %ebp
  call capos_program_start
  ud2
  .section .note.GNU-stack, "", @progbits
