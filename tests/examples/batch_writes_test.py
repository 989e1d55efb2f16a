#!/usr/bin/env python3
# Example 05: whatever happens to PostgreSQL meanwhile, the table ends as the one computed from the file of legs.
import csv
import gzip
import os
import pathlib
import re
import subprocess
import sys

from postgres import Postgres

root = pathlib.Path(__file__).resolve().parents[2]
data = root / "examples/data/legs-2013-01.csv.gz"
columns = ("date", "carrier", "flight", "origin", "dest", "tailnum", "distance_mi")

with gzip.open(data, "rt", encoding="utf-8") as file:
    expected = sorted("|".join(row[column] for column in columns) for row in csv.DictReader(file))
source = (root / "examples/05_batch_writes.cpp").read_text(encoding="utf-8")
definition = re.search(r"CREATE TABLE.*?\)\)\)(?=\")", source, re.DOTALL).group()[:-1]


def start(database):
    return subprocess.Popen([root / "examples/run.sh", "05_batch_writes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={**os.environ, "LEGS_DATABASE": database.address()})


def finish(example, database):
    """What it printed: statements, and how often it tried again."""
    text, errors = example.communicate(timeout=300)
    assert example.returncode == 0, f"it ended with {example.returncode}:\n{text}{errors}"
    rows = database.psql(f"SELECT {', '.join(columns)} FROM legs").splitlines()
    assert sorted(rows) == expected, f"{len(rows)} rows instead of {len(expected)}, or others"
    found = re.search(r"wrote (\d+) legs in (\d+) statements, the largest of (\d+); tried again (\d+) times", text)
    assert found, text
    written, statements, largest, retries = map(int, found.groups())
    assert written == len(expected) and largest <= 500, text
    return statements, retries


def undisturbed():
    with Postgres() as database:
        statements, retries = finish(start(database), database)
        assert retries == 0, retries
        assert statements < len(expected) / 50, f"{statements} statements: legs were not gathered"


def wait_until_one_waits(database, statement):
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '{statement} %'"
    while database.psql(waiting) == "0":
        pass  # asking takes a while


def killed_in_the_middle():
    """A lock lets the first statements pass and holds the next, so that the kill comes between them."""
    with Postgres() as database:
        database.psql(definition)
        lock = "LOCK TABLE legs IN SHARE ROW EXCLUSIVE MODE"
        first, second = database.session(), database.session()
        assert first.answer(f"BEGIN; {lock}; SELECT 'held'") == "held"
        example = start(database)
        wait_until_one_waits(database, "INSERT")
        second.send(f"BEGIN; {lock}")
        wait_until_one_waits(database, "LOCK")
        first.send("COMMIT")
        assert second.answer("SELECT 'held'") == "held"
        before = int(database.psql("SELECT count(*) FROM legs"))
        assert 0 < before < len(expected), f"{before} legs before the kill"
        wait_until_one_waits(database, "INSERT")
        database.kill()
        for session in (first, second):
            session.end()
        database.start()
        _, retries = finish(example, database)
        assert retries > 0, "PostgreSQL was killed in the middle, and nobody noticed"


undisturbed()
killed_in_the_middle()
sys.exit(0)
