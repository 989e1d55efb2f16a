#!/usr/bin/env python3
"""All C++ files but the tests pass clang-tidy with .clang-tidy; with KEYLOOM_TIDY=all the tests do, too. They are half of
all files, and a run from nothing has an hour.

A file that passed is not looked at again until it, a header of ours it includes, its compile
command or the configuration changes: what passed is noted in the cache folder.
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
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("include", "runtime", "actors", "tools", "examples") + (("tests",) if os.environ.get("KEYLOOM_TIDY") else ())
TIDY = "clang-tidy-16"
CACHE = pathlib.Path(os.environ.get("KEYLOOM_CACHE") or pathlib.Path.home() / ".cache/keyloom") / "tidy"


def build_folder():
    return pathlib.Path(os.environ.get("KEYLOOM_COMPILE_COMMANDS") or ROOT / "build/dev")


PRECOMPILED = re.compile(r" -Winvalid-pch -include \S+/cmake_pch\.hxx")


def our_commands():
    """The compile commands of our own files, without precompiled headers: a file includes what it uses."""
    text = (build_folder() / "compile_commands.json").read_text()
    commands = [c | {"command": PRECOMPILED.sub("", c["command"])} for c in json.loads(text)]
    # By file: one that belongs to two targets is looked at once.
    commands = {c["file"]: c for c in commands}.values()
    ours = [c for c in commands if pathlib.Path(c["file"]).is_relative_to(ROOT)]
    return [c for c in ours if pathlib.Path(c["file"]).relative_to(ROOT).parts[0] in FOLDERS]


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


def check(command, folder):
    """Runs clang-tidy with the compile commands in `folder`; returns its complaints, a text each, none when the file passes."""
    result = subprocess.run(
        # -w: warnings are the compiler's business, clang need not even know all it was asked for.
        [TIDY, "--quiet", f"-p={folder}", "--extra-arg=-w", command["file"]],
        capture_output=True, text=True, check=False,
    )
    if result.returncode != 0:
        complaints = re.split(r"^(?=/\S+: (?:error|warning):)", result.stdout, flags=re.MULTILINE)
        return [c for c in complaints if c.strip()] or [result.stderr]
    files = included_files(command)
    note_of(command).write_text(
        json.dumps({"files": files, "fingerprint": fingerprint(command, files)}))
    return []


def main():
    CACHE.mkdir(parents=True, exist_ok=True)
    commands = our_commands()
    to_check = [c for c in commands if not passed_before(c)]
    print(f"{len(commands)} files, {len(commands) - len(to_check)} unchanged since they passed")
    seen = set()  # a header's complaints come with every file that includes it
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(commands))
        for complaints in pool.map(lambda command: check(command, folder), to_check):
            for complaint in complaints:
                if complaint not in seen:
                    print(complaint, flush=True)
                seen.add(complaint)
    print(f"{len(seen)} complaints" if seen else "all pass")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
