#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_panic.sh KERNEL PACK LINE: sends an NMI to a machine that runs programs, once the console has LINE; the kernel must
# stop with its report: registers, a symbolised stack, the last trace events, and QEMU status 255.
kernel=$1 pack=$2 line=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkfifo "$scratch/monitor.in" "$scratch/monitor.out"
. "$(dirname "$0")/machine.sh"
set -- $conformance_machine -serial file:"$scratch/console" -serial null \
  -chardev pipe,id=monitor,path="$scratch/monitor" -mon chardev=monitor,mode=readline \
  -smp 3 -m 256M -kernel "$kernel" -initrd "$pack"
echo "$*"
timeout 120 "$@" </dev/null >"$scratch/qemu" 2>&1 &
qemu=$!
cat "$scratch/monitor.out" >/dev/null &
exec 3>"$scratch/monitor.in"
waited=0
until grep -qF "$line" "$scratch/console" 2>/dev/null; do
  sleep 0.2
  waited=$((waited + 1))
  [ "$waited" -lt 300 ] || { echo "FAILED panic.start (the console lacks $line after 60 s)"; kill "$qemu"; exit 1; }
done
echo nmi >&3
wait "$qemu"
status=$?
exec 3>&-
tr -d '\r' <"$scratch/console" >"$scratch/report"
cat "$scratch/report" "$scratch/qemu"
bad=0
expect() {
  if sed -n '/KERNEL PANIC/,$p' "$scratch/report" | grep -qE "$2"; then
    echo "ok panic.$1"
  else
    echo "FAILED panic.$1 (the report lacks: $2)"
    bad=1
  fi
}
expect headline 'KERNEL PANIC: fault in the kernel'
expect time 'cpu [01], time [0-9]+ ns'
expect vector '^vector 2, '
expect registers 'rip [0-9a-f]{16}  rsp [0-9a-f]{16}'
expect address '^at 0x[0-9a-f]{16}'
# In the kernel the place has a name; in a program it has none.
if grep -q '^at 0x0000' "$scratch/report"; then
  expect stack '^  0x0000[0-9a-f]{12}$'
else
  expect stack '^  0xffff[0-9a-f]{12} [a-z].*\+0x[0-9a-f]+$'
fi
expect events '^  [0-9]+ [a-z]+ 0x[0-9a-f]+ 0x'
if [ "$status" -eq 255 ]; then echo "ok panic.status"; else
  echo "FAILED panic.status (QEMU ended with $status, not with 255)"
  bad=1
fi
exit $bad
