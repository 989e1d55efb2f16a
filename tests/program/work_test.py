#!/usr/bin/env python3
"""What `keyloom work` promises: every record worked on once, keys in order, offsets committed, errors told."""

import json
import pathlib
import signal
import tempfile
import unittest

from program import embedded_broker, keyloom, new_topic, produce, real_broker, records_of, report, started, wait_until_catches

FIELDS = {"records", "seconds", "rec_per_s", "cpu_s", "maxrss_mb", "commits", "lat_p50_ms", "lat_p99_ms",
          "retries", "dead_lettered", "in_flight_max"}


def brokers():
    address = real_broker()
    return [address] if address else []


class Work(unittest.TestCase):
    def each_broker(self, test):
        with self.subTest("embedded"), embedded_broker() as address:
            test(address)
        for address in brokers():
            with self.subTest("real"):
                test(address)

    def load(self, address, records=3000, keys=50, partitions=4):
        topic = new_topic("work")
        loaded = keyloom("load", "--brokers", address, "--topic", topic, "--records", records, "--keys", keys,
                         "--partitions", partitions)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        return topic

    def work(self, address, topic, *options, code=0):
        result = keyloom("work", "--brokers", address, "--topic", topic, "--group", new_topic("group"), "--until-end",
                         "--json", *options)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def check(self, address, *options):
        topic, out = self.load(address), new_topic("out")
        numbers = report(self.work(address, topic, "--out", out, *options))
        self.assertLessEqual(FIELDS, numbers.keys())
        self.assertEqual(numbers["records"], 3000)
        verified = report(keyloom("verify", "--brokers", address, "--topic", topic, "--out", out, "--json"))
        self.assertEqual(verified, {"expected": 3000, "seen": 3000, "lost": 0, "duplicates": 0, "out_of_order": 0,
                                    "foreign": 0})

    def test_each_processor_keeps_order_and_loses_nothing(self):
        for options in (["none"], ["compute"], ["blocking", "--delay-ms", 1, "--concurrency", 20], ["actor"],
                        ["actor", "--delay-ms", 2, "--jitter-ms", 3, "--concurrency", 50], ["async"],
                        ["async", "--delay-ms", 2, "--jitter-ms", 3, "--concurrency", 50], ["batch"],
                        ["batch", "--batch-size", 7, "--delay-ms", 2, "--jitter-ms", 3, "--concurrency", 10]):
            self.each_broker(lambda address, o=options: self.check(address, "--processor", *o))

    def test_each_order_and_turn_keeps_keys_in_order(self):
        for order in ("by_key", "by_event"):
            for turns in ("serial", "interleaved"):
                self.each_broker(lambda address, o=order, t=turns: self.check(
                    address, "--processor", "blocking", "--concurrency", 20, "--jitter-ms", 2, "--output-order", o,
                    "--key-turns", t))

    def test_each_mode_keeps_the_order_of_outputs_and_loses_nothing(self):
        for mode in ("by_partition", "unordered"):
            for processor in ("compute", "blocking", "actor"):
                self.each_broker(lambda address, m=mode, p=processor: self.check(
                    address, "--mode", m, "--processor", p, "--concurrency", 50))
        for mode in ("by_key", "by_partition"):
            for processor in ("compute", "blocking"):
                self.each_broker(lambda address, m=mode, p=processor: self.check(
                    address, "--mode", m, "--processor", p, "--by-run"))

    def test_a_mode_says_what_is_worked_on_at_once(self):
        def test(address):
            def seconds(keys, *options):
                topic = self.load(address, 100, keys)
                return report(self.work(address, topic, "--processor", "blocking", "--delay-ms", 50, "--concurrency",
                                        100, *options))["seconds"]
            self.assertGreater(seconds(1), 100 * 0.05)
            self.assertGreater(seconds(100, "--mode", "by_partition"), 100 / 4 * 0.05)  # on 4 partitions
            self.assertLess(seconds(1, "--mode", "unordered"), 100 * 0.05 / 2)
            self.assertLess(seconds(1, "--by-run"), 100 * 0.05 / 2)
        self.each_broker(test)

    def test_stragglers_take_longer_than_the_rest(self):
        with embedded_broker() as address:
            topic = self.load(address, 20, 1)
            numbers = report(self.work(address, topic, "--processor", "blocking", "--stragglers", "1:30"))
            self.assertGreater(numbers["seconds"], 20 * 0.03)

    def test_the_output_is_the_input_with_a_last_field_d(self):
        def test(address):
            topic, out = new_topic("work"), new_topic("out")
            keyloom("load", "--brokers", address, "--topic", topic, "--records", 0, "--keys", 1, "--partitions", 1)
            produce(address, topic, ['a:{"x": 1}', "a:{}", "b:no json", 'c:{"y"}'])
            self.work(address, topic, "--out", out)
            found = {(r["key"], r["payload"].split('"d":')[0]) for r in records_of(address, out)}
            self.assertEqual(found, {("a", '{"x": 1,'), ("a", "{"), ("b", "no json"), ("c", '{"y"}')})
            for rec in records_of(address, out):
                self.assertEqual(rec["headers"], ["type", "done"])
                if rec["key"] == "a":
                    self.assertEqual(list(json.loads(rec["payload"]))[-1], "d")
        self.each_broker(test)

    def test_a_tag_is_a_header_of_each_output(self):
        def test(address):
            topic, out = self.load(address, 20, 5), new_topic("out")
            self.work(address, topic, "--out", out, "--tag", "worker 1")
            headers = [rec["headers"] for rec in records_of(address, out)]
            self.assertEqual(headers, [["by", "worker 1", "type", "done"]] * 20)
        self.each_broker(test)

    def test_an_error_stops_the_partition_with_a_line_that_names_it(self):
        def test(address):
            topic = self.load(address, 200, 5)
            result = self.work(address, topic, "--processor", "compute", "--fail-rate", 1, code=1)
            for part in (f"topic {topic}", "partition ", "offset ", "key 'k0", "stage 'compute'", "on purpose"):
                self.assertIn(part, result.stderr)
        self.each_broker(test)

    def test_skip_goes_on_and_counts(self):
        def test(address):
            topic = self.load(address, 1000, 20)
            numbers = report(self.work(address, topic, "--processor", "compute", "--fail-rate", 0.1, "--on-error",
                                       "skip"))
            self.assertEqual(numbers["records"], 1000)
            self.assertGreater(numbers["skipped"], 0)
        self.each_broker(test)

    def test_the_configuration_file_wins_over_defaults_and_options_over_the_file(self):
        with embedded_broker() as address, tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "keyloom.conf"
            path.write_text('keyloom {\n  on-error = "skip"\n  credit = 10\n  topic = "elsewhere"\n  group = "others"\n'
                            '  log.level = "error"\n}\n')
            topic = self.load(address, 500, 20)
            fails = ["--processor", "compute", "--fail-rate", 0.5]
            result = self.work(address, topic, "--config", path, *fails)
            numbers = report(result)
            self.assertEqual(numbers["records"], 500)
            self.assertGreater(numbers["skipped"], 0)
            self.assertLessEqual(numbers["in_flight_max"], 4 * 10)
            self.assertEqual(result.stderr, "")
            self.work(address, topic, "--config", path, "--on-error", "stop", *fails, code=1)
            quiet = pathlib.Path(folder) / "quiet.conf"
            quiet.write_text('keyloom { log.level = "off" }\ncaf { scheduler { max-threads = 1 } }\n')
            self.assertEqual(self.work(address, topic, "--config", quiet).stderr, "")

    def test_a_wrong_configuration_file_is_wrong_usage(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "keyloom.conf"
            for text, said in (("keyloom { credits = 5 }", "keyloom.credit"), ("keyloom { credit = 0 }", "1 to"),
                               ('keyloom { on-error = "panic" }', "stop, stop_source, skip"),
                               ('caf { scheduler { max-threads = "some" } }', "max-threads")):
                path.write_text(text)
                result = keyloom("work", "--brokers", "embedded", "--topic", "t", "--group", "g", "--config", path)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(said, result.stderr)

    def test_a_second_run_of_a_group_finds_nothing_to_do(self):
        def test(address):
            topic, group = self.load(address), new_topic("group")
            for expected in (3000, 0):
                result = keyloom("work", "--brokers", address, "--topic", topic, "--group", group, "--until-end",
                                 "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(report(result)["records"], expected)
        self.each_broker(test)

    def test_a_signal_drains_commits_and_ends_well(self):
        def test(address):
            topic, group = self.load(address, 2000, 40), new_topic("group")
            process = started("work", "--brokers", address, "--topic", topic, "--group", group, "--processor",
                              "blocking", "--delay-ms", 2, "--concurrency", 8, "--json")
            while "assigned" not in process.stderr.readline():
                pass
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
            done = json.loads(out)["records"]
            rest = report(keyloom("work", "--brokers", address, "--topic", topic, "--group", group, "--until-end",
                                  "--json"))
            self.assertEqual(done + rest["records"], 2000) # nothing lost, nothing done twice
        self.each_broker(test)

    def test_a_second_signal_ends_it_at_once_even_while_it_looks_for_a_broker(self):
        process = started("work", "--brokers", "127.0.0.1:1", "--topic", "t", "--group", "g", "--timeout", 100)
        wait_until_catches(process, signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # another number: two of one number may arrive as one
        process.communicate(timeout=20)
        self.assertIn(process.returncode, (128 + signal.SIGINT, 128 + signal.SIGTERM))

    def test_two_members_share_the_work(self):
        def test(address):
            topic, group, out = self.load(address, 4000, 100), new_topic("group"), new_topic("out")
            members = [started("work", "--brokers", address, "--topic", topic, "--group", group, "--out", out,
                               "--processor", "blocking", "--delay-ms", 2, "--concurrency", 8, "--until-end",
                               "--json") for _ in range(2)]
            for member in members:
                _, err = member.communicate(timeout=120)
                self.assertEqual(member.returncode, 0, err)
            verified = report(keyloom("verify", "--brokers", address, "--topic", topic, "--out", out, "--json"))
            self.assertEqual((verified["lost"], verified["out_of_order"], verified["foreign"]), (0, 0, 0))
        self.each_broker(test)

    def test_wrong_usage_missing_topic_and_no_broker_have_exit_codes_of_their_own(self):
        self.assertEqual(keyloom("work", "--topic", "t", "--group", "g", "--processor", "magic").returncode, 2)
        self.assertEqual(keyloom("work", "--topic", "t", "--group", "g", "--fail-rate", 2).returncode, 2)
        self.assertEqual(keyloom("work", "--topic", "t").returncode, 2)
        for options in (["--mode", "magic"], ["--by-run"], ["--processor", "actor", "--by-run"],
                        ["--processor", "compute", "--by-run", "--mode", "unordered"], ["--stragglers", "2:5"],
                        ["--stragglers", "0.5"], ["--on-error", "panic"], ["--batch-size", 5],
                        ["--processor", "batch", "--batch-size", 0], ["--processor", "batch", "--mode", "unordered"]):
            self.assertEqual(keyloom("work", "--topic", "t", "--group", "g", *options).returncode, 2, options)
        unreachable = keyloom("work", "--brokers", "127.0.0.1:1", "--topic", "t", "--group", "g", "--timeout", 1)
        self.assertEqual(unreachable.returncode, 3, unreachable.stderr)
        missing = new_topic("missing")
        result = keyloom("work", "--brokers", "embedded", "--topic", missing, "--group", "g", "--until-end")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(missing, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
