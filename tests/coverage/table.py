# SPDX-License-Identifier: Apache-2.0
"""table.py SUMMARY PERCENT: gcovr's JSON summary as a table by folder. Fails if fewer than PERCENT of all lines are reached."""
import collections
import json
import sys


def share(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main(summary, least):
    folders = collections.defaultdict(lambda: [0, 0, 0, 0])
    with open(summary, encoding="utf-8") as file:
        files = json.load(file)["files"]
    for file in files:
        parts = file["filename"].split("/")
        row = [file[key] for key in ("line_covered", "line_total", "branch_covered", "branch_total")]
        for name in {"/".join(parts[:-1]), parts[0], "in all"}:
            folders[name] = [a + b for a, b in zip(folders[name], row)]
    print(f"{'folder':<28}{'lines':>16}{'branches':>21}")
    for name in sorted(folders, key=lambda n: (n == "in all", n)):
        lines, all_lines, branches, all_branches = folders[name]
        print(f"{name:<28}{share(lines, all_lines):7.1f} % of {all_lines:5}{share(branches, all_branches):9.1f} % of {all_branches:6}")
    low = share(*folders["in all"][:2]) < float(least)
    if low:
        print(f"FAILED: fewer than {least} % of all lines are reached")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
