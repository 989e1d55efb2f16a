#!/usr/bin/env python3
"""The page of a running source in a real browser: it shows what the source says, goes on, and names a stalled key."""

import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from program import PATIENCE, embedded_broker, keyloom, new_topic, started

BROWSER = shutil.which("chromium")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def dom_of(url, milliseconds=2500):
    """The page's elements after that time, as text."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shown = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
             f"--timeout={milliseconds}", "--window-size=1280,1600", "--dump-dom", url],
            capture_output=True, text=True, timeout=120, check=True)
    return shown.stdout


def state_of(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/state") as answer:
        return json.load(answer)["sources"][0]


def tile(dom, label):
    return int(re.search(rf"<b>([\d,]+)</b><span>{re.escape(label)}</span>", dom).group(1).replace(",", ""))


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

    def test_it_shows_the_sources_numbers_which_change_and_a_key_that_stands_still(self):
        self.assertTrue(BROWSER, "install Debian's package chromium")
        with embedded_broker() as address, tempfile.TemporaryDirectory() as folder:
            topic = new_topic("page")
            config = pathlib.Path(folder) / "keyloom.conf"
            config.write_text("keyloom { stall { warning = 500ms } }\n")
            load = ["load", "--brokers", address, "--topic", topic]
            self.assertEqual(keyloom(*load, "--records", 500, "--keys", 20, "--partitions", 2).returncode, 0)
            with self.working(address, topic, "--config", config, "--processor", "actor", "--delay-ms", 1) as port:
                self.wait_for(port, lambda state: state["out"] == 500)
                first = dom_of(f"http://127.0.0.1:{port}/")
                self.assertEqual(tile(first, "records out"), 500)
                self.assertIn(f'data-partition="{topic}/1"', first)
                self.assertIn(">ready<", first)
                self.assertNotIn("stands still", first.split("<template", 1)[0].split("</style>")[-1])
                self.assertEqual(keyloom(*load, "--records", 250, "--keys", 20).returncode, 0)
                self.wait_for(port, lambda state: state["out"] == 750)
                self.assertEqual(tile(dom_of(f"http://127.0.0.1:{port}/"), "records out"), 750)
            with self.working(address, topic, "--config", config, "--processor", "blocking", "--stragglers",
                              "1:600000") as port:
                self.wait_for(port, lambda state: any(each["stall"] for each in state["partitions"]))
                slowest = state_of(port)["keys"][0]["oldest"]
                dom = dom_of(f"http://127.0.0.1:{port}/")
                self.assertIn("not ready", dom)
                self.assertIn("lane stalled", dom)
                self.assertIn(f"<td class=\"\">{slowest['key']}</td>", dom.replace("<td>", '<td class="">'))
                self.assertIn("stage 'blocking', waits for a call that runs", dom)


if __name__ == "__main__":
    unittest.main()
