"""What a scenario stands on: a folder, free ports, and everything that was started, which ends with it.

Children die with this process (harness/process.py). An etcd member that a broker manages outlives its broker by design,
so a guard of its own looks for whatever still names the scenario's folder when this process is gone.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.deadline import wait_until

_GUARD = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from world import end_processes_of
os.setsid()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.read(0, 1)
end_processes_of(sys.argv[1])
import shutil
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""

REPOSITORY = Path(__file__).resolve().parents[2]
# FIRST:END of the ports of this process, where several perform scenarios at once.
PORTS_VARIABLE = "SCENARIO_PORTS"
# Outside of what the kernel gives to connections.
_PORTS = 11000, 32000
_given = set()


def ports_of(lane, lanes):
    """The share of the ports that lane number `lane` of so many has, as PORTS_VARIABLE tells it."""
    width = (_PORTS[1] - _PORTS[0]) // lanes
    return f"{_PORTS[0] + lane * width}:{_PORTS[0] + (lane + 1) * width}"


def free_ports(count=1):
    """The first of `count` neighbouring ports that nobody holds and that no other lane is given."""
    lowest, end = map(int, os.environ.get(PORTS_VARIABLE, ports_of(0, 1)).split(":"))
    for _ in range(1000):
        first = random.randrange(lowest, end - count)
        ports = range(first, first + count)
        if _given & set(ports) or not all(_is_free(port) for port in ports):
            continue
        _given.update(ports)
        return first
    raise RuntimeError("no port is free")


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def processes_of(folder, *words):
    """The ids of processes whose command line names `folder` and each of `words`; never this one or its guard."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        named = f"{folder}/" in command and all(word in command for word in words)
        if named and state != "Z" and _GUARD[:20] not in command:
            found.append(int(entry.name))
    return found


def end_processes_of(folder):
    """Kills them, one by one, until there are none."""
    def gone():
        left = processes_of(folder)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left

    wait_until(gone, 10, lambda: f"these do not end: {processes_of(folder)}")


def files_of(directory):
    """{path: (size, digest)} of what a broker keeps there: everything but the lock, in which each start writes its number, and
    the folder of its etcd member, which it must run to hear whose store that is."""
    paths = {path: path.relative_to(directory).parts for path in sorted(directory.rglob("*")) if path.is_file()}
    return {"/".join(parts): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
            for path, parts in paths.items() if parts[0] not in ("lock", "etcd")}


def changed_files(before, directory):
    """The paths that files_of() has otherwise now than it had them `before`, with what they were and are."""
    after = files_of(directory)
    return {path: (before.get(path), after.get(path)) for path in sorted({*before, *after})
            if before.get(path) != after.get(path)}


class World:
    """`keep(thing)`: its kill() is called at the end."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="godwit-cluster-"))
        self._kept = []
        path = str(Path(__file__).resolve().parent)
        clients = str(Path(__file__).resolve().parents[1] / "clients")
        self._guard = subprocess.Popen([sys.executable, "-B", "-c", _GUARD, str(self.folder), path],
                                       stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": clients})

    def keep(self, thing):
        self._kept.append(thing)
        return thing

    def keep_logs(self, name):
        """What each broker said, in files below build/cluster-logs/, for a scenario that failed; gives the folder."""
        folder = REPOSITORY / "build/cluster-logs" / re.sub(r"[^a-z0-9]+", "-", name.lower())[:60].strip("-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for thing in self._kept:
            member = getattr(thing, "member", None)
            if member and member.process:
                code = member.process.code
                end = "lives" if code is None else f"ended with {code}"
                (folder / member.directory.name).write_text("\n".join([*member.diagnostics, end]) + "\n")
        return folder

    def close(self):
        for thing in reversed(self._kept):
            thing.kill()
        end_processes_of(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._guard.stdin.close()
        self._guard.wait(20)
