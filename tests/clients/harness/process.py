"""A child process that never outlives the test: it has its own process group, which is killed at the end whatever
happens, and it dies with the process that started it. Start children from the main thread: a parent-death signal
comes when the *thread* that forked ends.

    child = Process(["kcat", "-L"], name="kcat")
    wait_until(lambda: child.lines, 5, "kcat says nothing")
    child.close_input()
    code = child.wait(10)
"""

import atexit
import collections
import ctypes
import os
import signal
import subprocess
import threading

from .deadline import wait_until

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_running = set()

# Of what a child says on standard error only the end is kept: a client that complains a thousand times a second must not
# take the machine's memory.
_COMPLAINTS_MAX = 400


def die_with_parent():
    """For preexec_fn of a child that is not started by Process."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prepare_child():
    os.setsid()
    die_with_parent()


def _inherited():
    """What is said of settings to this run (GODWIT_BINARY, or an operator's own) is not for the broker under test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GODWIT_")}


def _kill_all():
    for process in list(_running):
        process.kill()


atexit.register(_kill_all)


class Process:
    """`lines`: what it wrote to standard output so far, whole lines, in order. `complaints`: the end of its standard error.

    `on_line(line)`, where given, is called for each line of standard output on a thread of this object.
    """

    def __init__(self, command, name, environment=None, directory=None, on_line=None, on_complaint=None):
        self.name = name
        self.lines = []
        self.complaints = collections.deque(maxlen=_COMPLAINTS_MAX)
        self._child = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=directory, env={**_inherited(), **(environment or {})}, preexec_fn=_prepare_child)
        _running.add(self)
        self._readers = [
            threading.Thread(target=self._read, args=(self._child.stdout, self.lines, on_line), daemon=True),
            threading.Thread(target=self._read, args=(self._child.stderr, self.complaints, on_complaint), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, into, tell):
        for raw in stream:
            line = raw.decode(errors="replace").rstrip("\n")
            into.append(line)
            if tell:
                tell(line)

    @property
    def pid(self):
        return self._child.pid

    @property
    def alive(self):
        return self._child.poll() is None

    @property
    def code(self):
        """The exit code (minus the signal's number), or None while it lives."""
        return self._child.poll()

    def write(self, text):
        """Hands `text` to its standard input. A child that is gone is found out by its exit code, not here."""
        try:
            self._child.stdin.write(text.encode())
            self._child.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def close_input(self):
        try:
            self._child.stdin.close()
        except (BrokenPipeError, OSError):
            pass

    def signal(self, number):
        if self.alive:
            os.kill(self.pid, number)

    def wait(self, seconds):
        """Waits for its end and for all that it wrote; gives the exit code. TooLate after `seconds`: it still runs."""
        wait_until(lambda: not self.alive, seconds, lambda: f"{self.name} does not end\n{self.last_words()}")
        for reader in self._readers:
            reader.join(5)
        _running.discard(self)
        return self._child.returncode

    def kill(self):
        """Kills it and all that it started, and waits until it is gone."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._child.wait()
        for reader in self._readers:
            reader.join(5)
        _running.discard(self)

    def last_words(self, count=15):
        return "\n".join(f"    {self.name}: {line}" for line in list(self.complaints)[-count:])
