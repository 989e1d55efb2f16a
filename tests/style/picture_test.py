#!/usr/bin/env python3
"""The pictures of a record's way, in ARCHITECTURE.md and docs/flow.svg, show the actors, threads and messages that exist.

They are made by tools/flow.sh, which takes a build of its own; this test says when that has to be done again.
"""

import html
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/flow"))

import sequence  # noqa: E402

NAME = re.compile(r'static inline const char\* name = "([^"]+)"')
BLOCK = re.compile(r"^```\n\$ tools/flow\.sh([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MESSAGE = re.compile(r"<\. (\S+)|<?[-.]+ (\S.*?) [-.]+>?")
TYPES = re.compile(r"CAF_ADD_(?:TYPE_ID|ATOM)\([^)]*?(\w+)\)")

# What each kind of work takes a record through, by the file that has the actor's name.
EVERY = {"actors/partition_actor.hpp", "actors/committer_actor.hpp"}
WAY = {
    "compute": EVERY | {"actors/lane_actor.hpp"},
    "blocking": EVERY | {"actors/key_actor.hpp"},
    "actor": EVERY | {"actors/asking_key_actor.hpp", "tools/delay_actor.cpp"},
    "batch": EVERY | {"actors/batcher_actor.hpp"},
}

# Words for values that are no message types of ours.
VALUES = {"text", "number", "value", "spawn", "an empty answer"}


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.[hc]pp")):
            yield path.read_text(encoding="utf-8")


def name_in(file):
    return NAME.search((ROOT / file).read_text(encoding="utf-8"))[1]


def blocks():
    """By kind of work the lines of the picture."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return {options.removeprefix(" --processor "): drawn.splitlines() for options, drawn in BLOCK.findall(text)}


def heads(lines):
    """Names of the picture's actors, and of its threads."""
    names, kinds = lines[0].split("  "), lines[1].split()
    names = [each.strip() for each in names if each.strip()]
    assert len(names) == len(kinds), f"names and kinds do not fit: {lines[:2]}"
    return ([name for name, kind in zip(names, kinds) if kind == "actor"],
            [name for name, kind in zip(names, kinds) if kind == "thread"])


def labels(lines):
    return [re.sub(r" x\d+$", "", match[1] or match[2]) for line in lines[3:] for match in MESSAGE.finditer(line)]


class Picture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.blocks = blocks()
        cls.svg = (ROOT / "docs/flow.svg").read_text(encoding="utf-8")

    def test_there_is_one_for_each_kind_of_work(self):
        self.assertEqual(set(self.blocks), set(WAY))

    def test_its_actors_exist(self):
        names = {name for text in sources("actors", "tools") for name in NAME.findall(text)}
        self.assertGreater(len(names), 10)
        for work, lines in self.blocks.items():
            actors, _ = heads(lines)
            for each in actors:
                self.assertIn(re.sub(r" \d+$", "", each), names, f"{work}: {again(work)}")

    def test_the_actors_that_a_record_goes_through_are_there(self):
        for work, lines in self.blocks.items():
            missing = {name_in(file) for file in WAY[work]} - set(heads(lines)[0])
            self.assertFalse(missing, f"{work}: {again(work)}")

    def test_its_threads_are_those_that_the_drawing_knows(self):
        known = {*sequence.THREADS.values(), *sequence.THREADS_TO.values(), sequence.OTHER_THREAD}
        for work, lines in self.blocks.items():
            self.assertLessEqual(set(heads(lines)[1]), known, f"{work}: {again(work)}")

    def test_its_messages_are_types_that_exist(self):
        types = {name for text in sources("actors", "tools") for name in TYPES.findall(text)}
        self.assertIn("record_batch_ptr", types)
        for work, lines in self.blocks.items():
            self.assertGreater(len(labels(lines)), 3)
            for label in labels(lines):
                for each in label.split(", "):
                    self.assertIn(each, types | VALUES, f"{work}: {again(work)}")

    def test_messages_that_the_drawing_knows_exist(self):
        types = {name for text in sources("actors") for name in TYPES.findall(text)}
        known = {sequence.BATCH} | sequence.BACK | sequence.COMMITTED | sequence.LOOKS | set(sequence.THREADS)
        self.assertFalse((known | {content for content, _ in sequence.THREADS_TO}) - types)
        self.assertEqual(sequence.PARTITION, name_in("actors/partition_actor.hpp"))
        self.assertEqual({to for _, to in sequence.THREADS_TO}, {name_in("actors/batcher_actor.hpp")})

    def test_the_svg_shows_what_the_text_shows(self):
        def texts(kind):
            found = re.findall(rf"<text(?: class=\"{kind}\")? x=[^>]*>([^<]*)</text>", self.svg)
            return [html.unescape(each) for each in found]

        lines = self.blocks["actor"]
        actors, threads = heads(lines)
        self.assertIn("--processor actor", re.search("<title>(.*)</title>", self.svg)[1])
        for each in [*actors, *threads, *labels(lines)]:
            self.assertIn(each, [*texts("name"), *texts("soft")])
        drawn = re.findall(r'<path class="arrow', self.svg)
        self.assertEqual(len(drawn), len(labels(lines)))


def again(work):
    return (f"the picture is not of this code any more; run tools/flow.sh --processor {work} --text ARCHITECTURE.md "
            f"{'--svg docs/flow.svg' if work == 'actor' else ''}").strip()


if __name__ == "__main__":
    unittest.main(verbosity=2)
