#!/usr/bin/env python3
"""`keyloom work --http-port`: health, and metrics whose names, units and labels follow Prometheus' rules (as
`promtool check metrics` has them, which is too large a package to install for this)."""

import re
import socket
import time
import unittest
import urllib.error
import urllib.request

from program import PATIENCE, embedded_broker, keyloom, new_topic, started

SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? ([-+]?(?:[\d.]+|Inf|NaN)) \d+$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
ALLOWED_LABELS = {"group", "topic", "partition", "stage", "batcher", "le"}
NO_UNITS = ("_ms", "_milliseconds", "_us", "_ns", "_kb", "_kib", "_mb", "_minutes", "_hours", "_percent")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def get(port, path):
    """Status and text; 0: nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


def complaints_of(text):
    """What is wrong with keyloom's metrics in this exposition."""
    types, helped, seen, found = {}, set(), set(), []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in types:
                found.append(f"{name} is there twice")
            types[name] = kind
        elif line.startswith("# HELP "):
            helped.add(line.split(" ")[2])
        elif match := SAMPLE.match(line):
            name, labels, _ = match.groups()
            series = (name, labels)
            if series in seen:
                found.append(f"{name} has {labels} twice")
            seen.add(series)
            if not name.startswith("keyloom_"):
                continue
            family = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
            if family not in types:
                found.append(f"{name} has no type")
            if strange := {label for label, _ in LABEL.findall(labels or "")} - ALLOWED_LABELS:
                found.append(f"{name} has labels {strange}")
        else:
            found.append(f"cannot be read: {line}")
    for name, kind in types.items():
        if not name.startswith("keyloom_"):
            continue
        if name not in helped:
            found.append(f"{name} has no help")
        if (kind == "counter") != name.endswith("_total"):
            found.append(f"{name} is a {kind}")
        if name.removesuffix("_total").endswith(NO_UNITS):
            found.append(f"{name} has no base unit")
    return found


class Http(unittest.TestCase):
    def test_health_and_metrics_of_a_worker(self):
        with embedded_broker() as address:
            topic, port = new_topic("http"), free_port()
            loaded = keyloom("load", "--brokers", address, "--topic", topic, "--records", 300, "--keys", 10)
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            options = ["--brokers", address, "--topic", topic, "--http-port", port]
            worker = started("work", *options, "--group", new_topic("group"), "--processor", "batch")
            try:
                deadline = time.monotonic() + PATIENCE
                while get(port, "/readyz")[0] != 200 or "keyloom_records_out_total" not in get(port, "/metrics")[1]:
                    self.assertLess(time.monotonic(), deadline, get(port, "/readyz"))
                    time.sleep(0.05)
                self.assertEqual(get(port, "/livez"), (200, "alive\n"))
                self.assertEqual(get(port, "/readyz"), (200, "ready\n"))
                text = get(port, "/metrics")[1]
                self.assertEqual(complaints_of(text), [])
                for name in ("keyloom_batcher_batch_size_items_bucket", "keyloom_partition_lag_records",
                             "keyloom_commit_duration_seconds_count", "caf_actor_processing_time_seconds_bucket"):
                    self.assertIn(name, text)
                second = keyloom("work", *options, "--group", new_topic("group"))
                self.assertEqual(second.returncode, 2)
                self.assertIn(f"127.0.0.1:{port} is taken", second.stderr)
            finally:
                worker.terminate()
                worker.communicate(timeout=PATIENCE)
            self.assertEqual(worker.returncode, 0)
            self.assertEqual(get(port, "/livez")[0], 0)

    def test_the_rules_find_what_is_against_them(self):
        self.assertEqual(len(complaints_of("# TYPE keyloom_x_ms gauge\nkeyloom_x_ms{key=\"a\"} 1 5\n")), 3)
        self.assertEqual(len(complaints_of("# HELP keyloom_y y\n# TYPE keyloom_y counter\nkeyloom_y 1 5\n")), 1)
        self.assertEqual(len(complaints_of("keyloom_z = 1\n")), 1)


if __name__ == "__main__":
    unittest.main()
