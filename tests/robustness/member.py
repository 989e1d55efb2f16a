"""One `keyloom work` process of the group, from its start to its end, and what its log says of its partitions."""

import datetime
import re
import signal
import subprocess
import time

from world import wait_until_catches

LINE = re.compile(r"^(\S+) (\w+) keyloom(?:\.\w+)?: (.*)$")
LISTED = re.compile(r"[\w.-]+/(\d+)(?:-(\d+))?")  # neighbours are a range
TOOK = re.compile(r" after (\d+) ms, ")
SAID = {
    "assigned ": "assigned",
    "gave up ": "gave up",
    "lost ": "lost",
}


class Member:
    """Running, frozen, or over. `name` is no other process's; `slot` may be taken again (static membership)."""

    def __init__(self, name, slot, processor, command, folder):
        self.name = name
        self.slot = slot
        self.processor = processor
        self.log = folder / f"{name}.log"
        self.out = folder / f"{name}.out"
        self.frozen = False
        self.ending = None  # how it was told to end: killed, stopped
        self.began = time.time()  # to run undisturbed
        with self.log.open("w") as log, self.out.open("w") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=log)

    def usable(self):
        return self.ending is None and not self.frozen and self.process.poll() is None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def kill(self):
        self.ending = "killed"
        self.frozen = False
        self.process.kill()
        self.process.wait()

    def stop(self):
        """One that was just started is let come to itself first: until it waits for the signal it just dies of it."""
        self.ending = "stopped"
        wait_until_catches(self.process, signal.SIGTERM)
        self.process.terminate()

    def news(self):
        return read_log(self.log.read_text(errors="replace"))


def read_log(text):
    """What happened to partitions, in order: (time, what, partitions, milliseconds). `what` is assigned, gave up, lost,
    undrained (work was cut off), unconfirmed (a last commit), or error (partitions: the line)."""
    result = []
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        at = datetime.datetime.fromisoformat(match[1]).timestamp()
        level, said = match[2], match[3]
        what = next((name for start, name in SAID.items() if said.startswith(start)), None)
        if " was not drained within " in said:
            what = "undrained"
        elif said.startswith("the last commit of "):
            what = "unconfirmed"
        if what:
            took = TOOK.search(said)
            partitions = [p for first, last in LISTED.findall(said) for p in range(int(first), int(last or first) + 1)]
            result.append((at, what, partitions, int(took[1]) if took else 0))
        elif level == "error" and not said.startswith("librdkafka"):
            result.append((at, "error", line, 0))
    return result


def owned(news, at):
    """The partitions that a member had at a time."""
    result = set()
    for when, what, partitions, _ in news:
        if when > at:
            break
        if what == "assigned":
            result |= set(partitions)
        elif what in ("gave up", "lost"):
            result -= set(partitions)
    return result
