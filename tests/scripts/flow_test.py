#!/usr/bin/env python3
"""tools/flow.sh: wrong options are told before anything is built, and what it reads from a log of CAF's is what it draws.

flow_excerpt.txt is a part of a real log, of `tools/flow.sh --processor actor`: from the program's start to the commit.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tools/flow"))

import log  # noqa: E402
import picture  # noqa: E402
import sequence  # noqa: E402

EXCERPT = (HERE / "flow_excerpt.txt").read_text(encoding="utf-8").splitlines()
NODE = "@NODE#1"


def spawn(number, name, maker=0):
    return (f"caf_flow|actor{maker}|SPAWN ; ID = {number} ; NAME = {name} ; TYPE = t ; ARGS = () ; NODE = {NODE[1:]} ; "
            "GROUPS = []")


def handle(number):
    return f"{number}{NODE}" if number else "null"


def send(actor, receiver, content, sender=0):
    return (f"caf_flow|actor{actor}|SEND ; TO = {handle(receiver)} ; FROM = {handle(sender)} ; STAGES = [] ; "
            f"CONTENT = message({content})")


def receive(actor, content, sender=0):
    return f"caf_flow|actor{actor}|RECEIVE ; FROM = {handle(sender)} ; STAGES = [] ; CONTENT = message({content})"


def told(sender, receiver, content, named=True):
    """Sent and handled."""
    return [send(sender, receiver, content, sender if named else 0), receive(receiver, content, sender if named else 0)]


BATCH = "keyloom::core::record_batch_ptr"
RUN = "keyloom::core::run"
TICK = "keyloom::actors::tick_atom()"
COMMITTED = "keyloom::kafka::offsets_committed"
START = [spawn(1, "keyloom.source"), spawn(2, "keyloom.committer", 1), spawn(3, "keyloom.partition", 1),
         receive(3, "keyloom::actors::open_atom()", 1)]


def drawn(*lines, number=1):
    """What the lines are drawn as, an arrow a tuple: from, to, label."""
    return [(each.sender.name, each.receiver.name, picture.label_of(each))
            for each in sequence.record_way(log.read([*START, *lines]), number)]


class Excerpt(unittest.TestCase):
    def test_the_way_of_a_record_whose_stage_is_a_handler_actor(self):
        arrows = sequence.record_way(log.read(EXCERPT))
        self.assertEqual([(each.sender.name, each.receiver.name, picture.label_of(each)) for each in arrows], WAY)
        self.assertEqual([each.name for each in sequence.participants(arrows) if not each.is_actor], THREADS)

    def test_without_its_end_there_is_no_picture(self):
        cut = [each for each in EXCERPT if "offsets_committed" not in each]
        self.assertLess(len(cut), len(EXCERPT))
        with self.assertRaisesRegex(sequence.NoRecord, "nothing was committed"):
            sequence.record_way(log.read(cut))
        with self.assertRaisesRegex(sequence.NoRecord, "no number 2"):
            sequence.record_way(log.read(EXCERPT), 2)


WAY = [
    ("poller", "keyloom.partition", "record_batch_ptr"),
    ("keyloom.partition", "keyloom.key", "spawn"),
    ("keyloom.partition", "keyloom.key", "run"),
    ("keyloom.key", "keyloom.tools.delay", "spawn"),
    ("keyloom.key", "keyloom.tools.delay", "text, delay_job"),
    ("keyloom.tools.delay", "keyloom.key", "number"),
    ("keyloom.key", "keyloom.partition", "run"),
    ("producer", "keyloom.partition", "delivery_reports"),
    ("keyloom.committer", "keyloom.committer", "tick_atom"),
    ("poller", "keyloom.committer", "offsets_committed"),
]
THREADS = ["poller", "producer"]


class Sequence(unittest.TestCase):
    def test_a_sender_that_a_message_does_not_name_is_who_sent_it(self):
        way = drawn(spawn(4, "keyloom.lane"), receive(3, BATCH), *told(3, 4, RUN), *told(4, 3, RUN, named=False),
                    receive(3, RUN), receive(2, COMMITTED))
        self.assertEqual(way[2:4], [("keyloom.lane", "keyloom.partition", "run"), ("worker", "keyloom.partition", "run")])

    def test_only_what_the_record_caused_is_shown(self):
        stop = [receive(1, "keyloom::actors::stop_atom()"), *told(1, 3, "keyloom::actors::drain_atom()"),
                *told(3, 1, "keyloom::actors::partition_drained"), receive(3, "caf::exit_msg(3, none)")]
        way = drawn(receive(3, BATCH), receive(3, RUN), *stop, receive(2, COMMITTED),
                    *told(2, 3, "keyloom::actors::transaction_committed"), receive(1, TICK, 1))
        self.assertEqual([each[2] for each in way], ["record_batch_ptr", "run", "offsets_committed", "transaction_committed"])

    def test_an_actor_that_is_made_on_the_way_is_shown_and_another_one_is_not(self):
        way = drawn(receive(3, BATCH), spawn(4, "keyloom.lane", 3), spawn(5, "keyloom.link", 1), *told(3, 4, RUN),
                    receive(2, COMMITTED))
        self.assertEqual(way[1:3], [("keyloom.partition", "keyloom.lane", "spawn"),
                                    ("keyloom.partition", "keyloom.lane", "run")])
        self.assertEqual(len(way), 4)

    def test_of_several_actors_of_a_name_the_later_ones_have_a_number(self):
        way = drawn(spawn(4, "keyloom.key"), spawn(5, "keyloom.key"), receive(3, BATCH), send(3, 4, RUN, 3),
                    *told(3, 5, RUN), receive(4, RUN, 3), receive(2, COMMITTED))
        self.assertEqual([each[1] for each in way[1:3]], ["keyloom.key", "keyloom.key 2"])

    def test_what_repeats_is_one_arrow(self):
        way = drawn(receive(3, BATCH), receive(3, RUN), receive(3, RUN), receive(2, COMMITTED))
        self.assertEqual(way[1], ("worker", "keyloom.partition", "run x2"))

    def test_a_look_at_the_state_is_not_shown(self):
        way = drawn(receive(3, BATCH), *told(3, 1, "keyloom::actors::partition_stopped"),
                    receive(1, "keyloom::actors::ask_state"), *told(1, 3, "keyloom::actors::view_atom()"), receive(2, COMMITTED))
        self.assertEqual([each[2] for each in way], ["record_batch_ptr", "partition_stopped", "offsets_committed"])

    def test_only_the_timer_that_led_to_something_is_shown(self):
        tick = receive(2, TICK, 2)
        way = drawn(tick, receive(3, BATCH), tick, tick, receive(2, COMMITTED))
        self.assertEqual(way[1:], [("keyloom.committer", "keyloom.committer", "tick_atom"),
                                   ("poller", "keyloom.committer", "offsets_committed")])

    def test_the_end_is_the_commit_after_the_last_result(self):
        tick = receive(2, TICK, 2)
        way = drawn(receive(3, BATCH), tick, receive(2, COMMITTED), receive(3, RUN), receive(2, COMMITTED), tick,
                    receive(2, COMMITTED))
        self.assertEqual([each[2] for each in way], ["record_batch_ptr", "run", "offsets_committed"])

    def test_other_partitions_and_messages_without_records_are_left_out(self):
        way = drawn(spawn(4, "keyloom.partition", 1), receive(4, BATCH), receive(3, BATCH), receive(4, BATCH), receive(3, RUN),
                    receive(2, COMMITTED))
        self.assertEqual([each[2] for each in way], ["record_batch_ptr", "run", "offsets_committed"])
        self.assertNotIn("keyloom.partition 2", [each[1] for each in way])

    def test_the_second_record_has_a_way_of_its_own(self):
        lines = [receive(3, BATCH), receive(3, RUN), receive(2, COMMITTED), receive(3, BATCH),
                 receive(3, "keyloom::actors::delivery_reports"), receive(2, COMMITTED)]
        self.assertEqual([each[2] for each in drawn(*lines)], ["record_batch_ptr", "run", "offsets_committed"])
        self.assertEqual([each[2] for each in drawn(*lines, number=2)],
                         ["record_batch_ptr", "delivery_reports", "offsets_committed"])

    def test_records_that_make_no_work_for_others_have_a_way_too(self):
        way = drawn(receive(3, BATCH), receive(2, COMMITTED))
        self.assertEqual([each[2] for each in way], ["record_batch_ptr", "offsets_committed"])

    def test_contents_are_named_by_their_types(self):
        for content, label in [(f"message({RUN})", "run"), ('message("a, (b", 12)', "text, number"),
                               (f"message({TICK}, {BATCH})", "tick_atom, record_batch_ptr"), ("message()", "an empty answer"),
                               ("message(keyloom::actors::cut_atom(), true)", "cut_atom, value"),
                               ('message(t("x\\", y"), -1.5)', "t, number")]:
            self.assertEqual(sequence.label_of(content), label)

    def test_text_of_a_message_cannot_be_taken_for_a_field(self):
        flow = log.read([receive(3, '"; FROM = 9@x ; CONTENT = message(y)"', 1)])
        self.assertEqual((flow.messages[0].sender, flow.messages[0].content),
                         (1, 'message("; FROM = 9@x ; CONTENT = message(y)")'))


class Drawing(unittest.TestCase):
    def test_as_text_every_label_stands_between_its_two(self):
        poller, partition, key = (sequence.Participant(name, name != "poller") for name in ("poller", "partition", "key"))
        text = picture.as_text([sequence.Arrow(poller, partition, "batch"), sequence.Arrow(partition, key, "spawn", True),
                                sequence.Arrow(key, poller, "done", times=3), sequence.Arrow(key, key, "tick")])
        self.assertEqual(text, DRAWN)

    def test_the_svg_is_well_formed_and_escapes(self):
        a, b = sequence.Participant("a<b", True), sequence.Participant("&", False)
        root = xml.etree.ElementTree.fromstring(picture.as_svg([sequence.Arrow(a, b, '"<x>"')], "<t>"))
        self.assertEqual({"a<b", "&", '"<x>"', "<t>"} - {each.text for each in root.iter()}, set())


DRAWN = """\
  poller     partition      key
  thread       actor       actor
     |           |           |
     |-- batch ->|           |
     |           |.. spawn .>|
     |<------ done x3 -------|
     |           |           |<. tick
     |           |           |
"""


class Program(unittest.TestCase):
    def test_wrong_options_are_told_with_exit_code_2(self):
        for options, told in [(["--processor", "x"], "--processor takes none, compute"), (["--record", "0"], "from 1"),
                              (["--svg", "/nowhere/x.svg"], "no folder /nowhere"), (["--what"], "unknown option --what"),
                              (["keyloom", "load"], "only work and demo"), (["example_none"], "examples/none.cpp"),
                              (["ls"], "not 'ls'"), (["--processor", "none", "keyloom", "work"], "behind keyloom work")]:
            done = subprocess.run([ROOT / "tools/flow.sh", *options], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertIn(told, done.stderr)
            self.assertIn("--help", done.stderr)

    def test_a_markdown_file_gets_the_text_into_the_block_of_the_command(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text("```\n$ tools/flow.sh --record 1\nx\n```\n```\n$ tools/flow.sh\nold\n```\nrest\n", encoding="utf-8")
            self.draw(folder, "--text", page)
            text = page.read_text(encoding="utf-8")
            self.assertTrue(text.startswith("```\n$ tools/flow.sh --record 1\nx\n```\n```\n$ tools/flow.sh\n"))
            self.assertTrue(text.endswith("|\n```\nrest\n"))
            self.assertNotIn("old", text)
            done = self.draw(folder, "--text", page, "--command", "tools/flow.sh other", returncode=1)
            self.assertIn("has no place for the picture", done.stderr)
            self.assertEqual(page.read_text(encoding="utf-8"), text)

    def draw(self, folder, *options, returncode=0):
        path = pathlib.Path(folder) / "flow.log"
        path.write_text("\n".join(EXCERPT), encoding="utf-8")
        done = subprocess.run([sys.executable, ROOT / "tools/flow/main.py", path, *options], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, returncode, done.stderr)
        return done


if __name__ == "__main__":
    unittest.main(verbosity=2)
