"""Starts and measures the processes of a benchmark; whatever it starts ends with it."""

import atexit
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
# The program that is measured: GODWIT=… compares another build with it.
GODWIT = Path(os.environ.pop("GODWIT", BUILD / "godwit"))
TICKS = os.sysconf("SC_CLK_TCK")

_running = []


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(command, **kwargs):
    process = subprocess.Popen(command, preexec_fn=_end_with_parent, **kwargs)
    _running.append(process)
    return process


@atexit.register
def end_all():
    """Whatever was started and still runs."""
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Measured:
    """A server process: its processor time, memory and end."""

    def __init__(self, process, address, directory):
        self.process = process
        self.address = address
        self.directory = Path(directory)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mb(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1000

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def discard(self):
        """Stops it and removes its data: what all parts write together is more than many disks hold."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Godwit(Measured):
    """`godwit serve` on a data directory of its own."""

    def __init__(self, directory, *flags):
        self.port = free_port()
        began = time.monotonic()
        process = start([GODWIT, "serve", "--data-dir", str(directory), "--kafka",
                         f"127.0.0.1:{self.port}", "--http", "off", "--diagnostics.format", "json", *flags],
                        stderr=subprocess.PIPE)
        super().__init__(process, f"127.0.0.1:{self.port}", directory)
        deadline = began + 120
        said = b""
        while time.monotonic() < deadline:
            if not select.select([process.stderr], [], [], 1)[0]:
                continue
            # Not by lines: what a reader keeps back, select does not see.
            more = os.read(process.stderr.fileno(), 65536)
            if not more:
                raise RuntimeError("godwit ended before it was ready")
            said += more
            if b"broker.ready" in said:
                break
        else:
            raise RuntimeError("godwit was not ready within 120 s")
        self.ready_ms = (time.monotonic() - began) * 1000
        # Nobody reads the rest: it must not fill the pipe.
        self._drain = start(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)


def load(*arguments, timeout=600):
    """Runs bench_load and gives what it measured; None, and the reason, when it failed."""
    done = subprocess.run([BUILD / "bench" / "bench_load", *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, preexec_fn=_end_with_parent)
    if done.returncode != 0:
        raise RuntimeError(f"bench_load {arguments[0]}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def raw(*arguments):
    done = subprocess.run([BUILD / "bench" / "bench_raw", *map(str, arguments)], capture_output=True, text=True, check=True,
                          preexec_fn=_end_with_parent)
    return json.loads(done.stdout)


class Folder:
    """A folder on the disk that is measured, removed at the end."""

    def __init__(self, parent):
        self.path = Path(tempfile.mkdtemp(prefix="godwit-bench-", dir=parent))
        atexit.register(self.remove)

    def new(self, name):
        path = self.path / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
