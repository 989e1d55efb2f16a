#!/usr/bin/env python3
"""A group that is mistreated for half a minute loses nothing, keeps order and goes on; each run has another seed."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

CONDUCTOR = pathlib.Path(__file__).with_name("conductor.py")


class Conductor(unittest.TestCase):
    def test_a_group_whose_members_die_freeze_join_and_leave_keeps_its_promises(self):
        self.conduct("--minutes", "0.5")

    def test_under_exactly_once_nothing_comes_twice_and_counts_are_true(self):
        self.conduct("--exactly-once", "--minutes", "0.5", "--rate", "400")

    def conduct(self, *options):
        if not os.environ.get("KEYLOOM_BROKER"):
            self.assertFalse(os.environ.get("CI"), "KEYLOOM_BROKER is not set, and nothing is skipped in CI")
            self.skipTest("KEYLOOM_BROKER is not set")
        options += ("--seed", os.environ["KEYLOOM_SEED"]) if "KEYLOOM_SEED" in os.environ else ()
        done = subprocess.run([CONDUCTOR, *options], capture_output=True, text=True, timeout=600, check=False)
        sys.stderr.write(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertGreater(told["records"], 0)
        self.assertGreater(told["hand_overs"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
