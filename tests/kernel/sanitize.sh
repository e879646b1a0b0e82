#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sanitize.sh: the host tests of kernel/ and sched/ under GCC's AddressSanitizer and UndefinedBehaviorSanitizer, with the
# kernel's own checks on, in build/sanitizers. A finding ends its suite. Logs: out/sanitize/.
# Exit status: 0; 1 if a suite fails; 2: it could not be built.
# Environment: CAPOS_JOBS=N builds with N jobs; CAPOS_WALK_STEPS=N steps of the random walk (100000: sanitizers slow it down,
# and the whole of it runs without them in ./capos test).
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=$(readlink -f -- "$here/../..")
build=$root/build/sanitizers
out=$root/out/sanitize
tests='test_(sched|kernel)_[a-z_]*'
export CAPOS_WALK_STEPS=${CAPOS_WALK_STEPS:-100000}
export UBSAN_OPTIONS=print_stacktrace=1
mkdir -p "$out"

build_all() {
  local launcher=() programs
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  [[ -f $build/build.ninja ]] || cmake -S "$root" --preset sanitizers "${launcher[@]}" || return
  mapfile -t programs < <(ninja -C "$build" -t targets all | sed -n 's/: phony$//p' | grep -xE "$tests" | sort -u)
  ninja -C "$build" ${CAPOS_JOBS:+-j "$CAPOS_JOBS"} "${programs[@]}"
}

passed=0 failed=0
run() {  # program
  local name started=$SECONDS
  name=$(basename "$1")
  if (cd "$(dirname "$1")" && "$1") >"$out/$name.log" 2>&1; then
    printf 'passed %s (%d s)\n' "$name" $((SECONDS - started))
    passed=$((passed + 1))
  else
    tail -n 30 "$out/$name.log"
    printf 'FAILED %s: %s\n' "$name" "$out/$name.log"
    failed=$((failed + 1))
  fi
}

build_all >"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log" >&2; printf 'sanitize: the build failed: %s\n' "$out/build.log" >&2; exit 2; }
while read -r program; do
  run "$program"
done < <(find "$build/tests" -type f -executable -regextype posix-extended -regex ".*/$tests" | sort)
printf '%d suites passed under the sanitizers, %d failed\n' "$passed" "$failed"
[[ $failed == 0 && $passed != 0 ]]
