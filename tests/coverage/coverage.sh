#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# coverage.sh: lines and branches of kernel/ and sched/ that tests reach, for each folder and in all: by the host tests and,
# with counters in the kernel itself (guest_counters.py), by the conformance program in the machine. Both in build/coverage;
# the boot packs are those of build/release. Each file by itself: out/coverage/index.html.
# Exit status: 0; 1 if a test fails, or lines in all are below CAPOS_COVERAGE_LINES percent (90); 2: it could not measure.
# Environment: CAPOS_JOBS=N builds with N jobs; CAPOS_COVERAGE_LINES=PERCENT.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=$(readlink -f -- "$here/../..")
build=$root/build/coverage
packs=$root/build/release/tests/guest
out=$root/out/coverage
tests='test_(sched|kernel)_[a-z_]*'
status=0
mkdir -p "$out"

note() { printf '%s\n' "$*"; }
give_up() { printf 'coverage: %s\n' "$*" >&2; exit 2; }

build_all() {
  local launcher=() programs
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  [[ -f $build/build.ninja ]] || cmake -S "$root" --preset coverage "${launcher[@]}" || return
  mapfile -t programs < <(ninja -C "$build" -t targets all | sed -n 's/: phony$//p' | grep -xE "$tests" | sort -u)
  ninja -C "$build" ${CAPOS_JOBS:+-j "$CAPOS_JOBS"} capos-kernel "${programs[@]}"
}

run_host_tests() {
  local program name
  while read -r program; do
    name=$(basename "$program")
    # Counters slow the walk down; what it reaches, it reaches early.
    if ! (cd "$(dirname "$program")" && CAPOS_WALK_STEPS=${CAPOS_WALK_STEPS:-200000} "$program") >"$out/$name.log" 2>&1; then
      note "FAILED $name: $out/$name.log"
      status=1
    fi
  done < <(find "$build/tests" -type f -executable -regextype posix-extended -regex ".*/$tests" | sort)
}

# Memory of the machine is a file, which holds the kernel's counters when it has ended.
run_machine() {  # name, script, its arguments before the machine's, --, the machine's
  local name=$1 script=$2 before=()
  shift 2
  while [[ $1 != -- ]]; do before+=("$1") && shift; done
  shift
  if ! LIMIT=1500 sh "$root/tests/guest/$script" "${before[@]}" -m 256M \
    -object "memory-backend-file,id=ram,size=256M,share=on,mem-path=$memories/$name" -machine memory-backend=ram \
    -kernel "$build/kernel/capos-kernel" "$@" >"$out/guest-$name.log" 2>&1; then
    note "FAILED guest.$name: $out/guest-$name.log"
    status=1
  fi
}

run_guest_tests() {
  memories=$(mktemp -d)
  trap 'rm -rf "$memories"' EXIT
  run_machine conformance.1cpu run_conformance.sh -- -smp 1 -initrd "$packs/one-cpu.pack"
  run_machine conformance.2cpu run_conformance.sh -- -smp 3 -initrd "$packs/two-cpus.pack"
  run_machine refusal.no-module run_refusal.sh "no boot pack" --
  run_machine refusal.no-init run_refusal.sh "the boot pack has no program for initConfig.init" -- -initrd "$packs/no-init.pack"
  run_machine refusal.init-huge-memory run_refusal.sh quotaExceeded -- -initrd "$packs/init-huge-memory.pack"
  python3 "$here/guest_counters.py" "$build/kernel/capos-kernel" "$memories"/*
}

[[ -f $packs/two-cpus.pack ]] || give_up "no boot packs in $packs: ./capos test builds them"
build_all >"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log" >&2; give_up "the build failed: $out/build.log"; }
find "$build" -name '*.gcda' -delete
run_host_tests
run_guest_tests || give_up "the machines' counters could not be read"
gcovr --root "$root" --object-directory "$build" --filter "$root/kernel/" --filter "$root/sched/" --exclude-unreachable-branches \
  --exclude-throw-branches --json-summary "$out/summary.json" --html-details "$out/index.html" "$build" >"$out/gcovr.log" 2>&1 ||
  { tail -n 20 "$out/gcovr.log" >&2; give_up "gcovr failed: $out/gcovr.log"; }
python3 "$here/table.py" "$out/summary.json" "${CAPOS_COVERAGE_LINES:-90}" || status=1
exit $status
