#!/usr/bin/env python3
"""Every public header compiles alone and without a warning, includes only what it may, and is cheap enough.

What a user's file costs is pinned in lines after the preprocessor, which are the same on every machine; its seconds are
printed, and fail the test only when far beyond what was promised.
"""

import re
import sys

import compiling

# What only some headers may include, because it is heavy or a library of its own: these are opt-in.
OPT_IN = {
    r"/nlohmann/": {"keyloom/codec/json.hpp"},
    r"/google/protobuf/": {"keyloom/codec/protobuf.hpp"},
    r"/boost/": {"keyloom/asio.hpp"},
    r"/caf/(io/|json_|scheduled_actor\.|stateful_actor\.|typed_actor\.|event_based_actor\.|all\.)":
        {"keyloom/handler_actor.hpp", "keyloom/inspector.hpp"},
}
FORBIDDEN = r"rdkafka|/spdlog/|/fmt/"

# Lines after the preprocessor; keyloom.hpp had 74,898. A little more is no reason to worry, another heavy header is: mend
# that, or say here why it must be.
MOST_LINES = {"keyloom/keyloom.hpp": 85_000}
PROMISED_SECONDS = 4
FAR_BEYOND = 4  # times: machines differ

problems = []


def check_alone(header):
    """Twice: the second time nothing may happen."""
    result = compiling.compiled(f"#include <{header}>\n" * 2, "-fsyntax-only", "-Werror")
    if result.returncode != 0:
        problems.append(f"{header} does not compile alone:\n{result.stderr}")


def included(preprocessed):
    """The files that a preprocessed text came from."""
    return set(re.findall(r'^# \d+ "([^"<]+[^"/])"', preprocessed, re.MULTILINE))


def check_includes(header):
    result = compiling.compiled(f"#include <{header}>\n", "-E")
    if result.returncode != 0:
        return  # said by check_alone
    paths = included(result.stdout)
    for path in sorted(paths):
        if path.startswith(f"{compiling.ROOT}/") and not path.startswith(f"{compiling.INCLUDE}/keyloom/"):
            problems.append(f"{header} includes {path}, which is not installed")
        if re.search(FORBIDDEN, path):
            problems.append(f"{header} includes {path}, which users must not need")
        for pattern, allowed in OPT_IN.items():
            opted_in = any(f"{compiling.INCLUDE}/{each}" in paths for each in allowed)
            if re.search(pattern, path) and not opted_in:
                problems.append(f"{header} includes {path}, which is for {', '.join(sorted(allowed))} alone")
    lines = sum(1 for line in result.stdout.splitlines() if line.strip() and not line.startswith("#"))
    if lines > MOST_LINES.get(header, lines):
        problems.append(f"{header} has {lines} lines after the preprocessor, {MOST_LINES[header]} are allowed")
    if header in MOST_LINES:
        print(f"{header}: {lines} lines after the preprocessor, {MOST_LINES[header]} allowed")


def check_that_opt_in_stays_opt_in():
    """keyloom.hpp has none of the opt-in headers."""
    result = compiling.compiled("#include <keyloom/keyloom.hpp>\n", "-E")
    for each in set().union(*OPT_IN.values()):
        if f"{compiling.INCLUDE}/{each}" in included(result.stdout):
            problems.append(f"keyloom.hpp includes {each}, which is opt-in")


def check_seconds():
    program = (compiling.ROOT / "examples/first_program.cpp").read_text(encoding="utf-8")
    result, seconds = compiling.seconds_of(compiling.compiled, program, "-c", "-o", "/dev/null")
    if result.returncode != 0:
        problems.append(f"examples/first_program.cpp does not compile:\n{result.stderr}")
    print(f"a user's file, with JSON: {seconds:.1f} s of processor time, {PROMISED_SECONDS} are promised")
    if seconds > FAR_BEYOND * PROMISED_SECONDS:
        problems.append(f"a user's file takes {seconds:.1f} s to compile; {PROMISED_SECONDS} s are promised")


check_seconds()  # first, while nothing else runs
compiling.for_all(check_alone, compiling.HEADERS)
compiling.for_all(check_includes, compiling.HEADERS)
check_that_opt_in_stays_opt_in()
print(f"{len(compiling.HEADERS)} public headers, {len(problems)} problems")
sys.exit("\n".join(problems) or 0)
