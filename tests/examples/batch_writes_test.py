#!/usr/bin/env python3
# Example 05: whatever happens to PostgreSQL meanwhile, the table ends as the one computed from the file of legs.
from legs_table import EXPECTED, finish, kill_in_the_middle, start
from postgres import Postgres

PRINTED = r"wrote (\d+) legs in (\d+) statements, the largest of (\d+); tried again (\d+) times"


def undisturbed():
    with Postgres() as database:
        written, statements, largest, retries = finish(start("05_batch_writes", database), database, PRINTED)
        assert written == len(EXPECTED) and largest <= 500, (written, largest)
        assert retries == 0, retries
        assert statements < len(EXPECTED) / 50, f"{statements} statements: legs were not gathered"


def killed_in_the_middle():
    with Postgres() as database:
        example = kill_in_the_middle(lambda: start("05_batch_writes", database), database)
        database.start()
        written, _, _, retries = finish(example, database, PRINTED)
        assert written == len(EXPECTED), written
        assert retries > 0, "PostgreSQL was killed in the middle, and nobody noticed"


undisturbed()
killed_in_the_middle()
