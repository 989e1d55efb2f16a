"""Prints what was measured as tables in Markdown."""

import os
import statistics

from runs import raw_runs
from scenarios import Ideal, Other


def median(results, field):
    return statistics.median(result[field] for result in results)


def compared(run, results, named):
    """The figure of a scenario and what it is a ratio to."""
    against = run.scenario.against
    speed = median(results[run], "rec_per_s")
    if isinstance(against, Ideal):
        ideal = against.rate(run.scenario.topic)
        return f"{speed / ideal:.2f} x the ideal {ideal:,.0f}/s"
    if isinstance(against, Other):
        ratio = median(results[run], against.field) / median(named[against.scenario], against.field)
        return f"{ratio:.2f} x {'the CPU of ' if against.field == 'cpu_us' else ''}{against.scenario}"
    ratios = [speed / median(named[raw.name], "rec_per_s") for raw in raw_runs(run.scenario)]
    return f"{ratios[0]:.2f} x raw loop, {ratios[1]:.2f} x the system's allocator"


def print_drains(results, scenarios, rounds):
    if not results:
        return
    named = {run.name: done for run, done in results.items()}
    print(f"\nRecords of 100 bytes, 8 partitions and 1,000 keys where nothing else is said; "
          f"{os.cpu_count()} cores; median of {rounds}\n")
    print("| scenario | records | rec/s | compared | aim | CPU us a record | memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for run, done in results.items():
        ratio = compared(run, results, named) if run.name in scenarios else ""
        print(f"| {run.name} | {run.scenario.topic.records:,} | {median(done, 'rec_per_s'):,.0f} "
              f"| {ratio} | {run.scenario.aim} | {median(done, 'cpu_us'):.2f} "
              f"| {median(done, 'maxrss_mb'):.0f} |")


def print_paced(results, scenarios):
    if not results:
        return
    print("\n| at a rate | rec/s | partitions | of a core | of the broker | compared | done after, ms (p50, p99) "
          "| visible after, ms (p50, p99) | aim | memory, MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, done in results.items():
        scenario = scenarios[name]
        of_broker = f"{median(done, 'broker_cores'):.1%}" if done[0]["broker_cores"] else ""
        latency = f"{median(done, 'lat_p50_ms'):.1f}, {median(done, 'lat_p99_ms'):.1f}" \
            if scenario.rate and scenario.program == "keyloom" else ""
        visible = f"{median(done, 'visible_p50_ms'):.1f}, {median(done, 'visible_p99_ms'):.1f}" \
            if scenario.forwards else ""
        print(f"| {name} | {scenario.rate:,} | {scenario.partitions} | {median(done, 'cores'):.1%} "
              f"| {of_broker} | {paced_ratio(scenario, done, results)} | {latency} | {visible} "
              f"| {scenario.aim} | {median(done, 'maxrss_mb'):.0f} |")


def paced_ratio(scenario, done, results):
    if not scenario.against or done[0][scenario.field] is None:
        return ""
    ratio = median(done, scenario.field) / median(results[scenario.against], scenario.field)
    what = {"cores": "the CPU of ", "broker_cores": "the broker's CPU of ", "visible_p99_ms": "the p99 of "}
    return f"{ratio:.2f} x {what[scenario.field]}{scenario.against}"


def print_restores(results, scenarios):
    if not results:
        return
    print("\n| restored | entries | partitions | seconds | aim | memory, MB |")
    print("|---|---|---|---|---|---|")
    for name, done in results.items():
        scenario = scenarios[name]
        print(f"| {name} | {median(done, 'entries'):,.0f} | {scenario.partitions} "
              f"| {median(done, 'seconds'):.2f} | {scenario.aim} | {median(done, 'maxrss_mb'):.0f} |")
