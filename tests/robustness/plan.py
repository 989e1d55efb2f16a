"""What happens to the group, and when: drawn from a seed, without looking at the world."""

import dataclasses
import random

# How often each thing happens, in parts.
WEIGHTS = {"kill": 4, "stop": 3, "freeze": 3, "join": 4}
OUTAGE_WEIGHT = 2
PAUSES = (1.5, 6.0)  # seconds between two steps


@dataclasses.dataclass(frozen=True)
class Step:
    """At `at` seconds from the start: `what`, to the member that `chance` (0 to 1) chooses among those there are."""

    at: float
    what: str  # kill, stop, freeze, join, outage
    chance: float
    lasts: float  # seconds: of a freeze beyond the session timeout, of an outage


def draw(seed, seconds, outages):
    """The steps of a run of so many seconds."""
    chance = random.Random(seed)
    weights = WEIGHTS | ({"outage": OUTAGE_WEIGHT} if outages else {})
    steps = []
    at = chance.uniform(*PAUSES)
    while at < seconds:
        what = chance.choices(list(weights), weights.values())[0]
        steps.append(Step(at, what, chance.random(), chance.uniform(1, 4)))
        at += chance.uniform(*PAUSES)
    return steps


def choose(members, chance):
    """One of the members, the same for the same chance."""
    return members[min(int(chance * len(members)), len(members) - 1)]
