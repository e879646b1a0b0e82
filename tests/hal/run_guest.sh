#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_guest.sh STATUS TEXT ARGUMENTS...: runs QEMU on the deterministic machine; it must end with STATUS and its
# console must hold TEXT and no line that begins with FAILED. Prints the QEMU line and the console.
status=$1 text=$2
shift 2
set -- qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off -nodefaults -display none -serial stdio -no-reboot \
  -device isa-debug-exit,iobase=0xf4,iosize=0x04 "$@"
echo "$*"
console=$(timeout 120 "$@" </dev/null 2>&1)
found=$?
echo "$console"
[ "$found" -eq "$status" ] || { echo "FAILED: QEMU ended with $found, not with $status"; exit 1; }
echo "$console" | grep -q '^FAILED' && exit 1
echo "$console" | grep -qF "$text" || { echo "FAILED: the console lacks: $text"; exit 1; }
