"""An example on a real broker, exactly once, with topics and a group of its own: started, killed, and started again."""

import csv
import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/program"))

from program import DATA, PATIENCE, PROGRAM, keyloom, new_topic, records_of, report  # noqa: E402

LEGS = DATA / "legs-2013-01.csv.gz"


def legs(count=None):
    """Rows of the file of legs: the first ones, or all."""
    with gzip.open(LEGS, "rt", encoding="utf-8") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(count))] if count else list(csv.DictReader(file))


def wait_until(process, what):
    deadline = time.monotonic() + PATIENCE
    while not what():  # each look takes a while
        assert process.poll() is None, f"it ended with {process.returncode}: {process.communicate()}"
        assert time.monotonic() < deadline, "it does not come to an end"


class Run:
    def __init__(self, example, brokers, rows):
        self.example = example
        self.brokers = brokers
        self.topic = new_topic("legs")
        self.group = new_topic("group")
        self.change_log = new_topic("change-log")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "legs-2013-01.csv"  # its name is the type of the records
            with open(path, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(rows)
            self.load(self.topic, "--csv", path, "--key-column", "tailnum")

    def load(self, topic, *what):
        loaded = keyloom("load", "--brokers", self.brokers, "--topic", topic, "--partitions", 4, *what)
        assert loaded.returncode == 0, loaded.stderr

    def start(self, database, settings=None, **environment):
        # One name a member: a second start goes on at once with the partitions of the first.
        settings = {"brokers": self.brokers, "topic": self.topic, "group": self.group, "instance": self.group,
                    "log.level": "error", "kafka": f'{{group.instance.id = "{self.group}"}}', **(settings or {})}
        command = [PROGRAM.parent / f"examples/example_{self.example}",
                   *(f"--keyloom.{name}={value}" for name, value in settings.items())]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=os.environ | {"LEGS_DATABASE": database.address()} | environment)

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def stop(self, process, pattern):
        """As a user does; returns the numbers it printed."""
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, f"it ended with {process.returncode}:\n{text}{errors}"
        found = re.search(pattern, text)
        assert found, text
        return [int(x) for x in found.groups()]

    def lag(self):
        result = keyloom("offsets", "--brokers", self.brokers, "--topic", self.topic, "--group", self.group, "--json")
        return sum(each["lag"] for each in report(result)["partitions"])

    def restored(self):
        """What a store is restored to: the last committed entry of each key, unless that is a tombstone."""
        entries = {entry["key"]: entry["payload"] for entry in records_of(self.brokers, self.change_log)}
        return {key: json.loads(payload) for key, payload in entries.items() if payload}
