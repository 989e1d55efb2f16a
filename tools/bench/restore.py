"""How long a worker takes to restore the counts that another one has left in the change log."""

import json
import signal
import subprocess
import time
import urllib.request

from paced import READY_TIMEOUT_S
from runs import say
from scenarios import Topic

LOOK_S = 0.05


def restored_parts(port):
    """What /state tells of each partition's restore, or nothing before the worker answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=2) as answer:
            state = json.load(answer)
    except OSError:
        return []
    parts = [part for source in state["sources"] for part in source["partitions"]]
    return [part["restore"] for part in parts if "restore" in part and part["lifecycle"] == "active"]


def wait_until_restored(worker, port, partitions):
    end = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < end and worker.poll() is None:
        parts = restored_parts(port)
        if len(parts) == partitions:
            return parts
        time.sleep(LOOK_S)
    raise SystemExit("bench: restore: the partitions did not become active")


def measure(bench, name, scenario, turn):
    source = bench.topic_of(Topic(scenario.keys, scenario.keys, scenario.partitions))
    group = f"{source}-{name}-{turn}"
    command = ["work", "--topic", source, "--group", group, "--processor", "none", "--exactly-once",
               "--state", f"{group}-counts"]
    bench.run("keyloom", *command, "--until-end")
    port = bench.free_port()
    worker = subprocess.Popen(bench.command("keyloom", *command, "--http-port", str(port)),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        parts = wait_until_restored(worker, port, scenario.partitions)
    finally:
        worker.send_signal(signal.SIGTERM)
    result = json.loads(worker.communicate(timeout=60)[0])
    entries = sum(part["entries"] for part in parts)
    seconds = max(part["seconds"] for part in parts)
    say(f"{name}, round {turn + 1}: {entries:,} entries in {seconds:.2f} s")
    return {"entries": entries, "seconds": seconds, "maxrss_mb": result["maxrss_mb"]}
