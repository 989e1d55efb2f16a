#!/usr/bin/env python3
"""What a broker that is gone for a while does to a worker: nothing, but that it waits."""

import os
import signal
import time
import unittest

from own_broker import OwnBroker
from program import keyloom, new_topic, report, started, wait_until_catches

# Longer than broker.session.timeout.ms: its controller then takes the broker out of the cluster, which for a moment
# has none.
FROZEN = 12  # seconds


class Outage(unittest.TestCase):
    def setUp(self):
        self.broker = OwnBroker(self.addCleanup)

    def test_workers_come_to_the_end_when_the_broker_was_killed_whether_they_ran_or_were_just_started(self):
        topic, out, group = new_topic("killed"), new_topic("out"), new_topic("group")
        at = ("--brokers", self.broker.address)
        loaded = keyloom("load", *at, "--topic", topic, "--records", 4000, "--keys", 100, "--partitions", 3)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        work = ("work", *at, "--topic", topic, "--group", group, "--out", out, "--processor", "blocking", "--delay-ms",
                3, "--concurrency", 4, "--until-end", "--json", "--timeout", 100)
        workers = [started(*work)]
        while "assigned" not in workers[0].stderr.readline():
            pass
        self.broker.kill()
        workers.append(started(*work))
        wait_until_catches(workers[1], signal.SIGTERM)  # it looks for the broker
        self.broker.restart()
        for worker in workers:
            _, err = worker.communicate(timeout=120)
            self.assertEqual(worker.returncode, 0, err)
        verified = report(keyloom("verify", *at, "--topic", topic, "--out", out, "--json"))
        self.assertEqual((verified["lost"], verified["out_of_order"], verified["foreign"]), (0, 0, 0))

    def test_a_worker_comes_to_the_end_when_the_broker_was_out_of_the_cluster_for_a_while(self):
        topic, out, group = new_topic("outage"), new_topic("out"), new_topic("group")
        at = ("--brokers", self.broker.address)
        loaded = keyloom("load", *at, "--topic", topic, "--records", 4000, "--keys", 100, "--partitions", 3)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        worker = started("work", *at, "--topic", topic, "--group", group, "--out", out, "--processor", "blocking",
                         "--delay-ms", 3, "--concurrency", 4, "--until-end", "--json")
        while "assigned" not in worker.stderr.readline():
            pass
        os.kill(self.broker.pid, signal.SIGSTOP)
        time.sleep(FROZEN)  # what is tested
        os.kill(self.broker.pid, signal.SIGCONT)
        _, err = worker.communicate(timeout=120)
        self.assertEqual(worker.returncode, 0, err)
        verified = report(keyloom("verify", *at, "--topic", topic, "--out", out, "--json"))
        self.assertEqual((verified["lost"], verified["out_of_order"], verified["foreign"]), (0, 0, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
