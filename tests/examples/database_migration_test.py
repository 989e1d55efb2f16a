#!/usr/bin/env python3
# Example 03: table, change log and outputs end as computed from the files of legs and aircraft: undisturbed with SQLite
# on the embedded broker, and exactly once with PostgreSQL although the example is killed in the middle.
import csv
import json
import os
import re
import subprocess

from postgres import Postgres
from real_run import DATA, PATIENCE, ROOT, Run, legs, records_of, wait_until
from program import real_broker

PLANES = DATA / "planes.csv"
OUTPUT = "ledgers"  # the topic that the example names
SOME_LEGS = 6000  # as many as are worth a kill


def histories(rows):
    """Of each aircraft the ledgers after its first leg, its second, ..."""
    with open(PLANES, encoding="utf-8") as file:
        planes = {row["tailnum"]: (row["model"], int(row["seats"])) for row in csv.DictReader(file)}
    result = {}
    for row in rows:
        if tail := row["tailnum"]:
            model, seats = planes.get(tail, ("", 0))
            history = result.setdefault(tail, [])
            miles = (history[-1]["miles"] if history else 0) + int(row["distance_mi"])
            history.append({"model": model, "seats": seats, "legs": len(history) + 1, "miles": miles})
    return result


def last(expected):
    return {tail: history[-1] for tail, history in expected.items()}


def undisturbed_with_sqlite():
    environment = {name: value for name, value in os.environ.items() if name != "LEGS_DATABASE"}
    result = subprocess.run([ROOT / "examples/run.sh", "03_database_migration"], capture_output=True, text=True,
                            timeout=PATIENCE, check=False, env=environment)
    assert result.returncode == 0, f"it ended with {result.returncode}:\n{result.stdout}{result.stderr}"
    found = re.search(r"seeded (\d+) ledgers and wrote (\d+) rows; the table has (\d+) ledgers with (\d+) legs and "
                      r"(\d+) miles", result.stdout)
    assert found, result.stdout
    ledgers = last(histories(legs())).values()
    rows = sum(ledger["legs"] for ledger in ledgers)
    wanted = [len(ledgers), rows, len(ledgers), rows, sum(ledger["miles"] for ledger in ledgers)]
    assert [int(x) for x in found.groups()] == wanted, f"{result.stdout!r} instead of {wanted}"


def same(what, found, wanted):
    if found != wanted:
        wrong = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
        key = min(wrong)
        raise AssertionError(f"{what}: {len(wrong)} of {len(wanted)} aircraft are wrong, such as {key}: "
                             f"{found.get(key)} instead of {wanted.get(key)}")


def legs_in(database):
    if database.psql("SELECT to_regclass('ledgers')") == "":
        return 0
    return int(database.psql("SELECT coalesce(sum(legs), 0) FROM ledgers"))


def table(database):
    rows = database.psql("SELECT row_to_json(ledgers) FROM ledgers").splitlines()
    return {row.pop("tailnum"): row for row in map(json.loads, rows)}


def outputs(run, ends_before):
    result = {}
    for record in records_of(run.brokers, OUTPUT):
        if record["offset"] > ends_before.get(record["partition"], -1):
            result.setdefault(record["key"], []).append(json.loads(record["payload"]))
    return result


def killed_in_the_middle(brokers):
    some = legs(SOME_LEGS)
    expected = histories(some)
    in_all = sum(len(history) for history in expected.values())
    with Postgres() as database:
        columns = "tailnum text PRIMARY KEY, year text, type text, manufacturer text, model text, engines int, " \
                  "seats int, speed text, engine text"
        database.psql(f"CREATE TABLE planes ({columns})")
        database.copy("planes", PLANES)
        # As the example makes it, but that a row takes its time, so that there is a middle to be killed in.
        database.psql("CREATE TABLE ledgers (tailnum text PRIMARY KEY, model text, seats int, legs int, miles int)")
        database.psql("CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS "
                      "$$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$")
        database.psql("CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON ledgers FOR EACH ROW EXECUTE FUNCTION take_time()")
        run = Run("03_database_migration", brokers, some)
        exactly_once = {"exactly-once": "true", "change-log": run.change_log}
        run.load(OUTPUT, "--records", 1, "--keys", 1)  # it may not exist yet
        ends_before = {record["partition"]: record["offset"] for record in records_of(brokers, OUTPUT)}
        process = run.start(database, exactly_once)
        wait_until(process, lambda: legs_in(database) > in_all / 10)
        run.kill(process)
        database.psql("DROP TRIGGER slow ON ledgers")

        written = legs_in(database)
        committed = sum(ledger["legs"] for ledger in run.restored().values())
        print(f"killed with {written} of {in_all} legs in the table, {committed} of them in the change log")
        assert committed <= written < in_all, "the change log was ahead, or it was all over"

        process = run.start(database, exactly_once)
        wait_until(process, lambda: run.lag() == 0)
        run.stop(process, "the table has")
        same("table", table(database), last(expected))
        same("change log", run.restored(), last(expected))
        same("outputs", outputs(run, ends_before), expected)


undisturbed_with_sqlite()
if address := real_broker():
    killed_in_the_middle(address)
