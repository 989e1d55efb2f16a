#!/usr/bin/env python3
# Example 06: legs that could not be written are written later, and the table ends as the one computed from the file of
# legs: on the embedded broker though PostgreSQL is killed in the middle and away for ten seconds, and on a real one
# though the example is killed, too, while errors are pending.
import time

from legs_table import EXPECTED, finish, kill_in_the_middle, rows_of, start
from postgres import Postgres
from real_run import Run, legs, wait_until
from program import real_broker

PRINTED = r"took in (\d+) legs; (\d+) writes failed and were noted to be made again"
AWAY = 10  # seconds: rounds of retries that fail, too
SOME_LEGS = 6000  # as many as are worth a kill


def undisturbed():
    with Postgres() as database:
        assert finish(start("06_batch_errors", database), database, PRINTED) == [len(EXPECTED), 0]


def away_in_the_middle():
    with Postgres() as database:
        example = kill_in_the_middle(lambda: start("06_batch_errors", database), database)
        time.sleep(AWAY)  # what is tested: it lasts
        database.start()
        written, failures = finish(example, database, PRINTED)
        assert written == len(EXPECTED), written
        assert failures > 0, "PostgreSQL was away, and nobody noticed"


def killed_with_errors_pending(brokers):
    some = legs(SOME_LEGS)
    with Postgres() as database:
        run = Run("06_batch_errors", brokers, some)
        example = kill_in_the_middle(lambda: run.start(database, LEG_ERRORS=run.change_log), database)
        wait_until(example, lambda: run.lag() == 0)  # all are in the table or in the book
        run.kill(example)
        pending = run.restored()
        assert pending, "no leg failed"

        database.start()
        missing = len(some) - len(rows_of(database))
        print(f"killed with {len(pending)} of {len(some)} legs in the change log, {missing} of them not in the table")
        example = run.start(database, LEG_ERRORS=run.change_log)
        wait_until(example, lambda: not run.restored())
        run.stop(example, PRINTED)
        assert rows_of(database) == rows_of(some)


undisturbed()
away_in_the_middle()
if address := real_broker():
    killed_with_errors_pending(address)
