"""Measures `keyloom work` against the raw loop and prints a table; run by tools/bench.sh, which sets
KEYLOOM_BROKER (host:port) and KEYLOOM_BUILD (the folder of `keyloom` and `bench/raw_loop`). The raw
loop runs twice: with the allocator our programs have, and with the system's, as a plain program does.

A scenario is one entry of SCENARIOS. Runs take turns, round by round, so that a machine that slows down
slows all of them; every run has a group name of its own and so begins at the first record."""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import uuid

PARTITIONS = 8
KEYS = 1000
RECORD_BYTES = 100
RUN_TIMEOUT_S = 1800


@dataclasses.dataclass(frozen=True)
class Scenario:
    options: tuple  # of `keyloom work`
    target: float | None = None  # the ratio to the raw loop that is aimed at
    share: float = 1.0  # of --records; another share means another topic
    forwards: bool = False  # both write to an output topic


SCENARIOS = {
    "inline": Scenario(("--processor", "none"), target=0.6),
    "compute": Scenario(("--processor", "compute"), target=0.35),
    "actor": Scenario(("--processor", "actor")),
    "async": Scenario(("--processor", "async")),
    "blocking-1ms": Scenario(
        ("--processor", "blocking", "--delay-ms", "1", "--concurrency", "100"), share=0.1),
    "forward": Scenario(("--processor", "none"), forwards=True),
}


def parse_options():
    parser = argparse.ArgumentParser(prog="tools/bench.sh")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="look at the options only")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
    if options.records < 1000:
        parser.error("--records takes a number from 1000")
    if options.rounds < 1:
        parser.error("--rounds takes a number from 1")
    return options


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = pathlib.Path(os.environ["KEYLOOM_BUILD"])
        self.brokers = os.environ["KEYLOOM_BROKER"]
        self.run_id = uuid.uuid4().hex[:8]
        self.topics = {}  # records -> topic

    def run(self, program, *arguments):
        """Runs a program to its end and returns the object it prints."""
        command = [self.build / program, *arguments, "--brokers", self.brokers, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=RUN_TIMEOUT_S)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(map(str, command))} ended with {done.returncode}")
        return json.loads(done.stdout)

    def topic_of(self, records):
        if records not in self.topics:
            topic = f"bench-{self.run_id}-{records}"
            say(f"loading {records:,} records into {topic}")
            self.run("keyloom", "load", "--topic", topic, "--records", str(records), "--keys",
                     str(KEYS), "--partitions", str(PARTITIONS), "--size", str(RECORD_BYTES))
            self.topics[records] = topic
        return self.topics[records]

    def output_topic(self, name):
        """A new one with as many partitions as the input: the load of no records creates it."""
        self.run("keyloom", "load", "--topic", name, "--records", "0", "--keys", "1",
                 "--partitions", str(PARTITIONS))
        return ("--out", name)

    def measure(self, run, turn):
        scenario = run.scenario
        records = max(1, int(self.options.records * scenario.share))
        group = re.sub("[^A-Za-z0-9-]+", "-", f"bench-{self.run_id}-{run.name}-{turn}")
        common = ["--topic", self.topic_of(records), "--group", group]
        if scenario.forwards:
            common += self.output_topic(f"{group}-out")
        if run.program == "keyloom":
            result = self.run("keyloom", "work", *common, *scenario.options, "--until-end")
        else:
            result = self.run(run.program, *common)
        if result["records"] < records:
            sys.exit(f"bench: {run.name} read {result['records']} of {records} records")
        say(f"{run.name}, round {turn}: {result['rec_per_s']:,.0f} records/s")
        return result


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    program: str
    scenario: Scenario


def raw_runs(scenario):
    """What a scenario is compared with: reading, or forwarding, the same number of records."""
    name = "raw loop, forward" if scenario.forwards else "raw loop"
    name += "" if scenario.share == 1 else f", {scenario.share:.0%} of the records"
    same = dataclasses.replace(scenario, options=())
    return [Run(name, "bench/raw_loop", same),
            Run(f"{name}, system's allocator", "bench/raw_loop_system", same)]


def all_runs(scenarios):
    """The scenarios and their raw loops, each once."""
    runs = {}
    for scenario in scenarios.values():
        runs |= {run.name: run for run in raw_runs(scenario)}
    runs |= {name: Run(name, "keyloom", scenario) for name, scenario in scenarios.items()}
    return list(runs.values())


def median_of(results, field):
    return statistics.median(field(x) for x in results)


def print_table(results, options):
    print(f"\n{options.records:,} records of {RECORD_BYTES} bytes, {PARTITIONS} partitions, "
          f"{KEYS:,} keys; {os.cpu_count()} cores; median of {options.rounds}\n")
    print("| scenario | rec/s | x raw loop | x raw loop, system's allocator | CPU us/record "
          "| max RSS MB | target |")
    print("|---|---|---|---|---|---|---|")
    speed = {run.name: median_of(done, lambda x: x["rec_per_s"]) for run, done in results.items()}
    for run, done in results.items():
        cpu = median_of(done, lambda x: 1e6 * x["cpu_s"] / x["records"])
        memory = median_of(done, lambda x: x["maxrss_mb"])
        ratios = [f"{speed[run.name] / speed[raw.name]:.2f}" for raw in raw_runs(run.scenario)]
        target = run.scenario.target or ""
        if run.program != "keyloom":
            ratios, target = ["", ""], ""
        print(f"| {run.name} | {speed[run.name]:,.0f} | {ratios[0]} | {ratios[1]} | {cpu:.2f} "
              f"| {memory:.0f} | {target} |")


def main():
    options = parse_options()
    if options.check:
        return
    runs = all_runs({name: SCENARIOS[name] for name in options.scenarios or SCENARIOS})
    bench = Bench(options)
    results = {run: [] for run in runs}
    for turn in range(1, options.rounds + 1):
        for run in runs:
            results[run].append(bench.measure(run, turn))
    print_table(results, options)


if __name__ == "__main__":
    main()
