"""What the tests of the surface share: the compiler, with the flags of a program that uses keyloom."""

import concurrent.futures
import json
import os
import pathlib
import resource
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
HEADERS = sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.hpp"))


def flags():
    """The compiler and the flags of examples/first_program.cpp, which is a user's file, without sanitizers."""
    folder = pathlib.Path(os.environ.get("KEYLOOM_COMPILE_COMMANDS") or ROOT / "build/dev")
    commands = json.loads((folder / "compile_commands.json").read_text(encoding="utf-8"))
    command = next(c for c in commands if c["file"] == str(ROOT / "examples/first_program.cpp"))
    arguments = shlex.split(command["command"])
    if pathlib.Path(arguments[0]).name == "ccache":
        arguments = arguments[1:]
    output = arguments.index("-o")
    kept = arguments[:output] + arguments[output + 2 :]
    return [a for a in kept if a not in ("-c", command["file"]) and not a.startswith("-fsanitize")]


FLAGS = flags()


def compiled(text, *options):
    """Compiles a text as a C++ file; the result has returncode, stdout and stderr."""
    return subprocess.run([*FLAGS, *options, "-x", "c++", "-"], input=text, capture_output=True, text=True, check=False,
                            cwd=ROOT, env={**os.environ, "LC_ALL": "C"})


def seconds_of(function, *arguments):
    """The result of a call, and the processor time its compilers took; nothing else may compile meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = function(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def for_all(function, arguments):
    """The results of the calls, in order; as many at once as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, arguments))
