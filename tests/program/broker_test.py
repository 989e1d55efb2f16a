"""keyloom broker: an embedded broker for other processes, until a signal.
Environment: KEYLOOM_BUILD (folder of keyloom). Needs no other broker."""

import json
import os
import pathlib
import signal
import subprocess
import unittest

KEYLOOM = pathlib.Path(os.environ.get("KEYLOOM_BUILD", "build/release")) / "keyloom"


class BrokerTest(unittest.TestCase):
    def start(self, *options):
        process = subprocess.Popen([KEYLOOM, "broker", *options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_it_takes_and_gives_records_at_the_address_it_prints(self):
        process = self.start("--json")
        brokers = json.loads(process.stdout.readline())["brokers"]
        kcat = ["kcat", "-b", brokers, "-q", "-t", "greetings", "-p", "0"]
        subprocess.run([*kcat, "-P", "-K", ":"], input="key:value\n", text=True, check=True, timeout=30)
        got = subprocess.run([*kcat, "-C", "-o", "beginning", "-c", "1", "-f", "%k=%s"], check=True,
                             stdout=subprocess.PIPE, text=True, timeout=30)
        self.assertEqual(got.stdout, "key=value")

    def test_it_ends_with_0_on_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                process = self.start()
                self.assertIn("127.0.0.1:", process.stdout.readline())
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=10), 0)


if __name__ == "__main__":
    unittest.main()
