#!/usr/bin/env python3
"""Each judgement of the conductor can fail: small histories in which one thing is wrong."""

import signal
import subprocess
import sys
import unittest

import judgement
import member
import plan
import world
from group import Group
from judgement import Harm, Ledger, Span

LOG = """2026-01-02T03:04:05.100 info keyloom: assigned in-1/0-1, in-1/3
2026-01-02T03:04:06.200 warning keyloom: in-1/3 was not drained within drain.deadline; what is not out ...
2026-01-02T03:04:06.300 info keyloom: gave up in-1/3 after 1002 ms, the last 2 ms of them to commit
2026-01-02T03:04:07.000 error keyloom: librdkafka: FAIL: connect refused
2026-01-02T03:04:08.000 error keyloom: partition in-1/0 stopped: a reason
"""


def ledger(outputs, records=4):
    """One key in partition 0, at offsets 10, 11, ...; outputs are (counter, member, done in seconds)."""
    result = Ledger()
    for counter in range(records):
        result.add_input(0, 10 + counter, {"k": "a", "n": counter})
    for counter, who, done in outputs:
        result.add_output(who, {"k": "a", "n": counter, "d": int(done * 1e6)})
    return result


def one_after_the_other(*counters):
    return [(counter, "m0", 100 + at) for at, counter in enumerate(counters)]


class Judgement(unittest.TestCase):
    def test_a_record_that_is_missing_is_lost(self):
        self.assertEqual(judgement.nothing_lost(ledger(one_after_the_other(0, 1, 2, 3))), [])
        self.assertEqual(judgement.nothing_lost(ledger(one_after_the_other(0, 1, 3))),
                         ["lost: key a, counter 2, at 0/12"])

    def test_a_record_of_nobody_is_told(self):
        self.assertEqual(len(judgement.nothing_lost(ledger(one_after_the_other(0, 1, 2, 3, 4)))), 1)

    def test_order_counts_when_a_record_appears_first(self):
        self.assertEqual(judgement.in_order(ledger(one_after_the_other(0, 1, 0, 1, 2))), [])
        self.assertEqual(len(judgement.in_order(ledger(one_after_the_other(0, 2, 1)))), 1)

    def test_a_member_goes_back_only_with_a_new_assignment(self):
        goes_back = ledger(one_after_the_other(0, 1, 1, 2))
        check = judgement.in_order_within_assignments
        self.assertEqual(check(goes_back, {("m0", 0): [99, 101.5]}), [])
        self.assertEqual(len(check(goes_back, {("m0", 0): [99]})), 1)
        self.assertEqual(len(check(goes_back, {("m0", 0): [99, 103]})), 1)
        self.assertEqual(len(check(goes_back, {("m1", 0): [101.5]})), 1)

    def test_counts_are_one_more_than_counters_in_outputs_and_in_the_change_log(self):
        book = ledger(one_after_the_other(0, 1, 2, 3))
        book.counts = [("a", counter, counter + 1) for counter in range(4)]
        self.assertEqual(judgement.counts_are_true(book, {"a": 4}), [])
        self.assertEqual(len(judgement.counts_are_true(book, {"a": 3})), 1)
        self.assertEqual(len(judgement.counts_are_true(book, {})), 1)
        book.counts[2] = ("a", 2, 4)
        self.assertEqual(len(judgement.counts_are_true(book, {"a": 4})), 1)

    def test_a_repeat_needs_a_harm_that_covers_its_offset(self):
        twice = ledger([*one_after_the_other(0, 1), (1, "m1", 110), (2, "m1", 111)])
        check = judgement.repeats_are_explained
        self.assertEqual(check(twice, [Harm("m0 killed", {0: (11, 14)})]), [])
        self.assertEqual(len(check(twice, [])), 1)
        self.assertEqual(len(check(twice, [Harm("m0 killed", {0: (12, 14)})])), 1)
        self.assertEqual(len(check(twice, [Harm("m0 killed", {1: (11, 14)})])), 1)
        self.assertEqual(judgement.count_repeats(twice), 1)

    def test_a_third_time_needs_a_second_harm(self):
        thrice = ledger([(0, "m0", 1), (0, "m1", 2), (0, "m2", 3)])
        harm = Harm("killed", {0: (10, 14)})
        self.assertEqual(len(judgement.repeats_are_explained(thrice, [harm])), 1)
        self.assertEqual(judgement.repeats_are_explained(thrice, [harm, harm]), [])

    def test_a_partition_with_records_left_has_to_move(self):
        samples = [(at, {0: (5, 9), 1: (9, 9)}) for at in range(12)]
        self.assertEqual(len(judgement.partitions_go_on(samples, [], 10)), 1)
        self.assertEqual(judgement.partitions_go_on(samples[:10], [], 10), [])
        self.assertEqual(judgement.partitions_go_on(samples, [(3, 7)], 10), [])
        self.assertEqual(judgement.partitions_go_on(samples, [], 5, [2], 6), [])
        self.assertEqual(len(judgement.partitions_go_on(samples, [], 5, [2], 5)), 1)
        self.assertEqual(len(judgement.partitions_go_on(samples, [], 5, [-1, 12], 6)), 1)

    def test_a_member_that_runs_has_to_write(self):
        wrote = ledger([(0, "m0", 3), (1, "m0", 12)])
        self.assertEqual(judgement.members_go_on(wrote, [Span("m0", 0, 20)], [], 10), [])
        self.assertEqual(len(judgement.members_go_on(wrote, [Span("m0", 0, 23)], [], 10)), 1)
        self.assertEqual(judgement.members_go_on(wrote, [Span("m0", 0, 23)], [(14, 16)], 10), [])
        self.assertEqual(len(judgement.members_go_on(wrote, [Span("m1", 0, 20)], [], 10)), 1)


    def test_times_of_trouble_count_once(self):
        self.assertEqual(judgement.merged([(5, 9), (1, 3), (8, 12), (2, 4)]), [(1, 4), (5, 12)])


class Notes(unittest.TestCase):
    def test_a_log_tells_which_partitions_a_member_had(self):
        news = member.read_log(LOG)
        self.assertEqual([(what, where, took) for _, what, where, took in news],
                         [("assigned", [0, 1, 3], 0), ("undrained", [3], 0), ("gave up", [3], 1002),
                          ("error", LOG.splitlines()[-1], 0)])
        self.assertEqual(member.owned(news, news[0][0] - 1), set())
        self.assertEqual(member.owned(news, news[1][0]), {0, 1, 3})
        self.assertEqual(member.owned(news, news[-1][0]), {0, 1})

    def test_a_seed_gives_the_same_plan_again(self):
        first = plan.draw(17, 600, True)
        self.assertEqual(first, plan.draw(17, 600, True))
        self.assertNotEqual(first, plan.draw(18, 600, True))
        self.assertEqual({step.what for step in first}, {"kill", "stop", "freeze", "join", "outage"})


class Samples(unittest.TestCase):
    def test_a_sample_that_took_long_says_nothing_of_the_time_before_its_answer(self):
        group = Group.__new__(Group)
        group.samples, group.told = [(1, "first"), (3, "second"), (12, "third")], [2, 11, 13]
        self.assertEqual(group.sampled(5, before=True), "first")
        self.assertEqual(group.sampled(11, before=True), "second")
        self.assertEqual(group.sampled(5, before=False), "third")
        self.assertEqual(group.sampled(0, before=True), "first")


class Stopping(unittest.TestCase):
    def test_a_process_that_was_just_started_is_told_to_stop_once_it_listens(self):
        program = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); signal.pause()"
        with subprocess.Popen([sys.executable, "-c", program]) as process:
            world.wait_until_catches(process, signal.SIGTERM)
            process.terminate()
        self.assertEqual(process.returncode, 7)

    def test_a_process_that_has_ended_is_not_waited_for(self):
        with subprocess.Popen(["true"]) as process:
            process.wait()
            world.wait_until_catches(process, signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
