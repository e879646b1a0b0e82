#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_conformance.sh ARGUMENTS...: runs the conformance program on the deterministic machine. Prints the QEMU line and
# the console, whose lines "ok ..." and "FAILED ..." are the cases. Ends with 0 only if the machine ended with its
# verdict "N passed, 0 failed" and code 0.
set -- qemu-system-x86_64 -machine q35 -accel tcg -icount shift=0,sleep=off -cpu max,+rdtscp -nodefaults -display none \
  -serial stdio -serial null -rtc base=2026-01-01T00:00:00,clock=vm -device edu -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04 "$@"
echo "$*"
console=$(mktemp)
trap 'rm -f "$console"' EXIT
timeout "${LIMIT:-570}" "$@" </dev/null >"$console" 2>&1
status=$?
cat "$console"
[ "$status" -eq 1 ] || { echo "FAILED the machine's end: QEMU ended with $status, not with 1"; exit 1; }
grep -q ' passed, 0 failed' "$console" || { echo "FAILED verdict: the console lacks one"; exit 1; }
