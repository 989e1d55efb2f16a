#!/usr/bin/env python3
"""What `keyloom work` does with what fails: retries, dead letters, and back again with `keyloom redrive`."""

import collections
import json
import time
import unittest

from program import PATIENCE, embedded_broker, keyloom, new_topic, produce, real_broker, records_of, report

PREFIX = "keyloom.dead-letter."


def headers_of(rec):
    """The headers of a dead letter by their short names, and those that are the record's own."""
    pairs = list(zip(rec["headers"][::2], rec["headers"][1::2]))
    return ({name.removeprefix(PREFIX): value for name, value in pairs if name.startswith(PREFIX)},
            [(name, value) for name, value in pairs if not name.startswith(PREFIX)])


def numbers_by_key(records):
    """The counters of records that `load` made, by key, in the order they were read."""
    result = collections.defaultdict(list)
    for rec in records:
        result[rec["key"]].append(json.loads(rec["payload"])["n"])
    return result


class Case(unittest.TestCase):
    """What both halves share."""

    def each_broker(self, test):
        with self.subTest("embedded"), embedded_broker() as address:
            test(address)
        if address := real_broker():
            with self.subTest("real"):
                test(address)

    def make_topic(self, address, name, *options, records=0, keys=1, partitions=4):
        topic = new_topic(name)
        made = keyloom("load", "--brokers", address, "--topic", topic, "--records", records, "--keys", keys,
                       "--partitions", partitions, *options)
        self.assertEqual(made.returncode, 0, made.stderr)
        return topic

    def work(self, address, topic, *options, code=0, group=None):
        result = keyloom("work", "--brokers", address, "--topic", topic, "--group", group or new_topic("group"),
                         "--until-end", "--json", *options)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def check_split(self, address, *options):
        topic, out = self.make_topic(address, "in", records=3000, keys=60), new_topic("out")
        dead = self.make_topic(address, "dead")
        group = new_topic("group")
        numbers = report(self.work(address, topic, "--out", out, "--fail-rate", 0.3, "--retries", 1, "--on-error",
                                   "dead-letter", "--dlq", dead, *options, group=group))
        letters, done = records_of(address, dead), records_of(address, out)
        self.assertGreater(len(letters), 0)
        self.assertGreater(numbers["retries"], numbers["dead_lettered"])
        self.assertEqual(numbers["dead_lettered"], len(letters))
        self.assertEqual(numbers["records"], 3000)
        of_letters, of_done = numbers_by_key(letters), numbers_by_key(done)
        for key in {f"k{n:06}" for n in range(60)}:
            self.assertEqual(of_letters[key], sorted(of_letters[key]), key)  # in order, each in its topic
            self.assertEqual(of_done[key], sorted(of_done[key]), key)
            self.assertEqual(sorted(of_letters[key] + of_done[key]), list(range(50)), key)  # once
        offsets = report(keyloom("offsets", "--brokers", address, "--topic", topic, "--group", group, "--json"))
        self.assertEqual(sum(each["lag"] for each in offsets["partitions"]), 0)
        return topic, out, dead


class Failures(Case):
    """Retries and dead letters."""

    def test_retries_bring_every_record_through(self):
        def test(address, *options):
            topic, out = self.make_topic(address, "in", records=1000, keys=30), new_topic("out")
            numbers = report(self.work(address, topic, "--out", out, "--fail-rate", 0.1, "--retries", 20, "--kafka",
                                       "linger.ms=5", *options))
            self.assertGreater(numbers["retries"], 50)
            self.assertEqual(numbers["dead_lettered"], 0)
            verified = report(keyloom("verify", "--brokers", address, "--topic", topic, "--out", out, "--json",
                                      "--exactly-once"))
            self.assertEqual((verified["seen"], verified["duplicates"], verified["out_of_order"]), (1000, 0, 0))
        for options in (["none"], ["compute"], ["blocking"], ["blocking", "--by-run"], ["actor"], ["async"],
                        ["batch", "--batch-size", 7], ["compute", "--mode", "unordered"], ["blocking", "--mode", "by_partition"]):
            with self.subTest(options), embedded_broker() as address:
                test(address, "--processor", *options)
        if address := real_broker():
            test(address, "--processor", "blocking", "--concurrency", 50)

    def test_every_record_is_in_the_output_or_among_the_dead_letters_once_in_order(self):
        for options in (["blocking", "--delay-ms", 1, "--concurrency", 50], ["none"], ["compute"], ["actor"], ["async"],
                        ["batch", "--delay-ms", 1, "--batch-size", 20, "--concurrency", 5], ["batch", "--batch-size", 1]):
            self.each_broker(lambda address, o=options: self.check_split(address, "--processor", *o))

    def test_a_dead_letter_is_the_record_as_it_was_with_where_and_why(self):
        def test(address):
            topic, dead = self.make_topic(address, "in"), self.make_topic(address, "dead")
            produce(address, topic, ["a:1"], "-H", "own=x", "-H", "own=y")
            before = time.time()
            result = self.work(address, topic, "--processor", "compute", "--fail-rate", 1, "--retries", 2,
                               "--on-error", "dead-letter", "--dlq", dead)
            self.assertIn("call 1 failed", result.stderr)
            [original], [letter] = records_of(address, topic), records_of(address, dead)
            for field in ("key", "payload", "ts"):
                self.assertEqual(letter[field], original[field])
            where, own = headers_of(letter)
            self.assertEqual(own, [("own", "x"), ("own", "y")])
            self.assertEqual((where["topic"], where["partition"], where["offset"], where["stage"], where["attempts"]),
                             (topic, str(original["partition"]), str(original["offset"]), "compute", "3"))
            self.assertIn("on purpose", where["error"])
            self.assertLess(abs(int(where["time"]) / 1000 - before), PATIENCE)
        self.each_broker(test)

    def test_a_dead_letter_topic_that_does_not_exist_is_an_error_at_the_start(self):
        def test(address):
            topic, group, missing = self.make_topic(address, "in", records=10), new_topic("group"), new_topic("missing")
            result = self.work(address, topic, "--on-error", "dead-letter", "--dlq", missing, code=1, group=group)
            self.assertIn(missing, result.stderr)
            self.assertIn("dead-letter-topic", result.stderr)
            offsets = report(keyloom("offsets", "--brokers", address, "--topic", topic, "--group", group, "--json"))
            self.assertEqual({each["committed"] for each in offsets["partitions"]}, {-1})
        self.each_broker(test)

    def test_a_dead_letter_that_is_refused_stops_the_partition_and_nothing_is_dropped(self):
        def test(address):
            topic = self.make_topic(address, "in", "--size", 3000, records=20)
            dead, group = self.make_topic(address, "dead"), new_topic("group")
            failing = ["--fail-rate", 1, "--on-error", "dead-letter", "--dlq", dead]
            result = self.work(address, topic, *failing, "--kafka", "message.max.bytes=2000", code=1, group=group)
            self.assertIn("dead letter", result.stderr)
            self.assertIn("message.max.bytes", result.stderr)
            self.assertEqual(records_of(address, dead), [])
            numbers = report(self.work(address, topic, *failing, group=group))
            self.assertEqual((numbers["records"], numbers["dead_lettered"]), (20, 20))
        self.each_broker(test)

    def test_wrong_combinations_are_wrong_usage(self):
        for options in (["--on-error", "dead-letter"], ["--retries", -1], ["--retries", "many"], ["--dlq", ""]):
            self.assertEqual(keyloom("work", "--topic", "t", "--group", "g", *options).returncode, 2, options)
        with embedded_broker() as address:
            topic = self.make_topic(address, "in")
            self.work(address, topic, "--on-error", "dead-letter", "--dlq", topic, code=2)


class Redrive(Case):
    """Dead letters back into a topic."""

    def redrive(self, address, dead, to, *options, code=0):
        result = keyloom("redrive", "--brokers", address, "--dlq", dead, "--to", to, "--json", *options)
        self.assertEqual(result.returncode, code, result.stderr)
        return report(result) if code != 2 else None

    def test_redriven_records_are_the_originals_and_come_through(self):
        def test(address):
            topic, out, dead = self.check_split(address, "--processor", "compute")
            again = self.make_topic(address, "again")
            letters = records_of(address, dead)
            self.assertEqual(self.redrive(address, dead, again, "--dry-run"),
                             {"read": len(letters), "sent": 0, "left": len(letters)})
            self.assertEqual(records_of(address, again), [])
            self.assertEqual(self.redrive(address, dead, again), {"read": len(letters), "sent": len(letters), "left": 0})
            def shown(rec):
                return rec["key"], rec["payload"], rec["ts"], tuple(headers_of(rec)[1])
            sent = records_of(address, again)
            self.assertEqual(collections.Counter(map(shown, sent)), collections.Counter(map(shown, letters)))
            self.assertFalse(any(headers_of(rec)[0] for rec in sent))
            numbers = numbers_by_key(sent)
            for key, found in numbers_by_key(letters).items():
                self.assertEqual(numbers[key], found)
            self.work(address, again, "--out", out)
            done = numbers_by_key(records_of(address, out))
            self.assertEqual({key: sorted(found) for key, found in done.items()},
                             {f"k{n:06}": list(range(50)) for n in range(60)})
            del topic
        self.each_broker(test)

    def test_it_goes_on_where_it_left_off_and_a_limit_is_a_limit(self):
        def test(address):
            topic, dead = self.make_topic(address, "in", records=100, keys=10), self.make_topic(address, "dead")
            to = self.make_topic(address, "to")
            failing = ["--fail-rate", 1, "--on-error", "dead-letter", "--dlq", dead]
            self.work(address, topic, *failing)
            self.assertEqual(self.redrive(address, dead, to, "--limit", 30), {"read": 30, "sent": 30, "left": 70})
            self.assertEqual(self.redrive(address, dead, to, "--limit", 10, "--dry-run"),
                             {"read": 10, "sent": 0, "left": 70})
            self.assertEqual(self.redrive(address, dead, to), {"read": 70, "sent": 70, "left": 0})
            self.assertEqual(self.redrive(address, dead, to), {"read": 0, "sent": 0, "left": 0})
            self.assertEqual(len(records_of(address, to)), 100)
            self.assertEqual(numbers_by_key(records_of(address, to)), {f"k{n:06}": list(range(10)) for n in range(10)})
            elsewhere = self.make_topic(address, "elsewhere")
            self.assertEqual(self.redrive(address, dead, elsewhere)["sent"], 100)  # has a group of its own
            self.assertEqual(self.redrive(address, dead, to, "--group", new_topic("group"))["sent"], 100)
        self.each_broker(test)

    def test_a_record_that_is_refused_is_an_error_and_is_not_left_behind(self):
        def test(address):
            dead, to = self.make_topic(address, "dead"), self.make_topic(address, "to")
            produce(address, dead, ["a:" + "x" * 5000])
            result = self.redrive(address, dead, to, "--kafka", "message.max.bytes=2000", code=1)
            self.assertEqual((result["read"], result["sent"], result["left"]), (1, 0, 1))
            self.assertEqual(self.redrive(address, dead, to), {"read": 1, "sent": 1, "left": 0})
        self.each_broker(test)

    def test_wrong_usage_and_missing_topics_have_exit_codes_of_their_own(self):
        self.assertEqual(keyloom("redrive", "--dlq", "t", "--to", "t").returncode, 2)
        self.assertEqual(keyloom("redrive", "--dlq", "t").returncode, 2)
        self.assertEqual(keyloom("redrive", "--dlq", "t", "--to", "u", "--limit", 0).returncode, 2)
        with embedded_broker() as address:
            there = self.make_topic(address, "there")
            for dead, to in ((new_topic("missing"), there), (there, new_topic("missing"))):
                result = keyloom("redrive", "--brokers", address, "--dlq", dead, "--to", to)
                self.assertEqual(result.returncode, 1)
                self.assertIn("missing", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
