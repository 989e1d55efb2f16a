#!/usr/bin/env python3
# The first program that README.md shows is examples/first_program.cpp to the letter, which the build
# compiles, and no longer than README.md says.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
readme = (root / "README.md").read_text(encoding="utf-8")
program = (root / "examples/first_program.cpp").read_text(encoding="utf-8")

shown = re.findall(r"^```cpp\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
if len(shown) != 1:
    sys.exit(f"README.md should show one C++ program, it has {len(shown)} blocks that begin with ```cpp")
for number, (is_shown, is_built) in enumerate(zip(shown[0].splitlines(), program.splitlines()), start=1):
    if is_shown != is_built:
        sys.exit(f"line {number} differs\n  README.md:                  {is_shown}\n"
                 f"  examples/first_program.cpp: {is_built}")
if shown[0] != program:
    sys.exit("README.md and examples/first_program.cpp differ in length: one ends before the other")

lines = sum(1 for line in program.splitlines() if line.strip())
if lines > 20:
    sys.exit(f"the first program has {lines} lines that are not blank; 20 is what it may have")
