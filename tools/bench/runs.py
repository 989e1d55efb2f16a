"""Runs the programs on prefilled topics."""

import dataclasses
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import uuid

from scenarios import RawLoop, Scenario

RUN_TIMEOUT_S = 1800


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    scenario: Scenario


def raw_runs(scenario):
    """What a scenario is compared with: reading, or forwarding, the same topic."""
    if not isinstance(scenario.against, RawLoop):
        return []
    name = "raw loop, forward" if scenario.forwards else "raw loop"
    return [Run(label, dataclasses.replace(scenario, options=(), aim="", program=program))
            for label, program in ((name, "bench/raw_loop"),
                                   (f"{name}, system's allocator", "bench/raw_loop_system"))]


def all_runs(scenarios):
    """The scenarios and their raw loops, each once."""
    found = {}
    for scenario in scenarios.values():
        found |= {run.name: run for run in raw_runs(scenario)}
    found |= {name: Run(name, scenario) for name, scenario in scenarios.items()}
    return list(found.values())


class Bench:
    def __init__(self):
        self.build = pathlib.Path(os.environ["KEYLOOM_BUILD"])
        self.brokers = os.environ["KEYLOOM_BROKER"]
        self.run_id = uuid.uuid4().hex[:8]
        self.topics = {}

    def command(self, program, *arguments):
        return [str(self.build / program), *arguments, "--brokers", self.brokers, "--json"]

    def run(self, program, *arguments):
        """Runs a program to its end and returns the object it prints."""
        command = self.command(program, *arguments)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=RUN_TIMEOUT_S)
        if done.returncode != 0:
            sys.exit(f"{done.stderr}bench: {' '.join(command)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def topic_of(self, wanted):
        """The topic's name; loads it when it is not there yet."""
        if wanted not in self.topics:
            name = f"bench-{self.run_id}-{len(self.topics)}"
            say(f"loading {wanted.records:,} records, {wanted.keys:,} keys, "
                f"{wanted.partitions} partitions into {name}")
            zipf = ("--zipf", str(wanted.zipf)) if wanted.zipf else ()
            self.run("keyloom", "load", "--topic", name, "--records", str(wanted.records), "--keys",
                     str(wanted.keys), "--partitions", str(wanted.partitions), "--size",
                     str(wanted.record_bytes), *zipf)
            self.topics[wanted] = name
        return self.topics[wanted]

    def empty_topic(self, name, partitions):
        """A load of no records creates it."""
        self.run("keyloom", "load", "--topic", name, "--records", "0", "--keys", "1",
                 "--partitions", str(partitions))
        return name

    @staticmethod
    def free_port():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]

    def measure(self, run, turn):
        scenario = run.scenario
        group = re.sub("[^A-Za-z0-9-]+", "-", f"bench-{self.run_id}-{run.name}-{turn}")
        common = ["--topic", self.topic_of(scenario.topic), "--group", group]
        if scenario.forwards:
            common += ["--out", self.empty_topic(f"{group}-out", scenario.topic.partitions)]
        if scenario.counts:
            common += ["--state", f"{group}-counts"]
        if scenario.program == "keyloom":
            result = self.run("keyloom", "work", *common, *scenario.options, "--until-end")
        elif scenario.program == "bench/forward":
            result = self.run(scenario.program, *common, *scenario.options, "--records",
                              str(scenario.topic.records))
        else:
            result = self.run(scenario.program, *common)
        if result["records"] < scenario.topic.records:
            sys.exit(f"bench: {run.name} read {result['records']} of {scenario.topic.records} records")
        result["cpu_us"] = 1e6 * result["cpu_s"] / result["records"]
        say(f"{run.name}, round {turn}: {result['rec_per_s']:,.0f} records/s, "
            f"{result['cpu_us']:.2f} us CPU a record")
        return result
