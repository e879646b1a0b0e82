# SPDX-License-Identifier: Apache-2.0
# Linux entry without a C library: runs capos_test_main, exits with what it returns. %fs stays 0.
.globl _start
.type _start, @function
_start:
  xorl %ebp, %ebp
  call capos_test_main
  movl %eax, %edi
  movl $231, %eax
  syscall
  hlt
.size _start, . - _start
.section .note.GNU-stack, "", @progbits
