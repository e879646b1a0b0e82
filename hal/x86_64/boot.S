// SPDX-License-Identifier: Apache-2.0
// From the boot loader's 32-bit protected mode to hal_boot() in long mode.
//
// PVH (Xen's HVM direct boot ABI, docs/misc/pvh.pandoc): %ebx = start_info. Multiboot2 (specification 2.0, 3.3):
// %eax = magic, %ebx = information. Both: paging off, flat segments, interrupts off, .bss cleared by the loader.
// The first tables map 4 GiB by 2 MiB pages at 0, at the physical map and at the kernel's place; hal_boot() replaces
// them. Application processors use them once more while they switch to long mode.
#include "layout.h"

#define PHYSICAL(symbol) ((symbol) - CAPOS_KERNEL_BASE)

  .section .note.pvh, "a", @note
  .balign 4
  .long 4, 8, 18                    // XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .quad PHYSICAL(pvh_start)

  .section .multiboot2, "a"
  .balign 8
multiboot2_header:
  .long 0xe85250d6, 0, multiboot2_end - multiboot2_header
  .long 0x100000000 - (0xe85250d6 + (multiboot2_end - multiboot2_header))
  .short 3, 0                       // entry address
  .long 12, PHYSICAL(multiboot2_start)
  .balign 8
  .short 6, 0                       // modules on page boundaries
  .long 8
  .short 0, 0
  .long 8
multiboot2_end:

  .section .boot.text, "ax"
  .code32
  .global pvh_start
pvh_start:
  mov $CAPOS_PROTOCOL_PVH, %esi
  jmp start32

  .global multiboot2_start
multiboot2_start:
  mov $CAPOS_PROTOCOL_MULTIBOOT2, %esi

start32:
  cli
  cld
  rdtsc
  mov %eax, PHYSICAL(hal_entry_tsc)
  mov %edx, PHYSICAL(hal_entry_tsc) + 4
  mov $PHYSICAL(hal_boot_stack_top), %esp
  mov %ebx, %ebp
  mov $0x80000000, %eax
  cpuid
  cmp $0x80000001, %eax
  jb no_long_mode
  mov $0x80000001, %eax
  cpuid
  bt $29, %edx
  jnc no_long_mode

  mov $PHYSICAL(hal_early_directories), %edi
  mov $0x83, %eax                   // present, writable, 2 MiB
  mov $2048, %ecx
1:
  mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  loop 1b
  movl $PHYSICAL(hal_early_directories) + 0x0003, PHYSICAL(early_low)
  movl $PHYSICAL(hal_early_directories) + 0x1003, PHYSICAL(early_low) + 8
  movl $PHYSICAL(hal_early_directories) + 0x2003, PHYSICAL(early_low) + 16
  movl $PHYSICAL(hal_early_directories) + 0x3003, PHYSICAL(early_low) + 24
  movl $PHYSICAL(hal_early_directories) + 0x0003, PHYSICAL(early_high) + 510 * 8
  movl $PHYSICAL(early_low) + 3, PHYSICAL(hal_early_root)
  movl $PHYSICAL(early_low) + 3, PHYSICAL(hal_early_root) + 256 * 8
  movl $PHYSICAL(early_high) + 3, PHYSICAL(hal_early_root) + 511 * 8

  mov $0x20, %eax                   // PAE
  mov %eax, %cr4
  mov $PHYSICAL(hal_early_root), %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx             // EFER
  rdmsr
  or $0x100, %eax                   // LME
  wrmsr
  mov $0x80010033, %eax             // PG WP NE ET MP PE
  mov %eax, %cr0
  lgdt PHYSICAL(boot_gdt_pointer)
  ljmp $CAPOS_KERNEL_CODE, $PHYSICAL(start64)

no_long_mode:
  mov $PHYSICAL(no_long_mode_text), %esi
  mov $0x3f8, %edx
2:
  lodsb
  test %al, %al
  jz 3f
  out %al, %dx
  jmp 2b
3:
  mov $0x7e, %eax                   // kExitRefusedCpu
  mov $CAPOS_DEBUG_EXIT_PORT, %edx
  out %eax, %dx
4:
  hlt
  jmp 4b

  .code64
start64:
  mov $CAPOS_KERNEL_DATA, %eax
  mov %eax, %ss
  xor %eax, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %fs
  mov %eax, %gs
  mov $hal_boot_stack_top, %rsp
  mov %esi, %edi
  mov %ebp, %esi
  xor %ebp, %ebp
  push %rbp
  mov $hal_boot, %rax
  jmp *%rax

// Copied to CAPOS_TRAMPOLINE. Real mode straight to long mode (Intel SDM vol. 3, 9.8.5: PE and PG may be set at once).
  .code16
  .global hal_trampoline
hal_trampoline:
  cli
  cld
  mov %cs, %ax
  mov %ax, %ds
  mov $0x20, %eax
  mov %eax, %cr4
  mov $PHYSICAL(hal_early_root), %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx
  rdmsr
  or $0x100, %eax
  wrmsr
  lgdtl trampoline_gdt_pointer - hal_trampoline
  mov $0x80010033, %eax
  mov %eax, %cr0
  ljmpl $CAPOS_KERNEL_CODE, $(CAPOS_TRAMPOLINE + trampoline64 - hal_trampoline)
  .code64
trampoline64:
  mov $CAPOS_KERNEL_DATA, %eax
  mov %eax, %ss
  xor %eax, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %fs
  mov %eax, %gs
  mov $ap_start64, %rax
  jmp *%rax
  .balign 8
trampoline_gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
trampoline_gdt_pointer:
  .short 23
  .long CAPOS_TRAMPOLINE + trampoline_gdt - hal_trampoline
  .org hal_trampoline + CAPOS_TRAMPOLINE_BYTES  // refuses to go back: it is no longer than that

// On the early tables still; the final ones need NX switched on first.
ap_start64:
  mov $0xc0000080, %ecx
  rdmsr
  or $0x801, %eax                   // NXE, SCE
  wrmsr
  mov hal_ap_root, %rax
  mov %rax, %cr3
  mov hal_ap_stack, %rsp
  xor %ebp, %ebp
  push %rbp
  jmp hal_ap_start

  .section .rodata.boot, "a"
no_long_mode_text:
  .asciz "capos: refused: this CPU lacks long mode (lm)\r\n"
  .balign 8
boot_gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
  .short 23
  .long PHYSICAL(boot_gdt)

  .section .bss.boot, "aw", @nobits
  .balign 4096
  .global hal_early_root
hal_early_root: .skip 4096
early_low: .skip 4096
early_high: .skip 4096
hal_early_directories: .skip 16384
  .skip 16384
hal_boot_stack_top:
  .global hal_entry_tsc
hal_entry_tsc: .skip 8
  .section .note.GNU-stack, "", @progbits
