"""A real browser without a window, driven by its DevTools protocol over a WebSocket: as much of both as the test of the
page needs. Python's standard library only."""

import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

from program import PATIENCE


class Socket:
    """The client's side of a WebSocket, for texts."""

    def __init__(self, url):
        host, path = url.removeprefix("ws://").split("/", 1)
        name, port = host.rsplit(":", 1)
        self.stream = socket.create_connection((name, int(port)), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.stream.recv(size - len(data))
            assert part, "the browser closed the connection"
            data += part
        return data

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.stream.sendall(b"\x81" + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def receive(self):
        """The next text, put together from its frames."""
        data, last = b"", False
        while not last:
            first, size = self.read(2)
            last = bool(first & 0x80)
            if size == 126:
                size = struct.unpack(">H", self.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.read(8))[0]
            data += self.read(size)
        return data.decode()


class Browser:
    """One page of Chromium; to be used in a `with`."""

    def __init__(self, url):
        program = shutil.which("chromium")
        assert program, "install Debian's package chromium"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", f"--user-data-dir={self.profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.calls = 0
        try:
            self.socket = Socket(self.page_address())
            self.call("Page.navigate", url=url)
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.socket.stream.close()
        self.end()

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        self.profile.cleanup()

    def page_address(self):
        port_file = pathlib.Path(self.profile.name) / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if port_file.exists() and (lines := port_file.read_text().splitlines()):
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=PATIENCE) as answer:
                    for each in json.load(answer):
                        if each["type"] == "page":
                            return each["webSocketDebuggerUrl"]
            time.sleep(0.05)
        raise AssertionError("the browser did not start")

    def call(self, method, **parameters):
        answer = self.answer_to(method, **parameters)
        assert "error" not in answer, answer
        return answer["result"]

    def answer_to(self, method, **parameters):
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == self.calls:
                return answer

    def value_of(self, expression):
        """What this JavaScript yields in the page; nothing while that is being changed for another one."""
        answer = self.answer_to("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"]["result"].get("value") if "result" in answer else None

    def wait_until(self, expression):
        deadline = time.monotonic() + PATIENCE
        while not self.value_of(expression):
            assert time.monotonic() < deadline, f"never true: {expression}\n{self.value_of('document.body.innerText')}"
            time.sleep(0.05)

    def screenshot(self, path, width, height, dark=False):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        time.sleep(2.5)  # charts take the new colours and sizes with the next event
        shot = self.call("Page.captureScreenshot", format="png")
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))
