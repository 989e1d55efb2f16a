#!/usr/bin/env python3
"""All C++ files but examples and tests pass clang-tidy with .clang-tidy; with KEYLOOM_TIDY=all these do, too. They are
more than half of all files, examples cannot be in company, and a run from nothing has an hour.

Files are looked at in company (cmake/unity.py): most of the time goes into the headers, which they share. With
KEYLOOM_TIDY=alone, or all, each is looked at alone, without precompiled headers, so it includes what it uses.

What passed is not looked at again until it, a header of ours it includes, its compile command or the configuration
changes: that is noted in the cache folder.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOW = os.environ.get("KEYLOOM_TIDY", "")
FOLDERS = ("include", "runtime", "actors", "tools") + (("examples", "tests") if HOW == "all" else ())
TIDY = "clang-tidy-16"
FOLDER = ROOT / "build/tidy"
CACHE = pathlib.Path(os.environ.get("KEYLOOM_CACHE") or pathlib.Path.home() / ".cache/keyloom") / "tidy"


def compiled_with(path):
    """The files of ours that a file brings together, or itself; none of what is generated when it is built."""
    if not path.is_relative_to(FOLDER):
        return [path]
    if path.parent.name != "Unity":
        return []
    return [pathlib.Path(name) for name in re.findall(r'^#include "(.*)"$', path.read_text(), re.MULTILINE)]


def is_ours(path):
    return any(p.is_relative_to(ROOT) and p.relative_to(ROOT).parts[0] in FOLDERS for p in compiled_with(path))


def our_commands():
    """The compile commands of our own files."""
    configure = ["cmake", "--preset", "dev", "-S", ROOT, "-B", FOLDER, "-DKEYLOOM_PRECOMPILED=OFF",
                 f"-DKEYLOOM_UNITY={'OFF' if HOW else 'ON'}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    if "tests" in FOLDERS:
        subprocess.run(["cmake", "--build", FOLDER, "--target", "test_messages"], check=True, stdout=subprocess.DEVNULL)
    commands = json.loads((FOLDER / "compile_commands.json").read_text())
    # By file: one that belongs to two targets is looked at once.
    commands = {c["file"]: c for c in commands}.values()
    return [c for c in commands if is_ours(pathlib.Path(c["file"]))]


def included_files(command):
    """The file and the headers of ours it includes, as the compiler sees it."""
    arguments = shlex.split(command["command"])
    output = arguments.index("-o")
    del arguments[output : output + 2]
    listing = subprocess.run(
        [*arguments, "-MM", "-MF", "-", "-MT", "x"], cwd=command["directory"], capture_output=True,
        text=True, check=True,
    ).stdout
    return shlex.split(listing.replace("\\\n", " "))[1:]


def fingerprint(command, files):
    digest = hashlib.sha256(TIDY.encode())
    digest.update(command["command"].encode())
    for path in [ROOT / ".clang-tidy", *(pathlib.Path(command["directory"]) / f for f in files)]:
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def note_of(command):
    name = hashlib.sha256(command["file"].encode()).hexdigest()[:24]
    return CACHE / f"{name}.json"


def passed_before(command):
    """True when what passed then is what would be looked at now."""
    try:
        note = json.loads(note_of(command).read_text())
    except (OSError, ValueError):
        return False
    return note["fingerprint"] == fingerprint(command, note["files"])


def check(command):
    """Runs clang-tidy; returns its complaints, a text each, none when the file passes."""
    result = subprocess.run(
        # -w: warnings are the compiler's business, clang need not even know all it was asked for.
        # What brings files together includes them.
        [TIDY, "--quiet", f"-p={FOLDER}", "--extra-arg=-w", "--checks=-bugprone-suspicious-include", command["file"]],
        capture_output=True, text=True, check=False,
    )
    if result.returncode != 0:
        complaints = re.split(r"^(?=/\S+: (?:error|warning):)", result.stdout, flags=re.MULTILINE)
        return [c for c in complaints if c.strip()] or [result.stderr]
    files = included_files(command)
    note_of(command).write_text(
        json.dumps({"files": files, "fingerprint": fingerprint(command, files)}))
    return []


def give_way():
    """To tests that wait for brokers and processes: they have deadlines."""
    try:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError:
        os.nice(19)


def main():
    give_way()
    CACHE.mkdir(parents=True, exist_ok=True)
    commands = our_commands()
    to_check = [c for c in commands if not passed_before(c)]
    files = sum(len(compiled_with(pathlib.Path(c["file"]))) for c in commands)
    print(f"{files} files in {len(commands)} parts, {len(commands) - len(to_check)} of them unchanged since they passed")
    seen = set()  # a header's complaints come with every file that includes it
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for complaints in pool.map(check, to_check):
            for complaint in complaints:
                if complaint not in seen:
                    print(complaint, flush=True)
                seen.add(complaint)
    print(f"{len(seen)} complaints" if seen else "all pass")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
