"""A PostgreSQL of a test's own: in a temporary folder, on a free port of 127.0.0.1. Needs Debian's package postgresql,
which tools/setup.sh --tests installs."""

import getpass
import pathlib
import shutil
import socket
import subprocess
import tempfile


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    """Its server refuses to run as root; then the user that the package made runs it."""

    def __enter__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        assert found, "there is no PostgreSQL: run tools/setup.sh --tests"
        self.bin = found[-1].parent
        self.port = free_port()
        self.as_user = ["runuser", "-u", "postgres", "--"] if getpass.getuser() == "root" else []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keyloom-postgres-"))
        if self.as_user:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-A", "trust", "-U", "keyloom", "-D", self.folder / "data")
        self.start()
        self.run("createdb", *self.where(), "legs")
        return self

    def __exit__(self, *error):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def where(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "keyloom"]

    def address(self):
        return f"host=127.0.0.1 port={self.port} user=keyloom dbname=legs"

    def run(self, program, *arguments, stdin=None):
        result = subprocess.run([*self.as_user, self.bin / program, *arguments], capture_output=True, text=True,
                                check=False, cwd="/", stdin=stdin)
        assert result.returncode == 0, f"{program} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        return result.stdout

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", options, "start")

    def kill(self):
        """As a crash: sessions break in the middle of what they do."""
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def psql(self, statement):
        return self.run("psql", *self.where(), "-d", "legs", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement).strip()

    def copy(self, table, csv_file):
        """Fills the table from a file that begins with a line of names."""
        with open(csv_file, encoding="utf-8") as file:
            self.run("psql", *self.where(), "-d", "legs", "-q", "-c", f"COPY {table} FROM STDIN (FORMAT csv, HEADER)",
                     stdin=file)

    def session(self):
        return Session([*self.as_user, self.bin / "psql", *self.where(), "-d", "legs", "-qAt"])


class Session:
    """A psql that stays connected, for what belongs to a session, such as locks."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, cwd="/")

    def send(self, statement):
        self.process.stdin.write(statement + ";\n")
        self.process.stdin.flush()

    def answer(self, statement):
        self.send(statement)
        return self.process.stdout.readline().strip()

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # its server was killed
        self.process.wait()
        self.process.stdout.close()
