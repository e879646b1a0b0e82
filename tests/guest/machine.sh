# SPDX-License-Identifier: Apache-2.0
# machine.sh, read by the others: the deterministic machine that the conformance program expects: a clock that follows
# virtual time, a second serial port that nobody else uses, and QEMU's educational PCI function.
conformance_machine="qemu-system-x86_64 -machine q35 -accel tcg -icount shift=0,sleep=off -cpu max,+rdtscp -nodefaults \
  -display none -rtc base=2026-01-01T00:00:00,clock=vm -device edu -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04"
