#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The certificate checker stays small enough to be read in one sitting: at most 300 lines without comments and empty ones.
# Arguments: the source directory.
set -eu
limit=300
lines=$(grep -hvE '^ *(//.*)?$' "$1/sched/src/checker.cpp" "$1/sched/src/check_time.cpp" "$1/sched/src/claimed_work.hpp" | wc -l)
echo "the checker: $lines lines of at most $limit"
[ "$lines" -le $limit ]
