"""The broker, the topics and the program, as the conductor uses them."""

import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("KEYLOOM_BUILD", ROOT / "build/release")) / "keyloom"
PATIENCE = 120  # seconds after which something hangs


class Broker:
    """A broker that others look after, or, without an address, one of our own, which can be killed."""

    def __init__(self, address, folder):
        self.address = address
        self.own = address is None
        self.folder = folder / "broker"
        self.restarted = []
        if self.own:
            self.address = self.call("start").splitlines()[-1]
            self.pid = int((self.folder / "pid").read_text())
            self.command = pathlib.Path(f"/proc/{self.pid}/cmdline").read_text().split("\0")[:-1]

    def call(self, verb):
        environment = os.environ | {"KEYLOOM_BROKER_DIR": str(self.folder)}
        return subprocess.run([ROOT / "tools/broker.sh", verb], env=environment, stdout=subprocess.PIPE, text=True,
                              check=True).stdout

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def restart(self):
        """With the data it had."""
        with (self.folder / "broker.log").open("a") as log:
            process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
        self.restarted.append(process)
        self.pid = process.pid
        (self.folder / "pid").write_text(str(self.pid))

    def end(self):
        if self.own:
            self.call("stop")
            for process in self.restarted:
                process.wait()


def keyloom(*arguments):
    """Runs the program to its end; its report, or nothing when it failed."""
    done = subprocess.run([PROGRAM, *map(str, arguments), "--json"], capture_output=True, text=True, check=False,
                          timeout=10 * PATIENCE)
    return (json.loads(done.stdout) if done.stdout else None), done


def started(*arguments):
    return subprocess.Popen([PROGRAM, *map(str, arguments), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def offsets(address, topic, group):
    """What is committed and what is there, by partition: (committed, end); nothing when the broker does not tell."""
    found, _ = keyloom("offsets", "--brokers", address, "--topic", topic, "--group", group, "--timeout", 2)
    if found is None:
        return None
    return {x["partition"]: (max(x["committed"], 0), x["end"]) for x in found["partitions"]}


def records(address, topic):
    """All records as an independent client reads them: (partition, offset, headers, value)."""
    command = ["kcat", "-b", address, "-t", topic, "-C", "-e", "-q", "-f", "%p %o %h\t%s\n", "-X",
               "fetch.wait.max.ms=10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        for line in reader.stdout:
            where, value = line.rstrip("\n").split("\t", 1)
            partition, offset, headers = where.split(" ", 2)
            yield int(partition), int(offset), headers, json.loads(value)
    assert reader.returncode == 0, f"kcat ended with {reader.returncode}"


def latest(address, topic):
    """The last value of each key, as an independent client reads a change log."""
    command = ["kcat", "-b", address, "-t", topic, "-C", "-e", "-q", "-f", "%k %s\n", "-X", "fetch.wait.max.ms=10"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in text.splitlines())


def wait_until_catches(process, number):
    """Waits until a process has a handler for this signal, or has ended."""
    status = pathlib.Path(f"/proc/{process.pid}/status")

    def catches():
        if process.poll() is not None:
            return True
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return int(caught.split()[1], 16) >> (number - 1) & 1

    eventually(f"process {process.pid} handles signal {number}", catches)


def eventually(what, holds, patience=PATIENCE):
    """Waits until `holds()`; raises with `what` when it does not come true."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience} s: {what}")
        time.sleep(0.1)
