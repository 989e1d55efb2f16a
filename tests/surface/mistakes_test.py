#!/usr/bin/env python3
"""A mistake in a user's program is one compiler error that says what is wrong and what is right."""

import pathlib
import re
import sys

import compiling

WRONG = sorted((pathlib.Path(__file__).resolve().parent / "wrong").glob("*.cpp"))
MARK = "// error: "
problems = []


def check(path):
    text = path.read_text(encoding="utf-8")
    if not text.startswith(MARK):
        problems.append(f"{path.name} should begin with '{MARK}what the compiler must say'")
        return
    expected = text.splitlines()[0].removeprefix(MARK)
    result = compiling.compiled(text, "-fsyntax-only")
    errors = re.findall(r"error: (.*)", result.stderr)
    if len(errors) != 1 or expected not in errors[0]:
        listed = "\n  ".join(errors) or "none"
        problems.append(f"{path.name} should give the one error '{expected}', but gives\n  {listed}")


compiling.for_all(check, WRONG)
print(f"{len(WRONG)} wrong programs, {len(problems)} problems")
sys.exit("\n".join(problems) or (0 if WRONG else "there is no wrong program to look at"))
