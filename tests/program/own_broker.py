"""A real broker of a test's own, which may be killed, frozen, and brought back with other settings."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/broker.sh"


class OwnBroker:
    """`address` is where it listens; `command`, which started it, starts it again with the data it had."""

    def __init__(self, add_cleanup):
        """`add_cleanup` is that of a test, or of its class."""
        folder = tempfile.TemporaryDirectory()
        add_cleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.restarted = []
        add_cleanup(lambda: [process.wait() for process in self.restarted])  # after the stop
        add_cleanup(self._call, "stop")
        self.address = self._call("start").splitlines()[-1]
        self.pid = int((self.folder / "pid").read_text())
        self.command = pathlib.Path(f"/proc/{self.pid}/cmdline").read_text().split("\0")[:-1]

    def _call(self, verb):
        environment = os.environ | {"KEYLOOM_BROKER_DIR": str(self.folder)}
        return subprocess.run([SCRIPT, verb], env=environment, capture_output=True, text=True, check=True).stdout

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def restart(self):
        with (self.folder / "broker.log").open("a") as log:
            process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                       start_new_session=True)
        self.pid = process.pid
        (self.folder / "pid").write_text(str(process.pid))  # for `stop`
        self.restarted.append(process)

    def set(self, properties):
        """From the next start on. Of a property that is there twice Java takes the last."""
        with (self.folder / "server.properties").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in properties.items())

    def read(self, name):
        """The value of a property."""
        lines = (self.folder / "server.properties").read_text().splitlines()
        return next(line.split("=", 1)[1] for line in reversed(lines) if line.startswith(name + "="))

    def tool(self, name, *arguments):
        """Runs one of Kafka's own tools, such as AclCommand, on this broker."""
        java, classpath = self.command[0], self.command[self.command.index("-cp") + 1]
        command = [java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath,
                   f"org.apache.kafka.tools.{name}", "--bootstrap-server", self.address, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
