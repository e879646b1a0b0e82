# SPDX-License-Identifier: Apache-2.0
"""guest_counters.py KERNEL RAM...: gcov's counters of a kernel that ran in a machine, as .gcda files beside its objects.

KERNEL is an image built with CAPOS_COVERAGE; each RAM is a file that was a machine's memory (physical address = offset)
and holds the counters as that machine left them. Counts of several machines are added.

The kernel runs no code for this. GCC's -fprofile-info-section leaves a pointer to each object's struct gcov_info in the
section .gcov_info; layouts and file format are those of GCC 12 (gcc/gcov-io.h, libgcc/libgcov.h): another compiler's
are refused.
"""
import struct
import subprocess
import sys

VERSION = 0x4232322A  # "B22*"
PHYSICAL = 0xFFFFFFFF80000000  # kernel.ld: linked here, loaded at the difference
COUNTERS = 8
TAG_FUNCTION, TAG_ARCS = 0x01000000, 0x01A10000
TAG_SUMMARY, MAGIC = 0xA1000000, 0x67636461


class Memory:
    def __init__(self, path):
        self.file = open(path, "rb")

    def read(self, address, size):
        self.file.seek(address - PHYSICAL)
        return self.file.read(size)

    def unpack(self, layout, address):
        return struct.unpack(layout, self.read(address, struct.calcsize(layout)))

    def text(self, address):
        return self.read(address, 4096).split(b"\0", 1)[0].decode()


def symbol(kernel, name):
    for line in subprocess.run(["nm", kernel], check=True, capture_output=True, text=True).stdout.splitlines():
        if line.split()[2] == name:
            return int(line.split()[0], 16)
    sys.exit(f"{kernel}: no symbol {name}")


def functions_of(memory, info):
    """(ident, lineno checksum, cfg checksum, counts) of each function that the link kept in this object."""
    count, table = memory.unpack("<I4xQ", info + 32 + 8 * COUNTERS)
    for where in memory.unpack(f"<{count}Q", table):
        key, ident, lines, graph, number, values = memory.unpack("<QIII4xI4xQ", where) if where else (0,) * 6
        if key == info:
            yield ident, lines, graph, memory.unpack(f"<{number}Q", values)


def add_machine(memory, first, end, objects):
    for info in memory.unpack(f"<{(end - first) // 8}Q", first):
        version, stamp, checksum, name = memory.unpack("<I12xIIQ", info)
        if version != VERSION:
            sys.exit(f"the counters are of a compiler that this script does not know: {version:#x}")
        known = objects.setdefault((memory.text(name), stamp, checksum), {})
        for ident, lines, graph, counts in functions_of(memory, info):
            before = known.get((ident, lines, graph), (0,) * len(counts))
            known[ident, lines, graph] = tuple(a + b for a, b in zip(before, counts))


def write(name, stamp, checksum, functions):
    most = max((max(counts, default=0) for counts in functions.values()), default=0)
    data = struct.pack("<8I", MAGIC, VERSION, stamp, checksum, TAG_SUMMARY, 8, 1, min(most, 0xFFFFFFFF))
    for key, counts in functions.items():
        data += struct.pack("<5I", TAG_FUNCTION, 12, *key)
        data += struct.pack(f"<2I{len(counts)}Q", TAG_ARCS, 8 * len(counts), *counts)
    with open(name, "wb") as file:
        file.write(data + struct.pack("<I", 0))


def main(kernel, *machines):
    first, end = symbol(kernel, "capos_gcov_begin"), symbol(kernel, "capos_gcov_end")
    objects = {}
    for path in machines:
        add_machine(Memory(path), first, end, objects)
    if not any(any(counts) for functions in objects.values() for counts in functions.values()):
        sys.exit("no counter has moved: is this the memory of this kernel?")
    for (name, stamp, checksum), functions in objects.items():
        write(name, stamp, checksum, functions)


if __name__ == "__main__":
    main(*sys.argv[1:])
