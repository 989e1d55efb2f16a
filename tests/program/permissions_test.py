#!/usr/bin/env python3
"""What a broker's ACLs forbid is told by name, with the remedy, and what waits for them goes on when they are changed:
users who have to say who they are, on a broker that allows nobody anything that no ACL allows."""

import time
import unittest

from own_broker import OwnBroker, free_port
from program import PATIENCE, keyloom, records_of, started

RECORDS = 20
READER, WRITER, MEMBER = "reader", "writer", "member"  # one for each test: ACLs stay


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """The broker, which is the same for all."""
        cls.broker = OwnBroker(cls.addClassCleanup)
        port = free_port()
        listener = f"SASL_PLAINTEXT://127.0.0.1:{port}"
        cls.guarded = f"127.0.0.1:{port}"
        cls.broker.set({
            "listeners": f"{cls.broker.read('listeners')},{listener}",
            "advertised.listeners": f"{cls.broker.read('advertised.listeners')},{listener}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config":
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                + " ".join(f'user_{user}="secret"' for user in (READER, WRITER, MEMBER)) + ";",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",  # who comes by the other listener
        })
        cls.broker.kill()
        cls.broker.restart()

    def setUp(self):
        name = self.id().split("test_")[1]
        self.topic, self.out, self.group = f"in-{name}", f"out-{name}", f"group-{name}"
        for topic, records in ((self.topic, RECORDS), (self.out, 0)):
            loaded = keyloom("load", "--brokers", self.broker.address, "--topic", topic, "--records", records, "--keys",
                             5, "--partitions", 1)
            self.assertEqual(loaded.returncode, 0, loaded.stderr)

    def allow(self, user, operation, resource, name):
        """Until the broker goes by it: it is written down first, and read a moment later."""
        principal, where = f"User:{user}", (f"--{resource}", name)
        self.broker.tool("AclCommand", "--add", "--allow-principal", principal, "--operation", operation, *where)
        known = f"principal={principal}, host=*, operation={operation.upper()}"
        deadline = time.monotonic() + PATIENCE
        while known not in self.broker.tool("AclCommand", "--list", *where):
            self.assertLess(time.monotonic(), deadline, f"the broker does not know {known}")

    def command(self, user, password="secret"):
        result = ["work", "--brokers", self.guarded, "--topic", self.topic, "--group", self.group, "--out", self.out,
                  "--until-end", "--timeout", 10]
        for each in ("security.protocol=SASL_PLAINTEXT", "sasl.mechanisms=PLAIN", f"sasl.username={user}",
                     f"sasl.password={password}"):
            result += ["--kafka", each]
        return result

    def assert_ends_with(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)

    def outputs(self):
        return len(records_of(self.broker.address, self.out))

    def test_wrong_password(self):
        self.assert_ends_with(keyloom(*self.command(READER, "wrong")), 3, self.guarded, "Invalid username or password")

    def test_topic_that_may_not_be_read(self):
        self.assert_ends_with(keyloom(*self.command(READER)), 1, self.topic, "TOPIC_AUTHORIZATION_FAILED", "ACLs")

    def test_output_that_may_not_be_written(self):
        self.allow(WRITER, "Read", "topic", self.topic)
        self.allow(WRITER, "Read", "group", self.group)
        self.allow(WRITER, "Describe", "topic", self.out)
        # Nowhere: then not even a producer's id is given.
        self.assert_ends_with(keyloom(*self.command(WRITER)), 1, f"partition {self.topic}/0 stopped", "offset 0",
                              f"{self.out}[0]", "CLUSTER_AUTHORIZATION_FAILED", "IdempotentWrite")
        self.allow(WRITER, "Write", "topic", "another")
        self.assert_ends_with(keyloom(*self.command(WRITER)), 1, f"partition {self.topic}/0 stopped", "offset 0",
                              f"{self.out}[0]", "TOPIC_AUTHORIZATION_FAILED", "ACLs")
        # Nothing was passed over meanwhile. To write into a topic that is there needs no leave to create it.
        self.allow(WRITER, "Write", "topic", self.out)
        self.assert_ends_with(keyloom(*self.command(WRITER)), 0)
        self.assertEqual(self.outputs(), RECORDS)

    def test_group_that_may_not_be_joined_until_it_may(self):
        for operation, name in (("Read", self.topic), ("Write", self.out)):
            self.allow(MEMBER, operation, "topic", name)
        worker = started(*self.command(MEMBER))
        told = worker.stderr.readline()
        for part in (f"group {self.group}", "GROUP_AUTHORIZATION_FAILED", "ACLs"):
            self.assertIn(part, told)
        self.allow(MEMBER, "Read", "group", self.group)
        _, err = worker.communicate(timeout=PATIENCE)
        self.assertEqual(worker.returncode, 0, err)
        self.assertEqual(self.outputs(), RECORDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
