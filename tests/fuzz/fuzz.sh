#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh                                     names the targets
# fuzz.sh TARGET [--seconds N] [--jobs N]     searches; new inputs are kept in out/fuzz/TARGET
# fuzz.sh --smoke                             every target: its kept corpus, then a second of search
# Builds what it runs in build/fuzz with clang-19; needs build/release for the schema compiler plug-in.
# Exit status: 0 nothing found, 1 a crash (its input and the command that shows it again are printed), 2 wrong use.
set -euo pipefail
root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../..
root=$(readlink -f -- "$root")
build=$root/build/fuzz
kept=$root/tests/fuzz/corpus
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

targets() { sed -n 's/^capos_fuzz(\([a-z_]*\) .*/\1/p' "$root/tests/fuzz/CMakeLists.txt"; }
wrong() { printf 'fuzz: %s\n' "$1" >&2; exit 2; }

build_targets() {  # target...
  command -v clang++-19 >/dev/null || wrong "clang-19 is missing: apt-get install clang-19 libclang-rt-19-dev"
  mkdir -p "$root/out"
  local log=$root/out/fuzz-build.log
  exec 8>"$root/build/.fuzz.lock"
  flock 8
  if ! { [[ -f $build/build.ninja ]] || cmake -S "$root" --preset fuzz; } >"$log" 2>&1 ||
    ! ninja -C "$build" ${CAPOS_JOBS:+-j "$CAPOS_JOBS"} "${@/#/fuzz_}" >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    wrong "the build failed; all of it is in $log"
  fi
  exec 8>&-
}

search() {  # target, seconds, jobs
  local target=$1 seconds=$2 jobs=$3 out=$root/out/fuzz/$1
  mkdir -p "$out/corpus" "$out/crashes" "$kept/$target"
  local log=$out/log command=("$build/fuzz_$target" "-max_total_time=$seconds" -timeout=20 -rss_limit_mb=3000
    "-artifact_prefix=$out/crashes/" -print_final_stats=1 "$out/corpus" "$kept/$target")
  ((jobs > 1)) && command+=("-jobs=$jobs" "-workers=$jobs")
  # libFuzzer's workers leave their logs where they run.
  if (cd "$out" && "${command[@]}") >"$log" 2>&1; then
    printf '%-14s ok: %s inputs run, %s edges, %s kept\n' "$target" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)" \
      "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$(ls "$kept/$target" | wc -l)"
    return 0
  fi
  local found
  found=$(sed -n 's/.*Test unit written to //p' "$log" "$out"/fuzz-*.log 2>/dev/null | tail -n 1)
  tail -n 40 "$log"
  printf '%s FAILED: %s\n  again: %s %s\n' "$target" "${found:-see $log}" "$build/fuzz_$target" "${found:-}"
  return 1
}

case ${1:-} in
  '')
    printf 'targets (./capos fuzz TARGET [--seconds N] [--jobs N]):\n'
    targets | sed 's/^/  /'
    ;;
  --smoke)
    mapfile -t all < <(targets)
    build_targets "${all[@]}"
    status=0
    for target in "${all[@]}"; do search "$target" 1 1 || status=1; done
    exit $status
    ;;
  *)
    target=$1 seconds=60 jobs=1
    targets | grep -qx -- "$target" || wrong "there is no target '$target'; ./capos fuzz names them"
    shift
    while (($#)); do
      [[ ${2:-} =~ ^[1-9][0-9]{0,6}$ ]] || wrong "$1 wants a number from 1 on"
      case $1 in
        --seconds) seconds=$2 ;;
        --jobs) jobs=$2 ;;
        *) wrong "unknown option $1" ;;
      esac
      shift 2
    done
    build_targets "$target"
    search "$target" "$seconds" "$jobs"
    ;;
esac
