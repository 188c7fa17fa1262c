"""Brokers of a cluster as processes to measure, with their coordination service. Whatever it starts ends with it.

    with Cluster(folder, "etcd") as cluster:
        cluster.create("topic", [[1, 2, 3], [2, 3, 1]])
        cluster.brokers[0].kill()
        cluster.begin(cluster.brokers[0])
        cluster.await_settled()

The services are those of tests/cluster/stores.py. An etcd member that a broker manages outlives that broker by design: a
guard (tests/cluster/world.py) ends whatever names the cluster's folder, also where this process is killed.
"""

import json
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import wire
from processes import GODWIT, ROOT, Measured, start

sys.dont_write_bytecode = True
sys.path[1:1] = [str(ROOT / "tests" / "cluster"), str(ROOT / "tests" / "clients")]

from stores import STORES  # noqa: E402
from world import World, free_ports, processes_of  # noqa: E402


class Broker(Measured):
    """One `godwit serve` on its own port and folder, over all its lives."""

    def __init__(self, number, folder, flags):
        super().__init__(None, f"127.0.0.1:{free_ports()}", folder / f"broker{number}")
        self.number = number
        self.output = folder / f"broker{number}.diagnostics"
        self.flags = flags
        self._read_to = 0

    def begin(self):
        self._read_to = self.output.stat().st_size if self.output.exists() else 0
        command = [GODWIT, "serve", "--broker.id", str(self.number), "--data-dir", self.directory, "--kafka", self.address, "--http",
                   "off", "--diagnostics.format", "json", *self.flags]
        with open(self.output, "ab") as output:
            self.process = start(command, stderr=output, start_new_session=True)

    @property
    def lives(self):
        return self.process is not None and self.process.poll() is None

    def told(self, *events):
        """How often it said one of these, over all its lives."""
        return sum(1 for line in self.lines() if line.get("event") in events)

    def lines(self):
        for text in self.output.read_text(errors="replace").splitlines():
            try:
                yield json.loads(text)
            except ValueError:
                pass

    def await_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            with open(self.output, errors="replace") as output:
                output.seek(self._read_to)
                said = output.read()
            if "broker.ready" in said:
                return
            if not self.lives or time.monotonic() > deadline:
                raise RuntimeError(f"broker {self.number} {'is not ready' if self.lives else 'ended'}: {said[-1500:]}")
            time.sleep(0.01)

    def signal(self, number):
        os.kill(self.process.pid, number)


class Cluster:
    """`store`: etcd, managed-etcd or zookeeper. `flags`: of every broker."""

    def __init__(self, parent, store="etcd", brokers=3, flags=()):
        tempfile.tempdir = str(Path(parent).resolve())
        self.world = World()
        tempfile.tempdir = None
        self.topics = []
        self.brokers = []
        try:
            self.store = STORES[store](self.world)
            self.store.start()
            self.flags = ["--coordination", self.store.address, *flags]
            for _ in range(brokers):
                self.add()
            for broker in self.brokers:
                broker.await_ready()
            self.await_settled()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for broker in self.brokers:
            if broker.lives:
                broker.kill()
        self.world.close()

    def add(self):
        """Begins one more broker; does not wait for it."""
        broker = Broker(len(self.brokers) + 1, self.world.folder, self.flags)
        self.brokers.append(broker)
        broker.begin()
        return broker

    @property
    def address(self):
        return ",".join(broker.address for broker in self.brokers)

    def cpu_seconds(self):
        """Of all brokers that live; the coordination service is not in it."""
        return sum(broker.cpu_seconds() for broker in self.brokers if broker.lives)

    def resident_mb(self):
        return sum(broker.resident_mb() for broker in self.brokers if broker.lives)

    def told(self, *events):
        return sum(broker.told(*events) for broker in self.brokers)

    def broker(self, number):
        return self.brokers[number - 1]

    def others(self, victim):
        return [broker for broker in self.brokers if broker is not victim and broker.lives]

    def create(self, topic, assignment, **configs):
        """`assignment`: for each partition its brokers, the preferred leader first."""
        configs = {"min.insync.replicas": min(2, len(assignment[0])), **{k.replace("_", "."): v for k, v in configs.items()}}
        wire.create_topic(self.brokers[0].address, topic, assignment, configs)
        self.topics.append(topic)

    def spread(self, partitions, first=0):
        """An assignment that gives each broker the same share of leaders."""
        ids = [broker.number for broker in self.brokers][:3]
        return [[ids[(first + p + k) % len(ids)] for k in range(len(ids))] for p in range(partitions)]

    def controller(self):
        """The broker that all name."""
        def known():
            named = {wire.metadata(broker.address, []).controller for broker in self.brokers if broker.lives}
            number = named.pop()
            return self.broker(number) if not named and number > 0 else None

        return self._until(known, 30, "no controller that all know")

    def await_settled(self, seconds=60):
        """Each broker says: all are there, every partition is led by its first replica, and all replicas are in sync."""
        asked = [0.0]

        def settled():
            numbers = {broker.number for broker in self.brokers if broker.lives}
            views = [wire.metadata(broker.address, self.topics) for broker in self.brokers if broker.lives]
            if len({view.controller for view in views}) != 1 or any(view.brokers != numbers for view in views):
                return False
            if views[0].controller not in numbers:
                return False
            strays, whole = {}, True
            for view in views:
                for topic in self.topics:
                    for index, (leader, replicas, in_sync) in view.topics.get(topic, {}).items():
                        if set(in_sync) != set(replicas):
                            whole = False
                        elif leader != replicas[0]:
                            strays.setdefault(topic, set()).add(index)
                    whole = whole and bool(view.topics.get(topic))
            if strays and whole and time.monotonic() > asked[0] + 0.5:
                asked[0] = time.monotonic()
                address = self.broker(views[0].controller).address
                for topic, partitions in strays.items():
                    wire.elect_preferred(address, topic, sorted(partitions))
            return whole and not strays

        self._until(settled, seconds, "the cluster does not settle")

    def _until(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        why = ""
        while time.monotonic() < deadline:
            try:
                found = condition()
                if found:
                    return found
            except (OSError, ConnectionError) as error:
                why = f": {error}"
            time.sleep(0.03)
        raise RuntimeError(f"{what} in {seconds} s{why}")

    def pids_of_member(self, broker):
        """Of the etcd process that the broker manages."""
        return processes_of(self.world.folder, f"/{broker.directory.name}/etcd")

    def etcd_leader(self):
        """The broker whose managed etcd member leads etcd."""
        members = [part.split("@") for part in self.store.address.removeprefix("managed-etcd://").split(",")]

        def known():
            for number, address in members:
                request = urllib.request.Request(f"http://{address}/v3/maintenance/status", b"{}")
                with urllib.request.urlopen(request, timeout=2) as answer:
                    status = json.load(answer)
                if status.get("leader") and status["leader"] == status["header"]["member_id"]:
                    return self.broker(int(number))
            return None

        return self._until(known, 30, "no etcd member leads")

    def session_ms(self):
        """The session timeout that was negotiated: the longest that a broker was told, else what was asked for."""
        told = [int(line["fields"]["granted_ms"]) for broker in self.brokers for line in broker.lines()
                if "granted_ms" in line.get("fields", {})]
        return max([3000, *told])
