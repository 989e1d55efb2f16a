"""Runs `keyloom work` on a topic that gets records at a steady rate, and looks at latency and CPU."""

import json
import os
import pathlib
import signal
import subprocess
import time

from runs import say

READY_TIMEOUT_S = 120


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def broker_cpu():
    """That of the broker so far, when it is tools/bench.sh's own."""
    pid = os.environ.get("KEYLOOM_BROKER_PID")
    return cpu_seconds(pid) if pid else None


def wait_until_reading(bench, topic, group, partitions):
    """Until the group has committed something: one record was loaded before."""
    end = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < end:
        state = bench.run("keyloom", "offsets", "--topic", topic, "--group", group)
        if sum(part["lag"] for part in state["partitions"]) == 0:
            return
        time.sleep(0.2)
    raise SystemExit(f"bench: nothing was read from {topic} ({partitions} partitions)")


def load(bench, topic, records, rate=None, keys=1000):
    # the load's own lingering is not what is measured
    paced = ("--rate", str(rate), "--kafka", "linger.ms=0") if rate else ()
    bench.run("keyloom", "load", "--topic", topic, "--records", str(records), "--keys", str(keys),
              *paced)


def measure(bench, name, scenario, turn):
    topic = bench.empty_topic(f"bench-{bench.run_id}-{name}-{turn}", scenario.partitions)
    load(bench, topic, 1)
    command = [*scenario.options, "--topic", topic, "--group", topic]
    reader = None
    if scenario.forwards:
        out = bench.empty_topic(f"{topic}-out", scenario.partitions)
        command += ["--out", out]
        reader = subprocess.Popen(
            bench.command("bench/visible_latency", "--topic", out, "--records",
                          str(scenario.rate * scenario.seconds)), stdout=subprocess.PIPE, text=True)
    if scenario.counts:
        command += ["--state", f"{topic}-counts"]
    worker = subprocess.Popen(bench.command(scenario.program, *command), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        wait_until_reading(bench, topic, topic, scenario.partitions)
        before, broker_before = cpu_seconds(worker.pid), broker_cpu()
        if scenario.rate:
            load(bench, topic, scenario.rate * scenario.seconds, scenario.rate, scenario.keys)
        else:
            time.sleep(scenario.seconds)  # an idle worker is what is measured
        cpu = cpu_seconds(worker.pid) - before
        of_broker = (broker_cpu() - broker_before) / scenario.seconds if broker_before else None
        visible = json.loads(reader.communicate(timeout=60)[0]) if reader else {}
    finally:
        worker.send_signal(signal.SIGTERM)
        if reader:
            reader.kill()
    result = json.loads(worker.communicate(timeout=60)[0])
    if worker.returncode != 0:
        raise SystemExit(f"bench: {name}: {scenario.program} ended with {worker.returncode}")
    say(f"{name}, round {turn + 1}: {cpu / scenario.seconds:.1%} of a core"
        + (f", {of_broker:.1%} of the broker" if of_broker else "")
        + (f", visible after {visible['p50_ms']} ms (p99 {visible['p99_ms']})" if visible else ""))
    return {"cores": cpu / scenario.seconds, "broker_cores": of_broker, "maxrss_mb": result["maxrss_mb"],
            "lat_p50_ms": result.get("lat_p50_ms"), "lat_p99_ms": result.get("lat_p99_ms"),
            "visible_p50_ms": visible.get("p50_ms"), "visible_p99_ms": visible.get("p99_ms")}
