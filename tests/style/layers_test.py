#!/usr/bin/env python3
"""Includes point only downward in the map of ARCHITECTURE.md, and runtime/core stays pure."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a folder may include of ours, besides itself. A file by its name: that one alone.
CORE = {"include/keyloom"}
MAY_INCLUDE = {
    "include/keyloom": set(),
    "runtime/core": CORE,
    "runtime/log": {"include/keyloom"},
    "runtime/http": {"include/keyloom"},
    "runtime/store": CORE,
    "runtime/work": CORE | {"runtime/core"},
    "runtime/kafka": CORE | {"runtime/core", "runtime/log"},
    "runtime/testkit": CORE | {"runtime/core", "runtime/work/home_gate.hpp"},
    "actors": CORE | {"runtime/core", "runtime/http", "runtime/log", "runtime/work", "runtime/kafka"},
    "examples": {"include/keyloom", "examples"},
    "tools": CORE | {"runtime/core", "runtime/log", "runtime/work", "runtime/kafka", "actors"},
}

# Threads, waiting for them, clocks of one's own, and I/O are not the core's.
NOT_IN_CORE = {
    "barrier", "condition_variable", "cstdio", "filesystem", "fstream", "future", "iostream", "latch", "mutex",
    "semaphore", "shared_mutex", "stop_token", "syncstream", "thread",
}

# Of CAF the core has value types alone (errc.cpp takes errors apart, which are messages inside).
CAF_IN_CORE = {
    "error", "expected", "intrusive_ptr", "make_counted", "message", "ref_counted", "span", "type_id_list",
}

# Asks how many processors there are.
EXCEPT = {("runtime/core/preset.cpp", "thread")}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def includes(path):
    return [(kind, name) for kind, name in INCLUDE.findall(path.read_text())]


def target_of(path, kind, name):
    """The included file of ours, relative to the root; None: it is not ours."""
    if name.startswith("keyloom/"):
        return f"include/{name}"
    if kind == '"':
        for candidate in (ROOT / name, path.parent / name):
            if candidate.exists():
                return candidate.relative_to(ROOT).as_posix()
    return None


def complaints_of(path, folder):
    where = path.relative_to(ROOT).as_posix()
    for kind, name in includes(path):
        target = target_of(path, kind, name)
        if target is not None:
            allowed = {folder} | MAY_INCLUDE[folder]
            if not any(target == each or target.startswith(each + "/") for each in allowed):
                yield f"{where} includes {target}, which is not below {folder}"
        elif folder == "runtime/core" and name in NOT_IN_CORE and (where, name) not in EXCEPT:
            yield f"{where} includes <{name}>: the core has no threads and no I/O"
        elif folder == "runtime/core" and name.startswith("caf/") and pathlib.Path(name).stem not in CAF_IN_CORE:
            yield f"{where} includes <{name}>: of CAF the core has value types alone"
        if name.endswith("rdkafka.h") and folder != "runtime/kafka":
            yield f"{where} includes rdkafka.h: only runtime/kafka may"


def main():
    complaints = []
    looked_at = 0
    for folder in MAY_INCLUDE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".hpp", ".cpp"):
                looked_at += 1
                complaints += complaints_of(path, folder)
    if looked_at < 100:
        complaints.append(f"only {looked_at} files found below {ROOT}")
    for each in complaints:
        print(each, file=sys.stderr)
    print(f"{looked_at} files, {len(complaints)} includes against the map of ARCHITECTURE.md")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
