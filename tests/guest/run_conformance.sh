#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_conformance.sh ARGUMENTS...: runs the conformance program on the deterministic machine. Prints the QEMU line and
# the console, whose lines "ok ..." and "FAILED ..." are the cases. Ends with 0 only if the machine ended with its
# verdict "N passed, 0 failed" and code 0.
. "$(dirname "$0")/machine.sh"
set -- $conformance_machine -serial stdio -serial null "$@"
echo "$*"
console=$(mktemp)
trap 'rm -f "$console"' EXIT
timeout "${LIMIT:-570}" "$@" </dev/null >"$console" 2>&1
status=$?
cat "$console"
[ "$status" -eq 1 ] || { echo "FAILED the machine's end: QEMU ended with $status, not with 1"; exit 1; }
grep -q ' passed, 0 failed' "$console" || { echo "FAILED verdict: the console lacks one"; exit 1; }
