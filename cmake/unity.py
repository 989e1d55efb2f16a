#!/usr/bin/env python3
"""Says which source files may be compiled together: unity.py MOST FILE... prints `group file` lines.

Files of one folder are put together, at most MOST, as long as no two of them define the same name in an unnamed namespace,
at file scope or as a macro.
"""

import collections
import pathlib
import re
import sys

UNNAMED = re.compile(r"^namespace \{\n(.*?)^\} // namespace\n", re.MULTILINE | re.DOTALL)
DEFINED = (
    re.compile(r"^(?:[\w:<>,&\* \[\]]+?[ &\*])(\w+)(?:\(|\{| =|;|\[)", re.MULTILINE),  # functions, constants
    re.compile(r"^(?:struct|class|enum class|enum|using) (\w+)", re.MULTILINE),
)
AT_FILE_SCOPE = (
    re.compile(r"^(?:namespace|using) (\w+) =", re.MULTILINE),
    re.compile(r"^static [^;{(]*?(\w+)(?:\(|\{| =|;)", re.MULTILINE),
    re.compile(r"^#define (\w+)", re.MULTILINE),
)


def names_of(path):
    text = path.read_text(encoding="utf-8")
    found = {name for body in UNNAMED.findall(text) for pattern in DEFINED for name in pattern.findall(body)}
    return found | {name for pattern in AT_FILE_SCOPE for name in pattern.findall(text)}


def main():
    most = int(sys.argv[1])
    by_folder = collections.defaultdict(list)
    for path in sorted(map(pathlib.Path, sys.argv[2:])):
        by_folder[path.parent].append(path)
    number = 0
    for paths in by_folder.values():
        groups = []
        for path in paths:
            names = names_of(path)
            group = next((g for g in groups if len(g[0]) < most and not g[1] & names), None)
            if group is None:
                group = ([], set())
                groups.append(group)
            group[0].append(path)
            group[1].update(names)
        for files, _ in groups:
            number += 1
            for path in files:
                print(f"unit{number} {path}")


if __name__ == "__main__":
    main()
