#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# thread_safety.sh SOURCE_DIR GENERATED_DIR: clang's thread-safety analysis over the kernel, sched and what of the HAL is
# compiled for the host, twice: as it is (no finding), and with a mistake (a lock taken twice: found).
set -eu
root=$1
generated=$2
flags="-std=gnu++23 -Wall -Wextra -Wthread-safety -Wthread-safety-beta -Werror -DCAPOS_DEBUG_CHECKS=1
  -DCAPOS_VERSION=\"0\" -fno-exceptions -fno-rtti -I$root/kernel -I$root/sched/src -I$generated
  -I$root/schema/codec/include -I$root/schema/abi/include -I$root/base/include -I$root/sched/include
  -I$root/hal/x86_64/include -I$root/hal/include -I$root/hal"
set -- "$root"/kernel/*.cpp "$root"/kernel/*/*.cpp "$root"/sched/src/*.cpp "$root"/hal/acpi/*.cpp "$root"/hal/boot/*.cpp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What most of them include, read once: it is two thirds of the time.
printf '#include "%s"\n' ipc/endpoint.hpp objects/services.hpp process/process.hpp >"$work/headers.hpp"
clang++-19 $flags -x c++-header "$work/headers.hpp" -o "$work/headers.pch" || { echo "FAILED: see above"; exit 1; }
check="clang++-19 $flags -fsyntax-only -include-pch $work/headers.pch"
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 $check || { echo "FAILED: see above"; exit 1; }
mistake=$work/mistake.cpp
cat >"$mistake" <<'END'
#include "memory/frame_allocator.hpp"
using namespace capos::kernel;
std::uint64_t twice() {
  auto outer = frames().lock();
  auto inner = frames().lock();
  return outer->free_frames() + inner->free_frames();
}
END
if $check "$mistake" 2>/dev/null; then
  echo "FAILED: a lock taken twice is not found"
  exit 1
fi
echo "ok: $# files without a finding; the seeded mistake is found"
