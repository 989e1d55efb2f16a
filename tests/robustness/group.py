"""The group under test: what is done to its members, and what is noted on the way for the judgement."""

import collections
import random
import shlex
import subprocess
import sys
import threading
import time

import judgement
import plan
from member import Member, owned
from world import PATIENCE, PROGRAM, eventually, offsets

SESSION = 6  # seconds after which a silent member is missed; tools/broker/server.properties has it for KIP-848
PROTOCOLS = {
    "classic": [f"session.timeout.ms={SESSION * 1000}", "heartbeat.interval.ms=500"],
    "static": [f"session.timeout.ms={SESSION * 1000}", "heartbeat.interval.ms=500", "group.instance.id=slot-{slot}"],
    "consumer": ["group.protocol=consumer"],
}
PROCESSORS = {
    "none": [],
    "compute": [],
    "blocking": ["--delay-ms", 2, "--jitter-ms", 6, "--concurrency", 50, "--stragglers", "0.002:300"],
    "actor": ["--delay-ms", 2, "--jitter-ms", 6, "--concurrency", 50, "--stragglers", "0.002:300"],
    "async": ["--delay-ms", 2, "--jitter-ms", 6, "--concurrency", 50, "--stragglers", "0.002:300"],
}
FENCED_AFTER = 5  # seconds in which a member that was frozen has learnt that its partitions are another's
BETWEEN_OUTAGES = 15  # seconds, from one to the next
BROKER_IS_SLOW = 4  # seconds without a sample, which is taken each second: a broker too slow to blame others


class Group:
    def __init__(self, options, folder, broker):
        self.options = options
        self.folder = folder
        self.broker = broker
        self.begin = time.time()
        self.away = 0  # seconds that the broker was away: the plan stands still
        run = f"{options.seed}-{int(self.begin)}"
        self.topic, self.out, self.group = f"in-{run}", f"out-{run}", f"group-{run}"
        self.state = f"state-{run}"  # a change log
        self.chance = random.Random(f"processors {options.seed}")
        self.members = []
        self.steps = collections.Counter()
        self.harms = []  # of members that were killed, or cut off
        self.freezes = []  # (member, partition -> committed, when it went on)
        self.spans = []
        self.deaths = []  # times: killed, frozen, or told to stop, which one that joins cannot tell its group either
        self.outages = []  # begin, end
        self.samples = []  # (time, partition -> (committed, end))
        self.told = []  # of each sample: when the broker had answered, which takes long at times
        self.over = threading.Event()
        self.sampler = threading.Thread(target=self.sample)

    def now(self):
        """By the plan's clock."""
        return time.time() - self.begin - self.away

    def say(self, what):
        print(f"{time.time() - self.begin:6.1f} {what}", file=sys.stderr, flush=True)

    # -- what is done -----------------------------------------------------------------------------

    def take(self, step):
        """Carries a step out. One of the members at least is left in peace; what cannot be done is a join."""
        usable = [x for x in self.members if x.usable()]
        what = step.what if step.what == "outage" or len(usable) > 1 else "join"
        if what == "outage":
            if self.outages and time.time() < self.outages[-1][1] + BETWEEN_OUTAGES:
                return
            self.outage(step.lasts)
        elif what == "kill":
            self.kill(plan.choose(usable, step.chance))
        elif what == "stop":
            self.stop(plan.choose(usable, step.chance))
        elif what == "freeze":
            self.freeze(plan.choose(usable, step.chance), SESSION + step.lasts)
        elif sum(x.process.poll() is None for x in self.members) < self.options.members:
            self.join()
        else:
            return
        self.steps[what] += 1

    def join(self):
        taken = {x.slot for x in self.members if x.process.poll() is None}
        slot = next(i for i in range(len(taken) + 1) if i not in taken)
        processor = self.options.processor
        if processor == "mixed":
            processor = self.chance.choice(list(PROCESSORS))
        name = f"m{len(self.members)}"
        command = [PROGRAM, "work", "--brokers", self.broker.address, "--topic", self.topic, "--group", self.group,
                   "--out", self.out, "--tag", name, "--processor", processor, *PROCESSORS[processor], "--json"]
        for each in PROTOCOLS[self.options.protocol]:
            command += ["--kafka", each.format(slot=slot)]
        command += ["--exactly-once", "--state", self.state] if self.options.exactly_once else []
        command += shlex.split(self.options.work)
        self.members.append(Member(name, slot, processor, [str(x) for x in command], self.folder))
        self.say(f"{name} joins: {processor}, slot {slot}")

    def kill(self, member):
        member.freeze()  # dead to the world; so what it leaves can be noted
        self.note_span(member)
        self.harms.append(judgement.Harm(f"{member.name} killed", self.what_it_has(member)))
        member.kill()
        self.say(f"{member.name} is killed")

    def stop(self, member):
        self.note_span(member)
        member.stop()
        self.say(f"{member.name} is told to stop")

    def freeze(self, member, lasts):
        member.freeze()
        self.note_span(member)
        member.has = self.what_it_has(member)
        member.goes_on = time.time() + lasts
        self.say(f"{member.name} is frozen for {lasts:.1f} s")

    def thaw_due(self, all_of_them=False):
        for member in self.members:
            if member.frozen and (all_of_them or time.time() > member.goes_on):
                member.thaw()
                member.began = time.time()
                self.freezes.append((member, member.has, member.began))
                self.say(f"{member.name} goes on")

    def outage(self, lasts):
        begin = time.time()
        self.broker.kill()
        self.say(f"the broker is killed for {lasts:.1f} s")
        time.sleep(lasts)  # what is tested
        self.broker.restart()
        eventually("the broker answers again", self.offsets)
        self.away += time.time() - begin
        # A group whose members were all missed forms anew.
        self.outages.append((begin, time.time() + 2 * SESSION))
        self.say("the broker is back")

    def look_after(self):
        """Thaws whose time has come; raises when a member has ended by itself without a good reason."""
        self.thaw_due()
        for member in self.members:
            if member.ending is None and member.process.poll() is not None:
                said = member.log.read_text(errors="replace")
                if not self.outages or not self.may_end(member, said):
                    raise AssertionError(f"{member.name} ended by itself, with {member.process.returncode}: "
                                         f"{said[-3000:]}")
                member.ending = "gave up"
                self.say(f"{member.name} gave up for want of a broker")

    def may_end(self, member, said):
        """A worker that starts while there is no broker gives up; and the client of a static member that was away for
        longer than its session may send a commit of its former life when it is back, for which the broker fences it."""
        fenced = self.options.protocol == "static" and "FENCED_INSTANCE_ID" in said
        return fenced or (member.process.returncode in (1, 3) and not owned(member.news(), time.time()))

    def never_began(self, member, code):
        """Told to stop while it looked for a broker that was away, or not yet itself again."""
        return self.outages and code in (1, 3) and not any(what == "assigned" for _, what, _, _ in member.news())

    def stop_all(self):
        """Stops who runs, and returns complaints about how they ended."""
        self.over.set()
        self.sampler.join()
        for member in self.members:
            if member.usable():
                member.stop()
        complaints = []
        for member in self.members:
            try:
                code = member.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                complaints.append(f"{member.name} has not stopped within {PATIENCE} s")
                continue
            if member.ending == "stopped" and code != 0 and not self.never_began(member, code):
                complaints.append(f"{member.name} stopped with {code}: {member.log.read_text()[-2000:]}")
            if member.ending != "gave up":
                complaints += [f"{member.name}: {line}" for _, what, line, _ in member.news() if what == "error"]
        return complaints

    def end(self):
        """Leaves no process behind."""
        self.over.set()
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()
                member.process.wait()

    # -- what is noted ----------------------------------------------------------------------------

    def offsets(self):
        return offsets(self.broker.address, self.topic, self.group)

    def sample(self):
        while not self.over.wait(1):
            at = time.time()
            state = self.offsets()
            if state is not None:
                self.samples.append((at, state))
                self.told.append(time.time())

    def troubles(self):
        """Times (begin, end) in which the broker was away, or so slow that nobody else can be blamed."""
        times = [self.begin, *(at for at, _ in self.samples)]
        slow = [(first, second) for first, second in zip(times, times[1:]) if second - first > BROKER_IS_SLOW]
        return judgement.merged(self.outages + slow)

    def what_it_has(self, member):
        """What is committed and what is there of the partitions of a member that does nothing now."""
        state = None
        while state is None:
            state = self.offsets()
        return {partition: state[partition] for partition in owned(member.news(), time.time())}

    def note_span(self, member):
        self.deaths.append(time.time())
        self.spans.append(judgement.Span(member.name, member.began, time.time()))

    def note_spans(self):
        for member in self.members:
            if member.usable():
                self.spans.append(judgement.Span(member.name, member.began, time.time()))

    def all_harms(self):
        """With those of members that went on after a freeze, and of what the members' logs say was cut off. Of a
        partition that was given up in peace nothing comes again."""
        result = list(self.harms)
        for member, has, at in self.freezes:
            ends = self.sampled(at + FENCED_AFTER, before=False)
            ranges = {p: (low, ends[p][1]) for p, (low, _) in has.items()}
            result.append(judgement.Harm(f"{member.name} frozen", ranges))
        assigned = self.assigned()
        for member in self.members:
            for at, what, partitions, _ in member.news():
                if what in ("lost", "undrained", "unconfirmed"):
                    ranges = {p: self.may_come_again(assigned, member, p, at) for p in partitions}
                    result.append(judgement.Harm(f"{member.name} {what}", ranges))
        return result

    def assigned(self):
        """(member's name, partition) -> times at which it was given the partition."""
        result = {}
        for member in self.members:
            for at, what, partitions, _ in member.news():
                for partition in partitions if what == "assigned" else ():
                    result.setdefault((member.name, partition), []).append(at)
        return result

    def may_come_again(self, assigned, member, partition, at):
        """Offsets of a partition that left a member at `at`, if it may not have committed all. One that was lost had
        been another's for a while before its member learnt that."""
        own = max((t for t in assigned.get((member.name, partition), []) if t <= at), default=at)
        others = [t for (name, p), times in assigned.items() if p == partition and name != member.name for t in times
                  if own < t < at]
        low, high = self.sampled(min([*others, at]), before=True), self.sampled(at + 1, before=False)
        return low[partition][0], high[partition][1]

    def sampled(self, at, before):
        """The last sample that was whole before a time, or the first one that began after it; of the first and last
        ones at the ends."""
        if before:
            whole = zip(reversed(self.told), reversed(self.samples))
            return next((state for told, (_, state) in whole if told <= at), self.samples[0][1])
        return next((state for when, state in self.samples if when >= at), self.samples[-1][1])
