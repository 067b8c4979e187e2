#!/usr/bin/env python3
"""Hold a probe's output against CouchDB's.

usage: probe_differences.py REFERENCE OUTPUT KNOWN

KNOWN lists, one a line, the names of the checks that may differ. Another
difference fails, and so does a listed check that no longer differs: the list
only shrinks.
"""
import sys

WIDTH = 34  # of a check's name in a probe's line


def lines(path):
    with open(path, encoding="utf-8") as file:
        return {line[:WIDTH].strip(): line[WIDTH:].strip() for line in file if line.strip()}


def main(reference, output, known):
    want, got = lines(reference), lines(output)
    # A line EXC says that the check does not apply to CouchDB.
    differ = {name for name in want if not want[name].startswith("EXC") and got.get(name) != want[name]}
    with open(known, encoding="utf-8") as file:
        allowed = {line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")}
    for name in sorted(differ - allowed):
        print(f"differs: {name}\n  CouchDB: {want[name]}\n  here:    {got.get(name)}")
    for name in sorted(allowed - differ):
        print(f"no longer differs, strike it from {known}: {name}")
    print(f"{len(want)} checks, {len(differ)} differ, {len(allowed)} of them known")
    return 1 if differ != allowed else 0


sys.exit(main(*sys.argv[1:]))
