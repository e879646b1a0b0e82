// SPDX-License-Identifier: Apache-2.0
// A guest that shows whether an accelerator really runs x86-64: it enters by PVH, goes to long mode, counts a loop
// in supervisor mode and one in user mode, makes one SYSCALL/SYSRET round trip between them, and reports through
// isa-debug-exit: kProbeFine if all went as it must. Any exception is a triple fault, which ends QEMU.
// Instructions executed: 2 * kLoops in each mode, and about 60 more.

        .set kLoops, 1000000
        .set kProbeFine, 0x2a
        .set kProbeWrong, 0x01
        .set kExitPort, 0xf4
        .set kEfer, 0xc0000080
        .set kStar, 0xc0000081
        .set kLstar, 0xc0000082
        .set kSfmask, 0xc0000084
        .set kUserCode, 0x23
        .set kMarker, 0x43415031

        .section .note.pvh, "a", @note
        .align  4
        .long   4, 4, 18                // XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   enter

        .text
        .code32
        .globl  enter
enter:  cli
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $0x20, %eax             // PAE
        movl    %eax, %cr4
        movl    $kEfer, %ecx
        rdmsr
        orl     $0x101, %eax            // LME, SCE
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax       // PG, PE
        movl    %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $0x08, $long_mode

        .code64
long_mode:
        movl    $0x10, %eax
        movl    %eax, %ss
        movl    $0x00130008, %edx       // SYSRET selectors from 0x10|3, SYSCALL selectors from 0x08
        xorl    %eax, %eax
        movl    $kStar, %ecx
        wrmsr
        movl    $system_call, %eax
        xorl    %edx, %edx
        movl    $kLstar, %ecx
        wrmsr
        movl    $0x200, %eax            // interrupts stay off
        movl    $kSfmask, %ecx
        wrmsr
        movl    $kLoops, %ebx
1:      decl    %ebx
        jnz     1b
        movl    $user, %ecx
        movl    $2, %r11d
        sysretq

user:   movl    $kLoops, %ebx
1:      decl    %ebx
        jnz     1b
        movl    $kMarker, %edi
        xorl    %esi, %esi
        syscall
        movl    $1, %esi                // back from the round trip: report
        syscall
        ud2

// First call (esi 0): back to the user. Second: judge and end.
system_call:
        testl   %esi, %esi
        jnz     1f
        movl    %edi, %r12d
        sysretq
1:      movl    $kProbeFine, %eax
        cmpl    $kMarker, %r12d
        je      2f
        movl    $kProbeWrong, %eax
2:      outb    %al, $kExitPort
3:      hlt
        jmp     3b

        .data
        .align  4096
pml4:   .quad   pdpt + 7
        .fill   511, 8, 0
pdpt:   .quad   page_directory + 7
        .fill   511, 8, 0
page_directory:
        .quad   0x000087                // 2 MiB pages: present, writable, user
        .quad   0x200087
        .fill   510, 8, 0
gdt:    .quad   0
        .quad   0x00af9b000000ffff      // 0x08 supervisor code
        .quad   0x00cf93000000ffff      // 0x10 supervisor data
        .quad   0x00cff3000000ffff      // 0x18 user data
        .quad   0x00affb000000ffff      // 0x20 user code
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt
        .section .note.GNU-stack, "", @progbits
