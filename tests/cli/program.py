"""Starts the program as a person would: in a fresh folder, on free ports, with nothing of ours in the environment."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

GODWIT = os.environ["GODWIT"]
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds that something may take at most; nothing waits so long unless it is broken


def clean_environment(**more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("GODWIT")}, **more}


class Server:
    """A running `godwit serve`; its diagnostics come as JSON."""

    def __init__(self, arguments, cwd, unprivileged=False, prefix=(), **environment):
        # Even root keeps to a folder's mode then.
        if unprivileged and os.geteuid() == 0:
            prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        self.process = subprocess.Popen([*prefix, GODWIT, "serve", "--diagnostics", "json", *arguments], cwd=cwd, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=clean_environment(**environment))
        self.events = []
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def next_event(self):
        """The next diagnostic; None when the process has closed standard error."""
        line = self._lines.get(timeout=PATIENCE)
        if line is None:
            return None
        if not line.startswith("{"):
            raise AssertionError(f"this is no diagnostic: {line}")
        event = json.loads(line)
        self.events.append(event)
        return event

    def wait_for(self, name):
        while True:
            event = self.next_event()
            if event is None:
                raise AssertionError(f"{name} was never told; {self.events}")
            if event["event"] == name:
                return event

    def wait_ready(self):
        self.ready = self.wait_for("broker.ready")["fields"]
        return self

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.ready['http']}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self):
        """The exit code, once it has ended by itself; all its diagnostics are in events then."""
        while self.next_event() is not None:
            pass
        return self.process.wait(PATIENCE)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.finish()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="godwit-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_program(self, *arguments, **environment):
        return subprocess.run([GODWIT, *arguments], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, env=clean_environment(**environment))

    def serve(self, *arguments, data_dir="d", unprivileged=False, **environment):
        server = Server(["--data-dir", data_dir, "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0",
                         "--memory.arena", "32MiB", "--journal.file.bytes", "8MiB", *arguments], self.folder, unprivileged, **environment)
        self.addCleanup(server.close)
        return server

    def refuses(self, done, code, *words):
        """The program ended with `code`, said each of `words`, and made no data directory."""
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((self.folder / "d").exists(), "nothing is touched")


def taken_port():
    """A socket that listens, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def until(condition):
    """Asks again and again, and says whether it came true in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
    return False
