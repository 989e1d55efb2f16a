"""What tools/bench.sh measures. A scenario is one entry of SCENARIOS: a run of `keyloom work`, the topic
it reads, what it is compared with, and what is aimed at."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Topic:
    """A prefilled topic; scenarios with equal ones share it."""
    records: int = 4_000_000
    keys: int = 1000
    partitions: int = 8
    zipf: float | None = None
    record_bytes: int = 100

    def hottest_share(self):
        """The part of the records that has the most frequent key."""
        if self.zipf is None:
            return 1 / self.keys
        return 1 / sum(rank ** -self.zipf for rank in range(1, self.keys + 1))


@dataclasses.dataclass(frozen=True)
class RawLoop:
    """Compared with the raw loop on the same topic."""


@dataclasses.dataclass(frozen=True)
class Ideal:
    """Compared with what the calls alone allow: so many at once, each of so many milliseconds and, in a
    batcher, of so many records of any keys."""
    concurrency: int
    delay_ms: int
    batch: int | None = None

    def rate(self, topic):
        per_call = 1000 / self.delay_ms
        if self.batch is not None:
            return self.concurrency * self.batch * per_call
        return min(self.concurrency * per_call, per_call / topic.hottest_share())


@dataclasses.dataclass(frozen=True)
class Other:
    """Compared with another scenario: its records/s, or the CPU it takes for a record."""
    scenario: str
    field: str = "rec_per_s"


@dataclasses.dataclass(frozen=True)
class Scenario:
    options: tuple  # of `keyloom work`
    against: RawLoop | Ideal | Other = RawLoop()
    aim: str = ""  # of the ratio, in words
    topic: Topic = Topic()
    forwards: bool = False  # writes to an output topic, and so does the raw loop
    counts: bool = False  # has a store, and a change log of its own
    program: str = "keyloom"  # or a program of tests/bench, which takes --records


@dataclasses.dataclass(frozen=True)
class Paced:
    """Records come at a rate while `keyloom work` runs; what counts is latency and CPU."""
    options: tuple  # of the program, its sub-command first
    rate: int  # records/s; 0: none at all
    aim: str = ""
    partitions: int = 8
    keys: int = 1000
    seconds: int = 20
    forwards: bool = False
    counts: bool = False  # has a store, and a change log of its own
    against: str = ""  # another paced scenario
    field: str = "cores"  # what is compared with it
    program: str = "keyloom"  # or a program of tests/bench


@dataclasses.dataclass(frozen=True)
class Restore:
    """A worker counts so many keys and ends; how long the next one restores its store."""
    keys: int
    aim: str = ""
    partitions: int = 8
    against: str = ""


def calls(processor, delay_ms, concurrency, records, aim):
    return Scenario(("--processor", processor, "--delay-ms", str(delay_ms), "--concurrency",
                     str(concurrency)), Ideal(concurrency, delay_ms), aim, Topic(records))


ZIPF = Topic(records=20_000, zipf=1.1)
ZIPF_OPTIONS = ("--processor", "blocking", "--delay-ms", "10", "--concurrency", "100")
NONE = ("--processor", "none")
COMPUTE = ("--processor", "compute")
MILLION = Topic(records=1_000_000)
BATCH = ("--processor", "batch", "--batch-size", "50")
BLOCKING_1MS = ("--processor", "blocking", "--delay-ms", "1")
# A thousand places, and a store that is written in the last turn.
COUNTING = ("work", *BLOCKING_1MS, "--concurrency", "1000", "--exactly-once")

SCENARIOS = {
    "inline": Scenario(NONE, aim="0.85"),
    "compute": Scenario(COMPUTE, aim="0.6"),
    "actor": Scenario(("--processor", "actor", "--concurrency", "1000"), aim="0.25"),
    "async": Scenario(("--processor", "async", "--concurrency", "1000")),
    "forward": Scenario((), aim="0.85", forwards=True, program="bench/forward"),
    "work-out": Scenario(NONE, forwards=True),
    "raw-eos": Scenario((), topic=MILLION, forwards=True, program="bench/raw_eos"),
    "forward-eos": Scenario(("--exactly-once", "1"), Other("raw-eos"), "0.85", MILLION, forwards=True,
                            program="bench/forward"),
    "count-eos": Scenario((*NONE, "--exactly-once"), Other("raw-eos"), "600,000/s", MILLION, counts=True),
    "blocking-1ms-eos": Scenario((*BLOCKING_1MS, "--concurrency", "100", "--exactly-once"),
                                 Other("blocking-1ms"), "0.9", MILLION, forwards=True),
    "blocking-1ms": calls("blocking", 1, 100, 1_000_000, "0.8, 8 us"),
    "blocking-10ms": calls("blocking", 10, 1000, 1_000_000, "0.85"),
    "blocking-100ms": calls("blocking", 100, 1000, 100_000, "0.9"),
    "actor-10ms": calls("actor", 10, 1000, 1_000_000, "0.95"),
    "async-10ms": calls("async", 10, 1000, 1_000_000, "0.95"),
    "batch": Scenario((*BATCH, "--concurrency", "100"), aim="0.25"),
    "batch-10ms": Scenario((*BATCH, "--concurrency", "100", "--delay-ms", "10"), Ideal(100, 10, 50),
                           "0.6, 5 us", Topic(1_000_000)),
    "zipf": Scenario(ZIPF_OPTIONS, Ideal(100, 10), "0.97", ZIPF),
    "zipf-by-run": Scenario((*ZIPF_OPTIONS, "--by-run"), Other("zipf"), "5", ZIPF),
    "keys-100k": Scenario(COMPUTE, Other("compute", "cpu_us"), "at most 2", Topic(keys=100_000)),
    "keys-1m": Scenario(COMPUTE, Other("compute", "cpu_us"), "at most 2", Topic(keys=1_000_000)),
    "partitions-24": Scenario(NONE, Other("inline"), "0.8", Topic(partitions=24)),
    "partitions-1": Scenario(NONE, Other("inline"), "0.6", Topic(partitions=1)),
    "latency": Paced(("work", *NONE, "--kafka", "linger.ms=1"), 5000, "p50 5 ms, p99 20 ms", forwards=True),
    "latency-eos": Paced(("work", *NONE, "--exactly-once"), 5000, "p50 15 ms, p99 40 ms, at most 1.2",
                         forwards=True, against="latency-raw-eos", field="visible_p99_ms"),
    "latency-raw-eos": Paced(("--follow",), 5000, forwards=True, program="bench/raw_eos"),
    "calls-eos": Paced(COUNTING, 5000, keys=100_000, forwards=True, counts=True),
    "stragglers-eos": Paced((*COUNTING, "--stragglers", "0.001:2000"), 5000, "at most 1.5", keys=100_000,
                            forwards=True, counts=True, against="calls-eos", field="visible_p99_ms"),
    "light-eos": Paced(("work", *NONE, "--exactly-once"), 100, "at most 1", forwards=True,
                       against="light-raw-eos", field="broker_cores"),
    "light-raw-eos": Paced(("--follow", "--cadence", "40"), 100, forwards=True, program="bench/raw_eos"),
    "restore": Restore(1_000_000, "1.0 s"),
    "paced-8": Paced(("work", *NONE), 10_000),
    "paced-1000": Paced(("work", *NONE), 10_000, "at most 2", partitions=1000, against="paced-8"),
    "idle-8": Paced(("work", *NONE), 0),
    "idle-1000": Paced(("work", *NONE), 0, "at most 2", partitions=1000, against="idle-8"),
}


def with_needed(names):
    """The named scenarios, all without names, and those they are compared with."""
    wanted = list(names or SCENARIOS)
    for name in wanted:
        against = SCENARIOS[name].against
        other = against.scenario if isinstance(against, Other) else against
        if isinstance(other, str) and other and other not in wanted:
            wanted.append(other)
    return {name: SCENARIOS[name] for name in SCENARIOS if name in wanted}
