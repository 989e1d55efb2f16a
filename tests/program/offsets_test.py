"""keyloom offsets: committed offset, end and lag of a group that it does not join.
Environment: KEYLOOM_BUILD (folder of keyloom), KEYLOOM_BROKER (host:port)."""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest
import uuid

KEYLOOM = pathlib.Path(os.environ.get("KEYLOOM_BUILD", "build/release")) / "keyloom"
BROKER = os.environ.get("KEYLOOM_BROKER", "")


def offsets(topic, group, *options, brokers=BROKER):
    return subprocess.run([KEYLOOM, "offsets", "--brokers", brokers, "--topic", topic, "--group", group,
                           *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def kcat(*options, text=None):
    subprocess.run(["kcat", "-b", BROKER, "-q", *options], input=text, text=True, check=True,
                   stdout=subprocess.DEVNULL, timeout=60)


class OffsetsTest(unittest.TestCase):
    def setUp(self):
        self.topic = f"offsets-{uuid.uuid4().hex[:12]}"
        self.group = f"{self.topic}-group"
        kcat("-P", "-t", self.topic, "-p", "0", text="a\nb\nc\n")

    def partition_0(self):
        done = offsets(self.topic, self.group, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        partitions = json.loads(done.stdout)["partitions"]
        self.assertEqual([x["partition"] for x in partitions], list(range(len(partitions))))
        return partitions[0]

    def test_a_group_that_committed_nothing_lags_by_everything(self):
        self.assertEqual(self.partition_0(), {"partition": 0, "committed": -1, "end": 3, "lag": 3,
                                              "completed_beyond": []})

    def test_a_group_lags_by_what_came_after_its_commit(self):
        # kcat in a group ends at the end of all partitions and commits what it has read.
        kcat("-G", self.group, "-X", "auto.offset.reset=earliest", "-e", self.topic)
        kcat("-P", "-t", self.topic, "-p", "0", text="d\n")
        self.assertEqual(self.partition_0(), {"partition": 0, "committed": 3, "end": 4, "lag": 1,
                                              "completed_beyond": []})

    def test_what_is_done_beyond_the_commit_is_shown_and_not_done_again(self):
        kcat("-P", "-t", self.topic, "-p", "0", "-K:", text="".join(f"k{i}:v\n" for i in range(40)))
        work = subprocess.Popen([KEYLOOM, "work", "--brokers", BROKER, "--topic", self.topic, "--group", self.group,
                                 "--processor", "blocking", "--jitter-ms", "4000", "--concurrency", "50",
                                 "--kafka", "session.timeout.ms=1000", "--kafka", "heartbeat.interval.ms=100"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        beyond = []
        while not beyond and time.monotonic() < deadline:
            state = self.partition_0()
            beyond = state["completed_beyond"]
        text = offsets(self.topic, self.group).stdout
        work.kill()
        work.wait()
        self.assertTrue(beyond)
        last = state["committed"]
        for first, end in beyond:
            self.assertLess(last, first)
            self.assertLessEqual(first, end)
            self.assertLess(end, state["end"])
            last = end + 1
        self.assertIn("completed beyond the committed offset", text)

    def test_people_get_a_table(self):
        done = offsets(self.topic, self.group)
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing", done.stdout)
        self.assertIn("lag", done.stdout)

    def test_a_missing_topic_fails_and_is_named(self):
        done = offsets(f"{self.topic}-missing", self.group, "--json")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"{self.topic}-missing", done.stderr)

    def test_a_broker_that_does_not_answer_is_told_by_3(self):
        done = offsets(self.topic, self.group, "--timeout", "1", brokers="127.0.0.1:1")
        self.assertEqual(done.returncode, 3)


if __name__ == "__main__":
    if not BROKER:
        print("KEYLOOM_BROKER is unset: nothing was tested", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 0)
    unittest.main()
