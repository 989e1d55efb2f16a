"""Chooses from a flow what belongs to the way of one record, from the message that brings it to its partition actor to the
commit, and says it as arrows between named participants.

Left out: other partitions, commits before the record was out, looks at the state, timers that led to nothing.
"""

import collections
import dataclasses
import re

from log import Message

BATCH = "record_batch_ptr"  # brings records to a partition actor
PARTITION = "keyloom.partition"
COMMITTER = "keyloom.committer"
BACK = {"run", "delivery_reports", "call_returned"}  # bring to a partition actor what became of its work
COMMITTED = {"offsets_committed", "chain_committed"}

# Somebody asks a source what is going on; no record needs it.
LOOKS = {"ask_state"}

# Actors end, which is no part of any record's way.
ENDS = {"exit_msg", "down_msg"}

# Threads that are no actors are known by what they send, some only by what they send to whom; the rest are of users, who
# complete calls.
THREADS = {
    "assigned": "poller", "group_membership": "poller", "intake_failed": "poller", "offsets_committed": "poller",
    "record_batch_ptr": "poller", "revoked": "poller",
    "delivery_reports": "producer",
    "chain_aborted": "transaction chain", "chain_acknowledged": "transaction chain", "chain_committed": "transaction chain",
    "chain_failed": "transaction chain",
    "call_returned": "worker", "run": "worker",
    "restored_entries": "restorer",
}
THREADS_TO = {("wake_atom", "keyloom.batcher"): "worker"}
OTHER_THREAD = "user"


class NoRecord(Exception):
    """The log does not tell the way of a record; the text says what is missing."""


@dataclasses.dataclass(frozen=True)
class Participant:
    name: str
    is_actor: bool


@dataclasses.dataclass
class Arrow:
    """Several in a row that are alike are one, `times` many. A participant that makes another one has a `spawn`."""

    sender: Participant
    receiver: Participant
    text: str
    is_spawn: bool = False
    times: int = 1


def split(arguments):
    """At the commas between arguments, not those inside of parentheses or quotes."""
    parts, depth, quoted, escaped = [""], 0, False, False
    for each in arguments:
        quoted ^= each == '"' and not escaped
        escaped = each == "\\" and not escaped
        if not quoted:
            depth += (each in "([{") - (each in ")]}")
        if each == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += each
    return [each.strip() for each in parts if each.strip()]


def short(argument):
    """The name of a type without its namespaces; of a plain value what it is."""
    name = re.match(r"[A-Za-z_][\w:]*", argument)
    if name and name[0] not in ("true", "false", "null"):
        return name[0].rpartition("::")[2]
    return "number" if re.match(r"[+-]?[\d.]", argument) else "text" if argument.startswith('"') else "value"


def types_of(content):
    """`message(keyloom::core::run)` is ["run"]."""
    match = re.fullmatch(r"message\((.*)\)", content, re.DOTALL)
    return [short(each) for each in split(match[1] if match else content)]


def label_of(content):
    return ", ".join(types_of(content)) or "an empty answer"


def is_timer(message):
    return message.sender == message.receiver


def is_of(message, types):
    return bool(types.intersection(types_of(message.content)))


@dataclasses.dataclass
class Span:
    """Positions among the messages: that which brings records, the last that brings back what became of them."""

    begin: int
    back: int
    has_work: bool


def spans_of(flow):
    """One for each message that brings records to a partition actor."""
    result = []
    current = {}  # by partition actor
    for at, message in enumerate(flow.messages):
        if flow.names.get(message.receiver) == PARTITION:
            if is_of(message, {BATCH}):
                current[message.receiver] = Span(at, at, False)
                result.append(current[message.receiver])
            elif is_of(message, BACK) and message.receiver in current:
                current[message.receiver].back = at
                current[message.receiver].has_work = True
    # Some only tell how far the log goes. Where no record makes work for others they cannot be told apart.
    return [each for each in result if each.has_work] or result


def span_of(flow, number):
    """The messages from the one that brings the record to the one that says that it is committed."""
    spans = spans_of(flow)
    if len(spans) < number:
        raise NoRecord(f"{len(spans)} messages brought records to a partition actor, so there is no number {number}")
    span = spans[number - 1]
    for at in range(span.back + 1, len(flow.messages)):
        if is_of(flow.messages[at], COMMITTED):
            return span.begin, at
    raise NoRecord("nothing was committed after the record had come; does the program end before that?")


class Way:
    """Gathers the messages of a record's way, in order: what an actor sends while it handles one of them belongs to it, what
    threads send to an actor that had one, and timers of such an actor."""

    def __init__(self, flow, first):
        self.flow = flow
        self.messages = []
        self.had_one = {number for number, name in flow.names.items() if name == COMMITTER}
        self.handled = collections.defaultdict(list)  # from where to where, by actor
        self.add(first)

    def add(self, message):
        self.messages.append(message)
        self.had_one.add(message.receiver)
        self.handled[message.receiver].append((message.received, message.over))

    def caused(self, actor, at):
        return any(begin < at < end for begin, end in self.handled[actor])

    def is_next(self, message):
        if is_of(message, LOOKS | {BATCH}) or message.receiver not in self.flow.names:
            return False
        if self.flow.names[message.receiver] == PARTITION and message.receiver != self.messages[0].receiver:
            return False
        if is_timer(message) or not message.sender:
            return message.receiver in self.had_one and not is_of(message, ENDS)
        return message.sender in self.flow.names and self.caused(message.sender, message.sent)


def way_of(flow, number):
    begin, end = span_of(flow, number)
    way = Way(flow, flow.messages[begin])
    for each in flow.messages[begin + 1:end]:
        if is_of(each, COMMITTED):  # of other records, and so is the timer before it
            way.messages = [known for known in way.messages if not is_timer(known) or known.receiver != each.receiver]
        elif way.is_next(each):
            way.add(each)
    last = flow.messages[end]
    way.add(last)
    for each in flow.messages[end + 1:]:  # such as that a transaction is in
        if last.received < each.sent < last.over and way.is_next(each) and not is_timer(each):
            way.add(each)
    return way


def without_idle_timers(messages):
    """Of the timers of an actor those that are the last before it has something else to do."""
    kept, waiting = [], {}
    for each in messages:
        if is_timer(each):
            waiting[each.receiver] = each
            continue
        for actor in (each.sender, each.receiver):
            if actor in waiting:
                kept.append(waiting.pop(actor))
        kept.append(each)
    return sorted(kept, key=lambda each: each.received)


class Names:
    """Participants by actor number; of several actors of a name the later ones have a number behind it."""

    def __init__(self, flow):
        self.flow = flow
        self.known = {}
        self.used = collections.Counter()

    def of_actor(self, number):
        if number not in self.known:
            name = self.flow.names[number]
            self.used[name] += 1
            behind = f" {self.used[name]}" if self.used[name] > 1 else ""
            self.known[number] = Participant(name + behind, True)
        return self.known[number]

    def of_sender(self, message):
        if message.sender:
            return self.of_actor(message.sender)
        content = (types_of(message.content) or [""])[0]
        to = self.flow.names[message.receiver]
        return Participant(THREADS_TO.get((content, to)) or THREADS.get(content, OTHER_THREAD), False)


def record_way(flow, number=1):
    """The arrows of the way of the record that came with the message of this number, counted from 1."""
    way = way_of(flow, number)
    messages = without_idle_timers(way.messages)
    drawn = {each.receiver for each in messages}
    steps = [(each.received, each) for each in messages]
    steps += [(each.at, each) for each in flow.spawns if each.actor in drawn and way.caused(each.maker, each.at)]
    names = Names(flow)
    arrows = []
    for _, step in sorted(steps, key=lambda each: each[0]):
        if isinstance(step, Message):
            arrow = Arrow(names.of_sender(step), names.of_actor(step.receiver), label_of(step.content))
        else:
            arrow = Arrow(names.of_actor(step.maker), names.of_actor(step.actor), "spawn", True)
        if arrows and dataclasses.replace(arrows[-1], times=1) == arrow:
            arrows[-1].times += 1
        else:
            arrows.append(arrow)
    return arrows


def participants(arrows):
    """In the order in which they appear."""
    return list(dict.fromkeys(each for arrow in arrows for each in (arrow.sender, arrow.receiver)))
