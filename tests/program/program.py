"""What the tests of the program share: running it, brokers to run it on, and an independent client.

KEYLOOM_BUILD is the folder of the keyloom program, KEYLOOM_BROKER the address of a real broker.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid

PROGRAM = pathlib.Path(os.environ.get("KEYLOOM_BUILD", "build/release")) / "keyloom"
DATA = pathlib.Path(__file__).resolve().parents[2] / "examples/data"
PATIENCE = 120  # seconds after which something hangs


def keyloom(*arguments, **options):
    """Runs the program to its end; the result has returncode, stdout and stderr."""
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)


def report(result):
    """The JSON object on stdout, and nothing else there."""
    lines = result.stdout.splitlines()
    assert len(lines) == 1, f"stdout should be one JSON object: {result.stdout!r} {result.stderr!r}"
    return json.loads(lines[0])


def started(*arguments):
    """Starts the program and returns the process; its output is read by the caller."""
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_catches(process, number):
    """Waits until the process has a handler for this signal: before, it would just die of it."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        if int(caught.split()[1], 16) >> (number - 1) & 1:
            return
    raise AssertionError(f"no handler for signal {number}")


@contextlib.contextmanager
def embedded_broker():
    """An embedded broker in a process of its own; yields its address."""
    process = started("broker", "--json")
    try:
        yield json.loads(process.stdout.readline())["brokers"]
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"broker ended with {process.returncode}: {out} {err}"


def real_broker():
    """The address of a real broker, or nothing where none has to be there."""
    address = os.environ.get("KEYLOOM_BROKER")
    if not address:
        assert not os.environ.get("CI"), "KEYLOOM_BROKER is not set, and nothing is skipped in CI"
        print("KEYLOOM_BROKER is not set: what needs a real broker is left out", file=sys.stderr)
    return address


def new_topic(name):
    """A name that no test has used before."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def records_of(brokers, topic):
    """All records as an independent client reads them, in the order of each partition."""
    command = ["kcat", "-b", brokers, "-t", topic, "-C", "-e", "-q", "-J", "-X", "fetch.wait.max.ms=10"]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return [json.loads(line) for line in listing.stdout.splitlines()]


def produce(brokers, topic, lines, *options):
    """Sends lines of "key:value" with an independent client; keys go where Java's clients put them."""
    command = ["kcat", "-b", brokers, "-t", topic, "-P", "-K:", "-X", "partitioner=murmur2_random", *options]
    subprocess.run(command, input="".join(line + "\n" for line in lines), text=True, timeout=PATIENCE, check=True)


def java_partition(key, partitions):
    """Where Java's clients put a key, after Kafka's Utils.murmur2."""
    data = key.encode()
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for at in range(0, len(data) - 3, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[len(data) & ~3 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions
