#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Links twice: link_with_symbols.sh NM CXXFILT COMPILER ARGUMENTS... runs the link, makes the table of its functions
# (capos_symbols_begin, capos_symbols_end: address and name, sorted), links again with it, and checks that no function
# has moved. The table lies behind the text, so none does.
set -e
nm=$1 cxxfilt=$2
shift 2
output=
previous=
for argument; do
  [ "$previous" = "-o" ] && output=$argument
  previous=$argument
done
table=$output.symbols

functions() { "$nm" -n --defined-only "$1" | awk '$1 ~ /^ffffffff/ && $2 ~ /^[tTwW]$/ && $3 !~ /^hal_(image_start|text_end)$/'; }

"$@"
functions "$output" > "$table.first"
"$cxxfilt" -p < "$table.first" | awk '
  BEGIN { n = 0 }
  { address = $1; $1 = ""; $2 = ""; sub(/^ +/, "") }
  address != last { addresses[n] = address; names[n++] = $0; last = address }
  END {
    print ".section .symbol_table, \"a\"\n.balign 8\n.global capos_symbols_begin\ncapos_symbols_begin:"
    for (i = 0; i < n; i++) print ".quad 0x" addresses[i] ", name" i
    print ".global capos_symbols_end\ncapos_symbols_end:"
    for (i = 0; i < n; i++) { gsub(/["\\]/, "", names[i]); print "name" i ": .asciz \"" names[i] "\"" }
    print ".section .note.GNU-stack, \"\", @progbits"
  }' > "$table.S"
"$1" -c -o "$table.o" "$table.S"
"$@" "$table.o"
functions "$output" | cmp -s - "$table.first" || { echo "$output: functions moved between the two links" >&2; exit 1; }
rm -f "$table.first" "$table.S" "$table.o"
