#!/usr/bin/env python3
"""`keyloom demo`: its claims hold, and its numbers are those of the file."""

import collections
import csv
import gzip
import json
import pathlib
import signal
import tempfile
import unittest

from program import DATA, keyloom, report, started, wait_until_catches


class Demo(unittest.TestCase):
    def test_every_leg_once_and_in_order(self):
        with gzip.open(DATA / "legs-2013-01.csv.gz", "rt", encoding="utf-8") as file:
            legs = list(csv.DictReader(file))
        late = collections.Counter()
        for leg in legs:
            if leg["tailnum"] and leg["dep_delay_min"]:
                late[leg["tailnum"]] += max(int(leg["dep_delay_min"]), 0)
        result = keyloom("demo", "--json", "--lookup-ms", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        numbers = report(result)
        self.assertEqual(numbers["records"], len(legs))
        self.assertEqual(numbers["keys"], len({leg["tailnum"] for leg in legs} - {""}))
        self.assertEqual((numbers["lost"], numbers["duplicates"], numbers["out_of_order"]), (0, 0, 0))
        self.assertEqual(late[numbers["worst"]["tail"]], numbers["worst"]["delay_min"])
        self.assertEqual(numbers["worst"]["delay_min"], max(late.values()))

    def test_interrupted_it_reports_what_it_did_and_what_is_left(self):
        process = started("demo", "--json", "--lookup-ms", 200)
        wait_until_catches(process, signal.SIGINT)
        while "assigned" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        numbers = json.loads(out)
        self.assertEqual((numbers["lost"], numbers["duplicates"], numbers["out_of_order"]), (0, 0, 0))
        self.assertGreater(numbers["left"], 0)
        with gzip.open(DATA / "legs-2013-01.csv.gz", "rt", encoding="utf-8") as file:
            self.assertEqual(numbers["records"] + numbers["left"], sum(1 for _ in csv.DictReader(file)))

    def test_people_get_a_summary(self):
        result = keyloom("demo", "--lookup-ms", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("0 lost, 0 twice, 0 out of", result.stdout)
        with self.assertRaises(json.JSONDecodeError):
            json.loads(result.stdout)

    def test_the_configuration_file_is_used_as_far_as_it_concerns_the_demo(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "keyloom.conf"
            path.write_text("keyloom { credit = 50 }")
            numbers = report(keyloom("demo", "--json", "--lookup-ms", 0, "--config", path))
            self.assertLessEqual(numbers["in_flight_max"], 4 * 50)
            path.write_text('keyloom { group = "mine" }')
            result = keyloom("demo", "--config", path)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("keyloom.group", result.stderr)

    def test_a_file_that_is_not_there_is_named(self):
        result = keyloom("demo", "--csv", "no-such-file.csv")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("no-such-file.csv", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
