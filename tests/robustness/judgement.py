"""What must hold whatever happened to the group. Functions over what was noted, without a look at the world: each
returns complaints, sentences that name what is wrong, or nothing.

A *harm* is what allows records to come again: a member that was killed, frozen or cut off, with the partitions it had
and, for each, the offsets from what was committed then to what was there when it could do no more.
"""

import array
import bisect
import dataclasses


@dataclasses.dataclass
class Harm:
    what: str  # for people
    ranges: dict  # partition -> (first offset that may come again, first that may not)


@dataclasses.dataclass
class Span:
    """A time in which a member ran undisturbed, by the clock of `time.time`."""

    member: str
    begin: float
    end: float


class Ledger:
    """Input and output, record by record. Keys are worked on in the order of their counters `n`, from 0."""

    def __init__(self):
        self.inputs = {}  # key -> (partition, offsets by counter)
        self.written = {}  # key -> counters, members and times, in the order of the topic
        self.members = []  # names, by number
        self.foreign = 0
        self.counts = []  # (key, counter, count), where outputs have one

    def add_input(self, partition, offset, value):
        where, found = self.inputs.setdefault(value["k"], (partition, array.array("q")))
        assert where == partition and len(found) == value["n"], f"the input itself is out of order at {value}"
        found.append(offset)

    def add_output(self, member, value):
        key, counter = value["k"], value["n"]
        if key not in self.inputs or counter >= len(self.inputs[key][1]):
            self.foreign += 1
            return
        if "c" in value:
            self.counts.append((key, counter, value["c"]))
        if member not in self.members:
            self.members.append(member)
        columns = self.written.setdefault(key, (array.array("q"), array.array("H"), array.array("q")))
        for column, x in zip(columns, (counter, self.members.index(member), value["d"])):
            column.append(x)

    def of(self, key):
        """What was written of a key: (counter, member, done in us), in the order of the topic."""
        counters, members, times = self.written.get(key, ((), (), ()))
        return zip(counters, (self.members[x] for x in members), times)

    def outputs(self):
        return ((key, self.of(key)) for key in self.written)


def nothing_lost(ledger):
    result = [f"{ledger.foreign} records of the output are not in the input"] if ledger.foreign else []
    for key, (partition, offsets) in ledger.inputs.items():
        seen = {counter for counter, _, _ in ledger.of(key)}
        for counter in sorted(set(range(len(offsets))) - seen):
            result.append(f"lost: key {key}, counter {counter}, at {partition}/{offsets[counter]}")
    return result


def in_order(ledger):
    """A record appears for the first time behind all earlier ones of its key."""
    result = []
    for key, outputs in ledger.outputs():
        seen, furthest = set(), -1
        for counter, member, _ in outputs:
            if counter not in seen and counter < furthest:
                result.append(f"out of order: key {key}, counter {counter} of {member} first came behind {furthest}")
            seen.add(counter)
            furthest = max(furthest, counter)
    return result


def in_order_within_assignments(ledger, assigned):
    """`assigned`: (member, partition) -> times at which it was given the partition. Only there may a member come back
    to an earlier record of a key, or to the same."""
    result = []
    for key, outputs in ledger.outputs():
        partition = ledger.inputs[key][0]
        last = {}
        for counter, member, done in outputs:
            before, done_before = last.get(member, (-1, 0))
            if counter <= before:
                times = assigned.get((member, partition), [])
                at = bisect.bisect_left(times, done_before / 1e6)
                if at == len(times) or times[at] > done / 1e6 + 0.002:  # the log has milliseconds
                    result.append(f"key {key} of partition {partition}: {member} wrote counter {counter} after "
                                  f"{before} within one assignment")
            last[member] = (counter, done)
    return result


def repeats_are_explained(ledger, harms):
    """A record comes once, and once more at most for each harm that covers its offset."""
    result = []
    for key, outputs in ledger.outputs():
        partition, offsets = ledger.inputs[key]
        times = {}
        for counter, member, _ in outputs:
            times.setdefault(counter, []).append(member)
        for counter, members in times.items():
            offset = offsets[counter]
            covering = [harm for harm in harms if _covers(harm, partition, offset)] if len(members) > 1 else []
            if len(members) > 1 + len(covering):
                result.append(f"{partition}/{offset} (key {key}, counter {counter}) came {len(members)} times, from "
                              f"{', '.join(members)}; harms that may explain it: "
                              f"{[harm.what for harm in covering] or 'none'}")
    return result


def _covers(harm, partition, offset):
    low, high = harm.ranges.get(partition, (0, 0))
    return low <= offset < high


def counts_are_true(ledger, counts):
    """Under exactly once with a store. `counts`: of each key, as the change log says. Each output has the count of its
    record, which is one more than its counter."""
    result = [f"key {key}: the output of counter {counter} says {count}" for key, counter, count in ledger.counts
              if count != counter + 1]
    for key, (_, offsets) in ledger.inputs.items():
        if counts.get(key) != len(offsets):
            result.append(f"key {key}: the change log says {counts.get(key)} instead of {len(offsets)}")
    return result


def count_repeats(ledger):
    return sum(len(counters) - len(set(counters)) for counters, _, _ in ledger.written.values())


def partitions_go_on(samples, outages, patience, deaths=(), session=0):
    """`samples`: (time, {partition: (committed, end)}). What is committed of a partition that has records left moves
    within `patience` seconds, not counting the times in `outages` (begin, end). Each member that dies meanwhile, at a
    time of `deaths`, may hold the group up for one `session` more: one that dies while it joins is counted in, and
    missed only after that."""
    result = []
    moved = {}  # partition -> (committed, since)
    for at, state in samples:
        for partition, (committed, end) in state.items():
            before, since = moved.get(partition, (None, at))
            if committed == before and committed < end:
                waited = at - since - _overlap(outages, since, at)
                if waited > patience + session * sum(since <= death < at for death in deaths):
                    result.append(f"partition {partition} stood at {committed} of {end} for {waited:.0f} s")
                    moved[partition] = (committed, at)
            else:
                moved[partition] = (committed, at)
    return result


def members_go_on(ledger, spans, outages, patience):
    """A member that runs undisturbed for longer than `patience` seconds has written something in each such time."""
    done = {}
    for _, outputs in ledger.outputs():
        for _, member, at in outputs:
            done.setdefault(member, []).append(at / 1e6)
    result = []
    for span in spans:
        times = sorted(t for t in done.get(span.member, []) if span.begin <= t <= span.end)
        for begin, end in zip([span.begin, *times], [*times, span.end]):
            waited = end - begin - _overlap(outages, begin, end)
            if waited > patience:
                result.append(f"{span.member} ran for {waited:.0f} s without writing a record")
    return result


def merged(times):
    """The same times (begin, end), without overlaps."""
    result = []
    for begin, end in sorted(times):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((begin, end))
    return result


def _overlap(times, begin, end):
    return sum(max(0, min(end, last) - max(begin, first)) for first, last in times)
