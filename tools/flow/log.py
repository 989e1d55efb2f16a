"""Reads what CAF's logger writes as component `caf_flow`, in the format that tools/flow.sh asks it for: FORMAT.

An actor's handling of a message begins with its RECEIVE and lasts until its next one. What CAF's own threads send is a SEND
before that, written by the actor that sends, also where the message names no sender. What other threads send (poller,
producer, workers) is not written: there is a RECEIVE without a SEND.
"""

import collections
import dataclasses
import re

FORMAT = "%c|%a|%m%n"

LINE = re.compile(r"caf_flow\|actor(\d+)\|([A-Z]+) ?(.*)")
FIELD = re.compile(r"; ([A-Z]+) = ?")


@dataclasses.dataclass
class Message:
    """One that was handled. Actors are known by their numbers; sender 0: a thread that is no actor."""

    sender: int
    receiver: int
    content: str
    sent: int  # position among the events; -1: that is not written
    received: int
    over: int  # where the handling is over: the position of the receiver's next message


@dataclasses.dataclass
class Spawn:
    """An actor that was made by another one, or by a thread (0)."""

    maker: int
    actor: int
    at: int


@dataclasses.dataclass
class Flow:
    """All that a log tells: the names of actors, and what happened, in order."""

    names: dict
    messages: list
    spawns: list


def fields_of(text):
    """`; TO = 7@node; CONTENT = message(...)` as a dictionary; the content comes last and may hold anything."""
    head, sign, content = text.partition("; CONTENT =")
    parts = FIELD.split("; " + head.lstrip("; "))
    result = dict(zip(parts[1::2], (each.strip() for each in parts[2::2])))
    if sign:
        result["CONTENT"] = content.strip()
    return result


def actor_of(handle):
    """The number in `7@node`; 0: there is none."""
    number = handle.partition("@")[0]
    return int(number) if number.isdigit() else 0


def events_of(lines):
    """(actor on whose behalf, what, fields) of each line of the component; other lines are passed over."""
    for line in lines:
        match = LINE.match(line.rstrip("\n"))
        if match:
            yield int(match[1]), match[2], fields_of(match[3])


def read(lines):
    """The flow that the lines of a log tell."""
    names, messages, spawns = {}, [], []
    sent = collections.defaultdict(collections.deque)  # who sent and when, by receiver, named sender and content
    last = {}  # message by receiver
    at = 0
    for at, (actor, what, fields) in enumerate(events_of(lines)):
        if what == "SPAWN":
            made = int(fields["ID"])
            names[made] = fields["NAME"]
            spawns.append(Spawn(actor, made, at))
        elif what == "SEND":
            sent[actor_of(fields["TO"]), actor_of(fields["FROM"]), fields["CONTENT"]].append((actor, at))
        elif what == "RECEIVE":
            named = actor_of(fields["FROM"])
            before = sent[actor, named, fields["CONTENT"]]
            sender, sent_at = before.popleft() if before else (0, -1)
            message = Message(named or sender, actor, fields["CONTENT"], sent_at, at, at + 1)
            if actor in last:
                last[actor].over = at
            last[actor] = message
            messages.append(message)
    for message in last.values():
        message.over = at + 1
    return Flow(names, messages, spawns)
