"""Draws the way of one record from a log of CAF's messages; run by tools/flow.sh, which makes the log.

    main.py LOG [--record N] [--svg FILE] [--text FILE] [--command TEXT]   draws
    main.py --configuration LOG [--config FILE | --as-options]             prints the settings that make such a log
"""

import argparse
import json
import pathlib
import re
import sys

import log
import picture
import sequence


def settings(path):
    """What CAF is told."""
    return {"path": str(path), "verbosity": "debug", "format": log.FORMAT, "excluded-components": ["caf"]}


def as_file(path, others):
    """Behind what the user's own file says; groups of both are merged. CAF spells values as JSON does."""
    return "\n".join([others, *(f"caf.logger.file.{name} = {json.dumps(value)}" for name, value in settings(path).items())])


def as_options(path):
    spelled = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings(path).items()}
    return "\n".join(f"--caf.logger.file.{name}={value}" for name, value in spelled.items())


def put_text(path, text, command):
    """Into a Markdown file instead of its block that begins with the command; any other file holds the text alone."""
    if path.suffix == ".md":
        block = re.compile(rf"^(```\w*\n\$ {re.escape(command)}\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
        text, found = block.subn(lambda match: match[1] + text, path.read_text(encoding="utf-8"))
        if not found:
            sys.exit(f"keyloom: error: {path} has no place for the picture\n"
                     f"keyloom:   begin a block (```) there with the line: $ {command}")
    path.write_text(text, encoding="utf-8")


def parse_options():
    parser = argparse.ArgumentParser(prog="tools/flow.sh")
    parser.add_argument("log", type=pathlib.Path)
    parser.add_argument("--configuration", action="store_true")
    parser.add_argument("--as-options", action="store_true")
    parser.add_argument("--config", type=pathlib.Path)
    parser.add_argument("--record", type=int, default=1)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--command", default="tools/flow.sh")
    return parser.parse_args()


def main():
    options = parse_options()
    if options.configuration:
        others = options.config.read_text(encoding="utf-8") if options.config else ""
        print(as_options(options.log) if options.as_options else as_file(options.log, others))
        return
    try:
        with options.log.open(encoding="utf-8", errors="replace") as lines:
            arrows = sequence.record_way(log.read(lines), options.record)
    except (OSError, sequence.NoRecord) as problem:
        sys.exit(f"keyloom: error: no picture: {problem}\nkeyloom:   the log: {options.log}")
    text = picture.as_text(arrows)
    if options.svg:
        options.svg.write_text(picture.as_svg(arrows, f"the way of a record: {options.command}"), encoding="utf-8")
    if options.text:
        put_text(options.text, text, options.command)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
