"""keyloom verify against topics made with kcat: what it counts and how it ends.
Environment: KEYLOOM_BUILD (folder of keyloom), KEYLOOM_BROKER (host:port)."""

import json
import os
import pathlib
import subprocess
import sys
import unittest
import uuid

KEYLOOM = pathlib.Path(os.environ.get("KEYLOOM_BUILD", "build/release")) / "keyloom"
BROKER = os.environ.get("KEYLOOM_BROKER", "")
NO_KEY = None


def produce(topic, records):
    """Writes (key, value) pairs in order into partition 0; NO_KEY makes a null key."""
    # One kcat a stretch with or without keys: only it can tell a null key from an empty one.
    stretch, keyed = [], None
    for key, value in [*records, (NO_KEY, None)]:
        now_keyed = key is not NO_KEY
        if stretch and (value is None or now_keyed != keyed):
            send(topic, stretch, keyed)
            stretch = []
        keyed = now_keyed
        stretch.append(f"{key}\t{value}" if now_keyed else value)


def send(topic, lines, keyed):
    options = ["-K", "\t"] if keyed else []
    subprocess.run(["kcat", "-b", BROKER, "-P", "-t", topic, "-p", "0", *options],
                   input="\n".join(lines) + "\n", text=True, check=True)


def load_value(key, n, i, **more):
    return json.dumps({"k": key, "n": n, "i": i, "t": 1700000000000000 + i, **more})


def work_of(key, count):
    return [(key, load_value(key, n, n)) for n in range(count)]


class VerifyTest(unittest.TestCase):
    def setUp(self):
        name = f"verify-{uuid.uuid4().hex[:12]}"
        self.topic, self.out = f"{name}-in", f"{name}-out"

    def verify(self, expected, seen, *options):
        """The exit code, and the counts that are not 0."""
        produce(self.topic, expected)
        produce(self.out, seen)
        code, printed = self.call("--json", *options)
        report = json.loads(printed)
        self.assertEqual(list(report), ["expected", "seen", "lost", "duplicates", "out_of_order",
                                        "foreign"])
        self.assertEqual(report["expected"], len(expected))
        self.assertEqual(report["seen"] + report["lost"], report["expected"])
        del report["expected"], report["seen"]
        return code, {name: count for name, count in report.items() if count}

    def call(self, *options):
        done = subprocess.run([KEYLOOM, "verify", "--brokers", BROKER, "--topic", self.topic,
                               "--out", self.out, *options],
                              stdout=subprocess.PIPE, text=True, timeout=60)
        return done.returncode, done.stdout

    def test_the_same_records_hold_and_d_and_c_are_ignored(self):
        records = work_of("a", 3) + work_of("b", 3)
        out = [(key, value[:-1] + ', "d": 5, "c": 1}') for key, value in by_key_descending(records)]
        self.assertEqual(self.verify(records, out, "--exactly-once"), (0, {}))

    def test_a_missing_record_is_lost(self):
        records = work_of("a", 3)
        self.assertEqual(self.verify(records, [records[0], records[2]]), (1, {"lost": 1}))

    def test_duplicates_are_allowed_at_least_once(self):
        records = work_of("a", 3)
        self.assertEqual(self.verify(records, records[:2] + records), (0, {"duplicates": 2}))
        code, text = self.call()
        self.assertEqual(code, 0)
        self.assertIn("at least once", text)

    def test_duplicates_fail_exactly_once(self):
        records = work_of("a", 3)
        self.assertEqual(self.verify(records, records + records[:1], "--exactly-once"),
                         (1, {"duplicates": 1}))

    def test_a_record_behind_a_later_one_of_its_key_is_out_of_order(self):
        records = work_of("a", 3)
        self.assertEqual(self.verify(records, [records[0], records[2], records[1]]),
                         (1, {"out_of_order": 1}))

    def test_a_record_that_the_input_does_not_have_is_foreign(self):
        records = work_of("a", 2)
        self.assertEqual(self.verify(records, records + [("b", load_value("b", 0, 9))]),
                         (1, {"foreign": 1}))

    def test_records_without_a_key_have_no_order(self):
        records = [(NO_KEY, value) for value in ("x", "y", "x", "z")]
        self.assertEqual(self.verify(records, list(reversed(records)), "--exactly-once"), (0, {}))

    def test_records_without_a_key_are_counted_as_often_as_they_are_there(self):
        records = [(NO_KEY, value) for value in ("x", "y", "y")]
        out = [(NO_KEY, value) for value in ("x", "x", "y", "w")]
        self.assertEqual(self.verify(records, out), (1, {"lost": 1, "duplicates": 1, "foreign": 1}))

    def test_other_objects_are_compared_without_d_and_c(self):
        records = [("N1", '{"tail":"N1","delay":1}'), ("N1", '{"tail":"N1","delay":2}')]
        out = [("N1", '{"tail":"N1","delay":1,"c":1,"d":7}'), ("N1", '{"tail":"N1","delay":3,"d":8}')]
        self.assertEqual(self.verify(records, out), (1, {"lost": 1, "foreign": 1}))

    def test_values_that_are_not_json_are_compared_as_they_are(self):
        records = [("a", "red"), ("a", "{broken"), ("a", "red"), ("b", "12")]
        self.assertEqual(self.verify(records, records, "--exactly-once"), (0, {}))

    def test_values_that_are_not_json_keep_their_order(self):
        records = [("a", "red"), ("a", "green")]
        self.assertEqual(self.verify(records, list(reversed(records))), (1, {"out_of_order": 1}))

    def test_a_missing_topic_fails(self):
        produce(self.topic, work_of("a", 1))
        code, printed = self.call("--json")
        self.assertEqual((code, printed), (1, ""))

    def test_a_broker_that_does_not_answer_is_told_by_3(self):
        done = subprocess.run([KEYLOOM, "verify", "--brokers", "127.0.0.1:1", "--topic", "a", "--out",
                               "b", "--timeout", "1"], stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 3)


def by_key_descending(records):
    """The same records, the keys in the opposite order, each key's own order kept."""
    keys = sorted({key for key, _ in records}, reverse=True)
    return [record for wanted in keys for record in records if record[0] == wanted]


if __name__ == "__main__":
    if not BROKER:
        print("KEYLOOM_BROKER is unset: nothing was tested", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 0)
    unittest.main()
