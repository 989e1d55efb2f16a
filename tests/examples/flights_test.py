#!/usr/bin/env python3
# The examples that work on the flights, run as examples/README.md says, print what the file of legs makes them print.
import collections
import csv
import gzip
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
data = root / "examples/data"

with gzip.open(data / "legs-2013-01.csv.gz", "rt", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
tails = [row["tailnum"] for row in rows]
with open(data / "planes.csv", encoding="utf-8") as file:
    planes = {row["tailnum"]: int(row["seats"]) for row in csv.DictReader(file)}
legs = collections.Counter(tail for tail in tails if tail)


def printed(example):
    result = subprocess.run([root / "examples/run.sh", example], capture_output=True, text=True, timeout=300,
                            check=False, env=os.environ)
    if result.returncode != 0:
        sys.exit(f"{example} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def expect(example, pattern, *numbers):
    text = printed(example)
    found = re.search(pattern, text)
    assert found, f"{example} printed {text!r}, which does not match {pattern!r}"
    assert [int(n) for n in found.groups()] == list(numbers), f"{example}: {found.groups()} instead of {numbers}"


into_snow = sum(row["dest"] == "ORD" for row in rows)
expect("01_naive_async", r"into clear sky: (\d+), into snow: (\d+)", len(rows) - into_snow, into_snow)
expect("02_per_key_scheduler", r"told the tower of (\d+) legs, up to \d+ at once; the busiest aircraft flew (\d+)",
       sum(legs.values()), max(legs.values()))
seat_miles = sum(planes.get(row["tailnum"], 0) * int(row["distance_mi"]) for row in rows)
expect("04_chained_stages", r"booked (\d+) legs with (\d+) seat miles, and asked the registry for (\d+) aircraft",
       sum(legs.values()), seat_miles, len(legs))
known = sum(count for tail, count in legs.items() if tail in planes)
expect("07_handler_actors", r"by known aircraft: (\d+), by others: (\d+), gates assigned: (\d+), "
       r"logbooks: (\d+), legs in the fullest: (\d+)",
       known, len(tails) - known, len(tails), len(legs), max(legs.values()))
flown = [planes[row["tailnum"]] * int(row["distance_mi"]) for row in rows if row["tailnum"] in planes]
expect("10_tested_pipeline", r"reports: (\d+), seat miles: (\d+)", len(flown), sum(flown))

text = printed("09_async_io")
found = re.search(r"(\d+) legs entered, (\d+) out of order, up to (\d+) calls at once", text)
assert found, f"09_async_io printed {text!r}"
entered, out_of_order, at_once = map(int, found.groups())
assert (entered, out_of_order) == (sum(legs.values()), 0), text
# A thousand are allowed; how many there are is up to the machine, but a thread a call would not get there.
assert 300 <= at_once <= 1000, text
