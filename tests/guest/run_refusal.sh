#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_refusal.sh TEXT ARGUMENTS...: the kernel must refuse to boot with TEXT on the console, a remedy, QEMU status 251
# (exit code refused_pack), and no panic.
text=$1
shift
set -- qemu-system-x86_64 -machine q35 -accel tcg -icount shift=0,sleep=off -cpu max,+rdtscp -nodefaults -display none \
  -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04 -m 128M "$@"
echo "$*"
console=$(timeout 120 "$@" </dev/null 2>&1)
status=$?
echo "$console"
[ "$status" -eq 251 ] || { echo "FAILED refusal: QEMU ended with $status, not with 251"; exit 1; }
echo "$console" | grep -q 'KERNEL PANIC' && { echo "FAILED refusal: the kernel panicked"; exit 1; }
echo "$console" | grep -qF "boot refused: $text" || { echo "FAILED refusal: the console lacks: $text"; exit 1; }
echo "$console" | grep -q '^  remedy: ' || { echo "FAILED refusal: the console lacks a remedy"; exit 1; }
