#!/usr/bin/env python3
"""The page of a running source in a real browser: it shows what the source says, goes on, and names a stalled key."""

import contextlib
import json
import pathlib
import socket
import tempfile
import time
import unittest
import urllib.request

from browser import Browser
from program import PATIENCE, embedded_broker, keyloom, new_topic, started

RECORDS_OUT = "[...document.querySelectorAll('.tile')].find(t => t.innerText.endsWith('records out'))?.firstChild.innerText"
REQUESTS = "performance.getEntriesByType('resource').map(each => new URL(each.name).host)"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def state_of(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/state") as answer:
        return json.load(answer)["sources"][0]


class Page(unittest.TestCase):
    @contextlib.contextmanager
    def working(self, address, topic, *options):
        port = free_port()
        worker = started("work", "--brokers", address, "--topic", topic, "--group", new_topic("group"), "--http-port",
                         port, *options)
        try:
            yield port
        finally:
            worker.kill()
            worker.communicate()

    def wait_for(self, port, holds):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError):  # not up yet
                if holds(state_of(port)):
                    return
            time.sleep(0.05)
        self.fail(f"the source does not come there: {state_of(port)}")

    def test_it_shows_the_sources_numbers_as_they_change(self):
        with embedded_broker() as address:
            topic = new_topic("page")
            load = ["load", "--brokers", address, "--topic", topic, "--keys", 20]
            self.assertEqual(keyloom(*load, "--records", 0).returncode, 0)
            with self.working(address, topic, "--processor", "actor", "--delay-ms", 1) as port:
                self.wait_for(port, lambda state: len(state["partitions"]) == 4)
                with Browser(f"http://127.0.0.1:{port}/") as page:
                    page.wait_until("document.body.innerText.includes('No record has come yet')")
                    for sent, out in ((500, "500"), (700, "1,200")):
                        self.assertEqual(keyloom(*load, "--records", sent).returncode, 0)
                        page.wait_until(f"{RECORDS_OUT} === '{out}'")
                    self.assertEqual(state_of(port)["out"], 1200)
                    page.wait_until("document.querySelector('[data-of=health]').innerText === 'ready'")
                    self.assertEqual(page.value_of("document.querySelectorAll('.lane').length"), 4)
                    self.assertTrue(page.value_of("document.body.innerText.includes('actor')"))
                    self.assertEqual(set(page.value_of(REQUESTS)), {f"127.0.0.1:{port}"})

    def test_a_key_that_stands_still_is_there_with_stage_age_and_what_it_waits_for(self):
        with embedded_broker() as address, tempfile.TemporaryDirectory() as folder:
            topic = new_topic("page")
            config = pathlib.Path(folder) / "keyloom.conf"
            config.write_text("keyloom { stall { warning = 300ms } }\n")
            loaded = keyloom("load", "--brokers", address, "--topic", topic, "--records", 5, "--keys", 1)
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            with self.working(address, topic, "--config", config, "--processor", "blocking", "--stragglers",
                              "1:600000") as port:
                self.wait_for(port, lambda state: any(each["stall"] for each in state["partitions"]))
                with Browser(f"http://127.0.0.1:{port}/") as page:
                    page.wait_until("document.querySelector('.lane.stalled') !== null")
                    self.assertEqual(page.value_of("document.querySelector('[data-of=health]').innerText"), "not ready")
                    page.wait_until("document.querySelector('[data-of=keys]').rows[0].innerText.includes(' s')")
                    row = page.value_of("document.querySelector('[data-of=keys]').rows[0].innerText")
                    for part in ("k000000", "blocking", " s", "a call that runs"):
                        self.assertIn(part, row)


if __name__ == "__main__":
    unittest.main()
