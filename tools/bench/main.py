"""Measures `keyloom work` against the raw loop and prints tables; run by tools/bench.sh, which sets
KEYLOOM_BROKER (host:port) and KEYLOOM_BUILD (the folder of `keyloom` and `bench/raw_loop`). The raw
loop runs twice: with the allocator our programs have, and with the system's, as a plain program does.

Runs take turns, round by round, so that a machine that slows down slows all of them; every run has a
group name of its own and so begins at the first record."""

import argparse
import dataclasses

import paced
import restore
import runs
import tables
from scenarios import SCENARIOS, Paced, RawLoop, Restore, Scenario, with_needed


def parse_options():
    parser = argparse.ArgumentParser(prog="tools/bench.sh")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--records", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="look at the options only")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
    if options.records is not None and options.records < 1000:
        parser.error("--records takes a number from 1000")
    if options.rounds < 1:
        parser.error("--rounds takes a number from 1")
    return options


def sized(scenario, records):
    """The scenario with another number of records, where that does not change what it measures."""
    if records is None or not isinstance(scenario.against, RawLoop):
        return scenario
    return dataclasses.replace(scenario,
                               topic=dataclasses.replace(scenario.topic, records=records))


def in_turns(measure, bench, chosen, kind, rounds):
    """Measures all scenarios of one kind, round by round."""
    of_kind = {name: scenario for name, scenario in chosen.items() if isinstance(scenario, kind)}
    results = {name: [] for name in of_kind}
    for turn in range(rounds):
        for name, scenario in of_kind.items():
            results[name].append(measure(bench, name, scenario, turn))
    return results


def main():
    options = parse_options()
    if options.check:
        return
    chosen = with_needed(options.scenarios)
    drains = {name: sized(scenario, options.records) for name, scenario in chosen.items()
              if isinstance(scenario, Scenario)}
    all_runs = runs.all_runs(drains)
    bench = runs.Bench()
    results = {run: [] for run in all_runs}
    for turn in range(1, options.rounds + 1):
        for run in all_runs:
            results[run].append(bench.measure(run, turn))
    rates = in_turns(paced.measure, bench, chosen, Paced, options.rounds)
    restores = in_turns(restore.measure, bench, chosen, Restore, options.rounds)
    tables.print_drains(results, drains, options.rounds)
    tables.print_paced(rates, chosen)
    tables.print_restores(restores, chosen)


if __name__ == "__main__":
    main()
