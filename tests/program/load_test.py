#!/usr/bin/env python3
"""keyloom load, and what all sub-commands share: usage errors, exit codes, help."""

import collections
import csv
import gzip
import json
import pathlib
import signal
import tempfile
import time
import unittest

from program import (
    DATA, embedded_broker, java_partition, keyloom, new_topic, real_broker, records_of, report, started,
)

NOWHERE = "127.0.0.1:9"  # the port of `discard`, which nobody listens on


class UsageTest(unittest.TestCase):
    """Wrong usage ends with 2 and says which option and what is allowed; no broker is needed."""

    def assert_usage(self, arguments, *words):
        result = keyloom(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def load(self, *arguments):
        return ["load", "--brokers", NOWHERE, "--topic", "t", *arguments]

    def test_a_missing_or_unknown_command_is_named(self):
        self.assert_usage([], "subcommand")
        self.assert_usage(["juggle"], "juggle")

    def test_an_unknown_option_is_named(self):
        self.assert_usage(self.load("--records", 1, "--keys", 1, "--bogus", "x"), "--bogus")

    def test_what_is_required_is_named(self):
        self.assert_usage(["load", "--records", "1", "--keys", "1"], "--topic")
        self.assert_usage(self.load(), "--records", "--keys")
        self.assert_usage(self.load("--records", 1), "--keys")

    def test_numbers_out_of_range_say_what_is_allowed(self):
        for option, value, allowed in [
            ("--keys", "0", "1 to 100000000"),
            ("--keys", "1.5", "whole number"),
            ("--records", "-1", "0 to"),
            ("--records", "1e6", "whole number"),
            ("--partitions", "0", "1 to 10000"),
            ("--zipf", "-0.1", "0 to 10"),
            ("--zipf", "much", "0 to 10"),
            ("--rate", "0", "0.001 to"),
            ("--timeout", "0", "1 to 3600"),
        ]:
            with self.subTest(option=option, value=value):
                valid = {"--records": "1", "--keys": "1", option: value}
                arguments = [word for pair in valid.items() for word in pair]
                self.assert_usage(self.load(*arguments), option, f"'{value}'", allowed)

    def test_a_size_that_does_not_hold_the_fields_says_what_does(self):
        self.assert_usage(self.load("--records", 1000, "--keys", 10, "--size", 20), "--size", "at least")

    def test_options_of_made_up_records_do_not_go_with_a_file(self):
        file = self.load("--csv", DATA / "planes.csv", "--key-column", "tailnum")
        for option in ["--keys", "--zipf", "--size"]:
            self.assert_usage([*file, option, "1"], option, "--csv")

    def test_a_file_needs_a_key_column_that_it_has(self):
        self.assert_usage(self.load("--csv", DATA / "planes.csv"), "--key-column")
        self.assert_usage(self.load("--csv", DATA / "planes.csv", "--key-column", "tail"),
                          "--key-column", '"tail"', "tailnum, year, type")

    def test_a_file_that_is_not_there_is_named(self):
        self.assert_usage(self.load("--csv", "nowhere.csv", "--key-column", "a"), "nowhere.csv")

    def test_properties_are_checked(self):
        numbers = ["--records", 1, "--keys", 1]
        self.assert_usage(self.load(*numbers, "--kafka", "linger"), "--kafka", "key=value")
        self.assert_usage(self.load(*numbers, "--kafka", "lingr.ms=1"), "lingr.ms")

    def test_a_configuration_file_is_checked(self):
        numbers = ["--records", 1, "--keys", 1]
        self.assert_usage(self.load(*numbers, "--config", "nowhere.conf"), "nowhere.conf")

    def test_every_command_helps_with_an_example(self):
        self.assertEqual(keyloom("--help").returncode, 0)
        for command in ["demo", "load", "work", "verify", "offsets", "broker"]:
            result = keyloom(command, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertIn(f"keyloom {command}", result.stdout)
            self.assertIn("example", result.stdout)


class UnreachableTest(unittest.TestCase):
    def test_no_broker_ends_with_3_after_the_timeout(self):
        for command in [["load", "--records", "1", "--keys", "1"], ["verify", "--out", "o"],
                        ["offsets", "--group", "g"]]:
            with self.subTest(command=command[0]):
                began = time.monotonic()
                result = keyloom(*command, "--brokers", NOWHERE, "--topic", "t", "--timeout", 1)
                self.assertEqual(result.returncode, 3, result.stderr)
                self.assertIn(NOWHERE, result.stderr)
                self.assertLess(time.monotonic() - began, 10)


class LoadTests:
    """What holds on every broker; `brokers` is its address."""

    brokers = None

    def load(self, topic, *arguments):
        return keyloom("load", "--brokers", self.brokers, "--topic", topic, "--json", *arguments)

    def loaded(self, topic, *arguments):
        result = self.load(topic, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return report(result)

    def test_the_report_counts_what_was_acknowledged(self):
        fields = self.loaded(new_topic("report"), "--records", 1000, "--keys", 7)
        self.assertEqual((fields["records"], fields["errors"]), (1000, 0))
        self.assertGreater(fields["seconds"], 0)
        self.assertGreater(fields["rec_per_s"], 0)

    def test_records_are_what_the_contract_says(self):
        topic = new_topic("records")
        before = time.time()
        self.loaded(topic, "--records", 1000, "--keys", 7, "--partitions", 4)
        counters = collections.Counter()
        numbers = set()
        for rec in records_of(self.brokers, topic):
            value = json.loads(rec["payload"])
            self.assertEqual(len(rec["payload"]), 100)
            self.assertEqual(rec["headers"], ["type", "load"])
            self.assertRegex(rec["key"], r"^k\d{6}$")
            self.assertEqual(list(value), ["k", "n", "i", "t"])
            self.assertEqual(value["k"], rec["key"])
            self.assertEqual(value["n"], counters[rec["key"]])
            self.assertLess(abs(value["t"] / 1e6 - before), 60)
            self.assertEqual(rec["partition"], java_partition(rec["key"], 4))
            counters[rec["key"]] += 1
            numbers.add(value["i"])
        self.assertEqual(numbers, set(range(1000)))
        self.assertEqual(len(counters), 7)

    def test_values_are_padded_to_the_size(self):
        topic = new_topic("size")
        self.loaded(topic, "--records", 50, "--keys", 3, "--size", 1234)
        self.assertEqual({len(rec["payload"]) for rec in records_of(self.brokers, topic)}, {1234})

    def test_zipf_makes_few_keys_frequent(self):
        topic = new_topic("zipf")
        self.loaded(topic, "--records", 20000, "--keys", 1000, "--zipf", 1.1)
        counts = collections.Counter(rec["key"] for rec in records_of(self.brokers, topic))
        expected = 20000 / sum(k**-1.1 for k in range(1, 1001))
        self.assertAlmostEqual(counts["k000000"], expected, delta=expected * 0.1)
        self.assertAlmostEqual(counts["k000001"], expected / 2**1.1, delta=expected * 0.1)

    def test_a_rate_is_kept_evenly(self):
        topic = new_topic("rate")
        fields = self.loaded(topic, "--records", 400, "--keys", 3, "--rate", 200)
        self.assertGreaterEqual(fields["seconds"], 1.99)
        times = sorted(json.loads(rec["payload"])["t"] for rec in records_of(self.brokers, topic))
        late = [t - times[0] - i * 5000 for i, t in enumerate(times)]
        self.assertGreater(min(late), -5000)  # never ahead of time by more than a record

    def test_a_second_load_adds_to_the_topic(self):
        topic = new_topic("twice")
        self.loaded(topic, "--records", 10, "--keys", 2)
        self.loaded(topic, "--records", 10, "--keys", 2)
        self.assertEqual(len(records_of(self.brokers, topic)), 20)

    def test_no_records_make_an_empty_topic(self):
        topic = new_topic("empty")
        self.assertEqual(self.loaded(topic, "--records", 0, "--keys", 1)["records"], 0)
        self.assertEqual(records_of(self.brokers, topic), [])

    def test_a_signal_ends_a_load_and_what_was_sent_is_reported(self):
        topic = new_topic("signal")
        process = started("load", "--brokers", self.brokers, "--topic", topic, "--json",
                          "--records", 1000000, "--keys", 3, "--rate", 1000)
        while not self.any_record(topic):
            self.assertIsNone(process.poll(), "load ended by itself")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(json.loads(out)["records"], len(records_of(self.brokers, topic)))

    def any_record(self, topic):
        result = keyloom("offsets", "--brokers", self.brokers, "--topic", topic, "--group", "nobody", "--json")
        return result.returncode == 0 and any(p["end"] > 0 for p in report(result)["partitions"])

    # -- files ------------------------------------------------------------------------------------

    def write(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    def loaded_file(self, name, text, column, *arguments):
        topic = new_topic("file")
        self.loaded(topic, "--csv", self.write(name, text), "--key-column", column, *arguments)
        return sorted(records_of(self.brokers, topic), key=lambda rec: rec["payload"])

    def test_rows_become_objects_with_numbers_and_texts(self):
        records = self.loaded_file(
            "legs.csv", b'tail,dep,delay,note\r\nN1,1200,-5,"a, ""b"""\r\nN2,0515,1.50,\r\n', "tail")
        self.assertEqual([rec["payload"] for rec in records], [
            r'{"tail":"N1","dep":"1200","delay":-5,"note":"a, \"b\""}',
            '{"tail":"N2","dep":"0515","delay":1.50}'])
        self.assertEqual([rec["key"] for rec in records], ["N1", "N2"])
        self.assertEqual(records[0]["headers"], ["type", "legs"])

    def test_an_empty_key_cell_gives_a_record_without_key(self):
        records = self.loaded_file("a.csv", b"k,v\n,1\nx,2\n", "k")
        self.assertEqual([(rec["key"], rec["payload"]) for rec in records],
                         [("x", '{"k":"x","v":2}'), (None, '{"v":1}')])

    def test_gzip_is_read_and_its_ending_is_not_part_of_the_type(self):
        records = self.loaded_file("some.thing.csv.gz", b"k,v\nx,2\n", "k")
        self.assertEqual(records[0]["payload"], '{"k":"x","v":2}')
        self.assertEqual(records[0]["headers"], ["type", "some.thing"])

    def test_records_limits_rows_and_not_what_decides_types(self):
        records = self.loaded_file("a.csv", b"k,v\nx,2\ny,3\nz,none\n", "k", "--records", 2)
        self.assertEqual([rec["payload"] for rec in records], ['{"k":"x","v":"2"}', '{"k":"y","v":"3"}'])

    def test_a_file_that_is_not_csv_sends_nothing_and_names_the_line(self):
        for text, line in [(b"k,v\nx,1\ny\n", "line 3"), (b'k,v\nx,"1\n', "line 2"), (b"", "empty"),
                           (b"k,v\nx,M\xfcnchen\n", "UTF-8")]:
            topic = new_topic("broken")
            result = self.load(topic, "--csv", self.write("a.csv", text), "--key-column", "k")
            self.assertEqual(result.returncode, 1)
            self.assertIn("a.csv", result.stderr)
            self.assertIn(line, result.stderr)
            self.assertEqual(keyloom("offsets", "--brokers", self.brokers, "--topic", topic, "--group", "g").returncode, 1)

    def test_a_gzip_file_that_is_cut_off_is_an_error(self):
        whole = gzip.compress(b"k,v\n" + b"x,1\n" * 10000)
        path = pathlib.Path(self.folder.name) / "cut.csv.gz"
        path.write_bytes(whole[:-20])
        result = self.load(new_topic("cut"), "--csv", path, "--key-column", "k")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("cut.csv.gz", result.stderr)

    def test_a_month_of_flights_arrives_as_it_is_in_the_file(self):
        topic = new_topic("flights")
        path = DATA / "legs-2013-01.csv.gz"
        fields = self.loaded(topic, "--csv", path, "--key-column", "tailnum", "--partitions", 4)
        self.assertEqual(fields["records"], 27004)
        sent = collections.defaultdict(list)
        for rec in records_of(self.brokers, topic):
            sent[rec["key"] or ""].append(json.loads(rec["payload"]))
        texts = {"date", "sched_dep", "carrier", "tailnum", "origin", "dest"}
        rows = collections.defaultdict(list)
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                rows[row["tailnum"]].append({c: v if c in texts else json.loads(v) for c, v in row.items() if v})
        order = json.dumps  # records without a key are in several partitions
        self.assertEqual(sorted(sent.pop(""), key=order), sorted(rows.pop(""), key=order))
        self.assertEqual(sent, rows)


class EmbeddedLoadTest(LoadTests, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = embedded_broker()
        cls.brokers = cls.broker.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__(None, None, None)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_records_that_the_embedded_broker_drops_are_a_failure(self):
        result = keyloom("load", "--brokers", "embedded", "--topic", "t", "--records", 100000, "--keys", 10,
                         "--partitions", 1, "--json")
        self.assertEqual(result.returncode, 1)
        self.assertGreater(report(result)["dropped"], 0)
        self.assertIn("5 MiB", result.stderr)

    def test_a_broker_in_the_process_is_enough(self):
        result = keyloom("load", "--brokers", "embedded", "--topic", "t", "--records", 1000, "--keys", 10,
                         "--partitions", 9, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(report(result)["partitions"], 9)
        self.assertEqual(result.stderr, "")

    def test_the_configuration_file_names_brokers_and_properties(self):
        path = self.write("keyloom.conf", b'keyloom {\n  brokers = "%s"\n  kafka { "linger.ms" = 3 }\n}\n'
                          % self.brokers.encode())
        arguments = ["load", "--topic", new_topic("config"), "--records", "1", "--keys", "1", "--config", path]
        self.assertEqual(keyloom(*arguments).returncode, 0)
        path.write_bytes(b'keyloom {\n  brokers = "%s"\n  kafka { "linger.ms" = "never" }\n}\n' % self.brokers.encode())
        result = keyloom(*arguments)
        self.assertEqual(result.returncode, 2)
        self.assertIn("linger.ms", result.stderr)


@unittest.skipUnless(real_broker(), "KEYLOOM_BROKER is not set")
class RealLoadTest(LoadTests, unittest.TestCase):
    brokers = real_broker()

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_partitions_are_created_as_asked_for(self):
        topic = new_topic("partitions")
        result = self.load(topic, "--records", 1, "--keys", 1, "--partitions", 7)
        self.assertEqual(report(result)["partitions"], 7)
        result = self.load(topic, "--records", 1, "--keys", 1, "--partitions", 3)
        self.assertEqual((result.returncode, report(result)["partitions"]), (0, 7))
        self.assertIn("--partitions 3", result.stderr)

    def test_records_the_broker_refuses_are_errors(self):
        result = self.load(new_topic("refused"), "--records", 3, "--keys", 1, "--size", 2000000,
                           "--kafka", "message.max.bytes=3000000")
        self.assertEqual(result.returncode, 1)
        self.assertEqual((report(result)["records"], report(result)["errors"]), (0, 3))

    def test_records_the_client_refuses_are_errors(self):
        result = self.load(new_topic("refused"), "--records", 3, "--keys", 1, "--size", 2000000)
        self.assertEqual(result.returncode, 1)
        self.assertEqual((report(result)["records"], report(result)["errors"]), (0, 3))


if __name__ == "__main__":
    unittest.main()
