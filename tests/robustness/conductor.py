#!/usr/bin/env python3
"""Mistreats a group of `keyloom work` processes on a real broker, under load, and checks what must hold all the same:
nothing is lost, keys stay in order, only what was not committed when a member died comes again (with --exactly-once:
nothing), every live member goes on. What happens when comes from a seed."""

import argparse
import json
import os
import pathlib
import random
import shlex
import shutil
import sys
import tempfile
import time

import judgement
import plan
from group import PROCESSORS, PROTOCOLS, SESSION, Group
from world import PATIENCE, Broker, eventually, keyloom, latest, records, started

STILL = 25  # seconds that a partition, or a member, may stand still; a dead owner takes SESSION of them


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="of the plan; default: any")
    parser.add_argument("--minutes", type=float, default=0.75, help="how long the group is mistreated; default 0.75")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="classic",
                        help="cooperative-sticky, the same with static membership, or KIP-848")
    parser.add_argument("--processor", choices=["mixed", *PROCESSORS], default="mixed",
                        help="of the workers; mixed: each has its own")
    parser.add_argument("--outages", action="store_true", help="the broker is killed and restarted, too; it is our own")
    parser.add_argument("--members", type=int, default=4, help="most at once; default 4")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--rate", type=int, default=800, help="records a second; default 800")
    parser.add_argument("--brokers", default=os.environ.get("KEYLOOM_BROKER") or None,
                        help="default: KEYLOOM_BROKER, or a broker of our own")
    parser.add_argument("--exactly-once", action="store_true", help="the members are, and count in a store; then nothing may come twice")
    parser.add_argument("--work", default="", help="more options of keyloom work, in one argument")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the members' logs")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def replay_command(options):
    command = ["tests/robustness/conductor.py", "--seed", str(options.seed)]
    for name in ("minutes", "protocol", "processor", "members", "partitions", "keys", "rate"):
        command += [f"--{name}", str(getattr(options, name))]
    for name in ("outages", "exactly_once"):
        if getattr(options, name):
            command.append(f"--{name.replace('_', '-')}")
    return shlex.join(command + (["--work", options.work] if options.work else []))


def run(options, folder):
    """Plays the plan and lets the group finish. Returns complaints and a summary."""
    broker = Broker(None if options.outages else options.brokers, folder)
    group = Group(options, folder, broker)
    try:
        seconds = options.minutes * 60
        load = conduct(group, plan.draw(options.seed, seconds, options.outages), seconds)
        complaints = finish(group, load)
        return judge(group, complaints)
    finally:
        group.end()
        broker.end()


def conduct(group, steps, seconds):
    """Starts the load and some members, and takes the steps. Returns the load's process."""
    options = group.options
    to = ["--brokers", group.broker.address, "--topic", group.topic, "--keys", options.keys]
    made, done = keyloom("load", *to, "--records", 0, "--partitions", options.partitions)
    assert made, done.stderr
    load = started("load", *to, "--records", int(options.rate * seconds), "--rate", options.rate)
    for _ in range(2):
        group.join()
    group.sampler.start()
    for step in steps:
        while group.now() < step.at:
            group.look_after()
            time.sleep(0.05)
        group.take(step)
    while group.now() < seconds:
        group.look_after()
        time.sleep(0.05)
    return load


def finish(group, load):
    """No more trouble: the load ends, the group comes to the end, its members stop. Returns complaints."""
    _, err = load.communicate(timeout=PATIENCE)
    complaints = [] if load.returncode == 0 else [f"load ended with {load.returncode}: {err}"]
    group.thaw_due(all_of_them=True)
    group.look_after()
    group.note_spans()
    group.say("the load is over")

    def at_the_end():
        group.look_after()
        state = group.offsets()
        return state is not None and all(committed == end for committed, end in state.values())

    try:
        eventually("the group comes to the end of the topic", at_the_end)
    except TimeoutError as err:
        complaints.append(f"{err}; it is at {group.offsets()}")
    group.say("the group is at the end" if not complaints else complaints[-1])
    return complaints + group.stop_all()


def judge(group, complaints):
    ledger = judgement.Ledger()
    for partition, offset, _, value in records(group.broker.address, group.topic):
        ledger.add_input(partition, offset, value)
    for _, _, headers, value in records(group.broker.address, group.out):
        ledger.add_output(headers.split("by=")[1].split(",")[0], value)
    exactly_once = group.options.exactly_once
    harms = [] if exactly_once else group.all_harms()
    troubles = group.troubles()
    found = {
        "lost": judgement.nothing_lost(ledger),
        "out of order": judgement.in_order(ledger),
        "out of order within an assignment": judgement.in_order_within_assignments(ledger, group.assigned()),
        "came again": judgement.repeats_are_explained(ledger, harms),
        "partitions that stood still": judgement.partitions_go_on(group.samples, troubles, STILL, group.deaths,
                                                                   SESSION),
        "members that stood still": judgement.members_go_on(ledger, group.spans, troubles, STILL),
    }
    if exactly_once:
        counts = {key: int(count) for key, count in latest(group.broker.address, group.state).items()}
        found["counts"] = judgement.counts_are_true(ledger, counts)
    for name, each in found.items():
        complaints += [f"{name} ({len(each)}): {x}" for x in each[:5]]
    verified, done = keyloom("verify", "--brokers", group.broker.address, "--topic", group.topic, "--out", group.out,
                             *(["--exactly-once"] if exactly_once else []))
    if done.returncode != 0:
        complaints.append(f"verify ended with {done.returncode}: {done.stdout} {done.stderr}")
    return complaints, summary(group, ledger, harms, verified)


def summary(group, ledger, harms, verified):
    news = [each for member in group.members for each in member.news()]
    took = [ms for _, what, _, ms in news if what == "gave up"]
    return {
        "seed": group.options.seed,
        "records": sum(len(offsets) for _, offsets in ledger.inputs.values()),
        "repeats": judgement.count_repeats(ledger),
        "steps": dict(group.steps),
        "members": len(group.members),
        "harms": len(harms),
        "broker_slow_s": round(sum(end - begin for begin, end in group.troubles())),
        "hand_overs": len(took),
        "hand_over_max_ms": max(took, default=0),
        "undrained": sum(what == "undrained" for _, what, _, _ in news),
        "verify": verified,
    }


def main(arguments):
    options = parse(arguments)
    replay = replay_command(options)
    print(f"seed {options.seed}; replay: {replay}", file=sys.stderr, flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keyloom-conductor-"))
    complaints, told = run(options, folder)
    print(json.dumps(told))
    for each in complaints:
        print(f"WRONG: {each}", file=sys.stderr)
    if complaints:
        print(f"replay: {replay}\nlogs of the members: {folder}", file=sys.stderr)
    elif options.keep:
        print(f"logs of the members: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
