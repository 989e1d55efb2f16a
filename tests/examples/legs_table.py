"""What the tests of examples 05 and 06 have in common: the examples write all legs of a month into a table, whatever
happens to PostgreSQL meanwhile."""

import csv
import gzip
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "examples/data/legs-2013-01.csv.gz"
COLUMNS = ("date", "carrier", "flight", "origin", "dest", "tailnum", "distance_mi")
DEFINITION = re.search(r"CREATE TABLE.*?\)\)\)(?=\")", (ROOT / "examples/legs_table.hpp").read_text(encoding="utf-8"),
                       re.DOTALL).group()[:-1]


def rows_of(source):
    """Of the table in a database, or of rows of the file, as sorted lines."""
    if isinstance(source, list):
        return sorted("|".join(row[column] for column in COLUMNS) for row in source)
    return sorted(source.psql(f"SELECT {', '.join(COLUMNS)} FROM legs").splitlines())


with gzip.open(DATA, "rt", encoding="utf-8") as file:
    EXPECTED = rows_of(list(csv.DictReader(file)))


def start(example, database):
    return subprocess.Popen([ROOT / "examples/run.sh", example], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "LEGS_DATABASE": database.address()})


def finish(example, database, pattern):
    """The numbers it printed, once its end is good and the table is as the file of legs says."""
    text, errors = example.communicate(timeout=300)
    assert example.returncode == 0, f"it ended with {example.returncode}:\n{text}{errors}"
    rows = rows_of(database)
    assert rows == EXPECTED, f"{len(rows)} rows instead of {len(EXPECTED)}, or others"
    found = re.search(pattern, text)
    assert found, text
    return [int(x) for x in found.groups()]


def wait_until_one_waits(database, statement):
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '{statement} %'"
    while database.psql(waiting) == "0":
        pass  # asking takes a while


def kill_in_the_middle(start_example, database):
    """Starts an example, and kills the database when some legs are in the table and others under way. A lock lets the
    first statements pass and holds the next, so that the kill comes between them."""
    database.psql(DEFINITION)
    lock = "LOCK TABLE legs IN SHARE ROW EXCLUSIVE MODE"
    first, second = database.session(), database.session()
    assert first.answer(f"BEGIN; {lock}; SELECT 'held'") == "held"
    process = start_example()
    wait_until_one_waits(database, "INSERT")
    second.send(f"BEGIN; {lock}")
    wait_until_one_waits(database, "LOCK")
    first.send("COMMIT")
    assert second.answer("SELECT 'held'") == "held"
    before = int(database.psql("SELECT count(*) FROM legs"))
    assert 0 < before < len(EXPECTED), f"{before} legs before the kill"
    wait_until_one_waits(database, "INSERT")
    database.kill()
    for session in (first, second):
        session.end()
    return process
