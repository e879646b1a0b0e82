#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_spin.sh holds|fails MODEL [-DNAME...]: explores every state of a model, or finds a seeded mistake in it.
# Prints states, depth and time; after a counterexample, its steps. Works in a directory of its own below the current one.
# With REPLAY="PROGRAM PROPERTY" in the environment, PROGRAM is given the steps, and must end with 0 too. With SEARCH=deep a
# counterexample is sought in depth: found sooner where it is long, and longer than need be.
set -eu
expected=$1
model=$2
shift 2
work=spin/$(basename "$model" .pml)$(printf '%s' "$*" | tr -d ' ')
rm -rf "$work"
mkdir -p "$work"
cd "$work"

spin -a "$@" "$model"
# Safety properties: assertions and dead ends. A counterexample is sought in breadth first: it is the shortest then. It is found
# sooner than a compiler makes the search faster.
case $expected-${SEARCH:-} in
  holds-*) search=-O1 ;;
  *-deep) search=-O0 ;;
  *) search="-O0 -DBFS" ;;
esac
gcc -w -DSAFETY $search -o pan pan.c
./pan -m500000 >report 2>&1 || true
grep -a -E '^State-vector|states, stored|transitions \(|elapsed|violated \(|^pan.*invalid end state' report

if grep -a -q -E 'max search depth too small|out of memory|Search not completed.*depth' report; then
  echo "FAILED: the search is not complete"
  exit 1
fi
if grep -a -q 'errors: 0$' report && ! grep -a -q 'Search not completed' report; then found=no; else found=yes; fi
if [ $found = yes ]; then
  grep -a -q -E '^pan.*(violated|invalid end state)' report || { cat report; exit 1; }
  echo "counterexample:"
  spin -t -T -B "$@" -k ./*.trail "$model" | grep -a '^ *step' | sed 's/^ */  /' | tee steps || true
  # $REPLAY: a program, and the property's name: the same steps on the kernel, which has not the mistake.
  if [ -n "${REPLAY:-}" ]; then $REPLAY <steps || exit 1; fi
fi
case $expected-$found in
  holds-no) echo "ok: holds in every state" ;;
  fails-yes) echo "ok: the seeded mistake is found" ;;
  holds-yes) echo "FAILED: a property does not hold (trail: $PWD)"; exit 1 ;;
  *) echo "FAILED: the seeded mistake is not found"; exit 1 ;;
esac
