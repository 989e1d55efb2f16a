#!/usr/bin/env python3
# Example 06: legs that could not be written are written later, and the table ends as the one computed from the file of
# legs, though PostgreSQL is killed in the middle and away for ten seconds.
import time

from legs_table import EXPECTED, finish, kill_in_the_middle, start
from postgres import Postgres

PRINTED = r"wrote (\d+) legs; (\d+) writes failed and were made again"
AWAY = 10  # seconds: rounds of retries that fail, too


def undisturbed():
    with Postgres() as database:
        assert finish(start("06_batch_errors", database), database, PRINTED) == [len(EXPECTED), 0]


def away_in_the_middle():
    with Postgres() as database:
        example = kill_in_the_middle("06_batch_errors", database)
        time.sleep(AWAY)  # what is tested: it lasts
        database.start()
        written, failures = finish(example, database, PRINTED)
        assert written == len(EXPECTED), written
        assert failures > 0, "PostgreSQL was away, and nobody noticed"


undisturbed()
away_in_the_middle()
