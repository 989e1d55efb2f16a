#!/usr/bin/env python3
"""A program outside the tree is built with an installed keyloom, by CMake and with pkg-config, and works."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KEYLOOM_BUILD", ROOT / "build/release"))
PROGRAM = pathlib.Path(__file__).resolve().parent / "program"
PATIENCE = 300  # seconds after which something hangs


def run(*command, **options):
    result = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, timeout=PATIENCE, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def installed(scratch):
    """Installs, and moves the tree: no path of where it was made may be needed."""
    run("cmake", "--install", BUILD, "--prefix", scratch / "first")
    (scratch / "first").rename(scratch / "prefix")
    return scratch / "prefix"


def check_what_is_there(prefix):
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    ours = {path for path in files if not path.startswith(f"{library_folder(prefix)}/keyloom/")}
    public = {str(path.relative_to(ROOT)) for path in (ROOT / "include").rglob("*.hpp")}
    assert {path for path in ours if path.endswith(".hpp")} == public, "headers: not all public ones, and only they"
    assert "bin/keyloom" in ours, ours
    for path in ours:
        if path.endswith((".cmake", ".pc")):
            text = (prefix / path).read_text(encoding="utf-8")
            for place in (str(ROOT), str(BUILD), str(pathlib.Path.home())):
                assert place not in text, f"{path} names {place}, which is of this machine"


def library_folder(prefix):
    """lib, or what the system has instead."""
    found = list(prefix.rglob("libkeyloom.a"))
    assert len(found) == 1, f"libkeyloom.a should be there once: {found}"
    return found[0].parent.relative_to(prefix)


def built_with_cmake(prefix, scratch):
    build = scratch / "with-cmake"
    run("cmake", "-S", PROGRAM, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_BUILD_TYPE=Debug")
    run("cmake", "--build", build)
    return build / "outside"


def refused_version(prefix, scratch):
    """A program that asks for another minor version is told."""
    project = scratch / "other-version"
    shutil.copytree(PROGRAM, project)
    lists = project / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("find_package(keyloom 0.1", "find_package(keyloom 0.2"))
    result = subprocess.run(["cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
                            capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode != 0 and "keyloom" in result.stderr and "0.1.0" in result.stderr, result.stderr


def built_with_pkg_config(prefix, scratch):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / library_folder(prefix) / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "keyloom", env=environment).split()
    cflags = [flag for flag in flags if not flag.startswith(("-l", "-L"))]
    run("g++", PROGRAM / "main.cpp", "-o", scratch / "with-pkg-config", *cflags, *flags)
    return scratch / "with-pkg-config"


def check_that_it_works(program):
    with subprocess.Popen([program, "--keyloom.commit.interval=50ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        brokers = process.stdout.readline().strip()
        assert brokers, process.stderr.read()
        for kind, lines in (("number", [f"k:{n}" for n in range(1, 101)]), ("end", ["k:end"])):
            subprocess.run(["kcat", "-b", brokers, "-t", "numbers", "-P", "-K:", "-H", f"type={kind}"],
                           input="\n".join(lines), text=True, timeout=PATIENCE, check=True)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"{program} ended with {process.returncode}: {out} {err}"
    assert out.split() == ["5050"], f"the sum of 1 to 100 is 5050, not {out!r}"


with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    tree = installed(place)
    check_what_is_there(tree)
    check_that_it_works(built_with_cmake(tree, place))
    refused_version(tree, place)
    check_that_it_works(built_with_pkg_config(tree, place))
