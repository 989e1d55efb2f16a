#!/usr/bin/env python3
"""`keyloom inspect` and `keyloom top` on a worker with a key that hangs; both name key, stage and age."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from program import PATIENCE, PROGRAM, embedded_broker, keyloom, new_topic, report, started


@contextlib.contextmanager
def hanging_worker(address):
    """A worker whose only job takes long; yields the address of its inspector."""
    topic = new_topic("hang")
    loaded = keyloom("load", "--brokers", address, "--topic", topic, "--records", 1, "--keys", 1)
    assert loaded.returncode == 0, loaded.stderr
    worker = started("work", "--brokers", address, "--topic", topic, "--group", new_topic("group"), "--processor",
                     "blocking", "--stragglers", "1:15000", "--inspect-port", 0)
    try:
        while not (found := re.search(r"the inspector listens on (\S+:\d+):", line := worker.stderr.readline())):
            assert line, "the worker ended"
        yield found.group(1)
    finally:
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGINT)  # at once
        worker.communicate(timeout=PATIENCE)


def wait_for_key(place):
    """What `inspect` says once the key is in flight for a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        source = report(keyloom("inspect", place, "--json"))["sources"][0]
        if source["keys"] and source["keys"][0]["oldest"]["age_ms"] >= 2000:
            return source
    raise AssertionError("no key hangs")


class Terminal:
    """A program in a pseudo terminal of its own."""

    def __init__(self, *arguments):
        self.text = ""
        self.process, self.fd = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", LINES="40", COLUMNS="200")
            os.execv(PROGRAM, [str(PROGRAM), *map(str, arguments)])

    def read_until(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"{pattern!r} is not in {self.text!r}"
            if select.select([self.fd], [], [], 1)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")

    def press(self, keys):
        self.text = ""
        os.write(self.fd, keys.encode())

    def code(self):
        with contextlib.suppress(OSError):  # the terminal goes with the program
            while os.read(self.fd, 65536):
                pass
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


class Inspect(unittest.TestCase):
    def test_both_name_the_key_that_hangs_and_act(self):
        with embedded_broker() as address, hanging_worker(address) as place:
            source = wait_for_key(place)
            key = source["keys"][0]["oldest"]
            self.assertEqual(key["key"], "k000000")
            self.assertEqual(key["waits_for"], "a call that runs")
            self.assertTrue(source["joined"])
            self.assertEqual(source["not_ready"], [])  # it does not stand still for long enough
            stage = key["stage"]
            self.assertEqual([each["name"] for each in source["stages"]], [stage])
            text = keyloom("inspect", place)
            self.assertEqual(text.returncode, 0, text.stderr)
            first = text.stdout.splitlines()[:3]
            self.assertRegex(first[2], rf"for \d.* s: key 'k000000' in stage '{stage}'", text.stdout)

            top = Terminal("top", place)
            top.read_until(r"STANDS STILL")
            top.read_until(r"key 'k000000'")
            top.press("\r")
            top.read_until(r"KEY 'k000000'")
            top.press("\x7f")
            top.read_until(r"STANDS STILL")
            os.kill(top.process, signal.SIGWINCH)  # still there afterwards
            top.press("q")
            self.assertEqual(top.code(), 0)

            paused = keyloom("inspect", place, "--pause", stage)
            self.assertEqual(paused.returncode, 0, paused.stderr)
            source = report(keyloom("inspect", place, "--json"))["sources"][0]
            self.assertTrue(source["stages"][0]["paused"])
            wrong = keyloom("inspect", place, "--pause", "wrok")
            self.assertEqual(wrong.returncode, 1)
            self.assertIn(f"'{stage}'", wrong.stderr)

            top = Terminal("top", place)
            top.read_until(r"STANDS STILL")
            os.kill(top.process, signal.SIGINT)
            self.assertEqual(top.code(), 0)

    def test_example_08_sees_and_acts(self):
        with embedded_broker() as address, hanging_worker(address) as place:
            wait_for_key(place)

            def example(*arguments):
                command = [PROGRAM.parent / "examples/example_08_inspecting", *place.split(":"), *arguments]
                return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

            looked = example()
            self.assertEqual(looked.returncode, 0, looked.stderr)
            found = re.search(r"key k000000 in stage '(\w+)' for \d+ s: waits for a call that runs", looked.stdout)
            self.assertTrue(found, looked.stdout)
            for order, paused in (("pause", True), ("resume", False)):
                done = example(order, found[1])
                self.assertEqual(done.stdout, "done\n", done.stderr)
                source = report(keyloom("inspect", place, "--json"))["sources"][0]
                self.assertEqual(source["stages"][0]["paused"], paused)
            wrong = example("pause", "nowhere")
            self.assertEqual(wrong.returncode, 1)
            self.assertIn(f"'{found[1]}'", wrong.stderr)

    def test_top_says_when_the_process_is_away_and_tries_again(self):
        with embedded_broker() as address:
            with hanging_worker(address) as place:
                top = Terminal("top", place)
                top.read_until("GROUP")
            top.text = ""
            top.read_until("trying again")
            top.press("q")
            self.assertEqual(top.code(), 0)

    def test_nothing_there_is_told_with_the_code_for_it(self):
        for command in ("inspect",):
            result = keyloom(command, "127.0.0.1:1", "--timeout", 2)
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("no inspector at 127.0.0.1:1", result.stderr)
        self.assertEqual(keyloom("inspect", "127.0.0.1").returncode, 2)
        self.assertEqual(keyloom("inspect", "127.0.0.1:99999").returncode, 2)
        self.assertEqual(keyloom("top", "127.0.0.1:1").returncode, 2)  # no terminal


if __name__ == "__main__":
    unittest.main()
