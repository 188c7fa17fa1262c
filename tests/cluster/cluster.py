"""A cluster of broker processes and what an operator asks it.

    cluster = Cluster(world, "etcd")
    cluster.create("topic")
    victim = cluster.leader("topic", 0)
    victim.kill()
    cluster.await_full_isr("topic")
"""

import json
import signal
import subprocess

from harness.broker import GodwitBroker, godwit_binary, godwit_tool
from harness.deadline import wait_until
from harness.process import Process, _inherited, die_with_parent

from world import free_ports
from stores import STORES

SETTINGS = {"memory.arena": "32MiB", "journal.file.bytes": "8MiB", "num.partitions": 3,
            "group.initial.rebalance.delay.ms": 300, "offsets.topic.num.partitions": 4, "cluster.name": "scenario"}
READY_SECONDS = 30
ISR_SECONDS = 30


class Member(GodwitBroker):
    """A broker on its own port; begin() does not wait for it, start() does."""

    def __init__(self, folder, number, address, settings):
        super().__init__(folder, settings={"broker.id": number, **settings})
        self.number = number
        self.address = address
        self.http_port = free_ports()
        self.paused = False
        self.program = godwit_binary()
        self.environment = {}

    def begin(self):
        self._ready = None
        self.starts += 1
        command = [self.program, "serve", "--data-dir", self.directory, "--kafka", self.address, "--http",
                   f"127.0.0.1:{self.http_port}", "--diagnostics.format", "json"]
        for name, value in self.settings.items():
            command += [f"--{name}", str(value)]
        self.process = Process(command, f"broker {self.number}", self.environment, on_complaint=self._heed)
        return self

    def await_ready(self, seconds=READY_SECONDS):
        def ready():
            if not self.process.alive:
                raise RuntimeError(f"broker {self.number} ended with {self.process.code}\n" + self.words())
            return self._ready

        fields = wait_until(ready, seconds, lambda: f"broker {self.number} is not ready\n" + self.words())
        self.http = fields["http"]
        return self

    def _launch(self):
        self.begin().await_ready()

    def pause(self):
        self.process.signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.signal(signal.SIGCONT)
        self.paused = False

    @property
    def serving(self):
        return bool(self.process and self.process.alive and not self.paused)

    def told(self, event, start=0):
        """The diagnostics named `event`, from number `start` on."""
        found = []
        for line in list(self.diagnostics)[start:]:
            try:
                read = json.loads(line)
            except ValueError:
                continue
            if read.get("event") == event:
                found.append(read)
        return found

    def words(self, count=25):
        """Its last lines, and how it ended where it does not live: nobody sees from the lines that a signal ended it."""
        ended = [] if not self.process or self.process.alive else [f"its process ended with {self.process.code}"]
        return "\n".join(f"    {self.number}: {line}" for line in [*self.diagnostics[-count:], *ended])


class Cluster:
    def __init__(self, world, store="etcd", brokers=3, start=True, **settings):
        self.world = world
        self.store = store if not isinstance(store, str) else STORES[store](world)
        self.settings = {**SETTINGS, "coordination": self.store.address,
                         **{name.replace("__", "."): value for name, value in settings.items()}}
        self.members = [self.new_member(number) for number in range(1, brokers + 1)]
        if start:
            self.store.start()
            self.begin_all()

    def new_member(self, number, folder=None, **settings):
        more = {name.replace("__", "."): value for name, value in settings.items()}
        address = f"127.0.0.1:{free_ports()}"
        folder = self.world.folder / (folder or f"broker{number}")
        return self.world.keep(_Keeper(Member(folder, number, address, {**self.settings, **more}))).member

    def begin_all(self):
        for member in self.members:
            member.begin()
        for member in self.members:
            member.await_ready()

    @property
    def brokers(self):
        """The addresses of all, also of those that are dead: as a client has them in its configuration."""
        return ",".join(member.address for member in self.members)

    def member(self, number):
        return next(member for member in self.members if member.number == number)

    def run(self, *words, text="", seconds=30, brokers=None):
        """A command of the program's; gives the finished process."""
        if brokers is None:
            brokers = ",".join(m.address for m in self.members if m.serving) or self.brokers
        return subprocess.run([str(godwit_tool()), *map(str, words), "--brokers", brokers, "--timeout", f"{seconds}s"],
                              input=text, capture_output=True, text=True, timeout=seconds + 15, env=_inherited(),
                              preexec_fn=die_with_parent)

    def say(self, *words, **more):
        """The same, of a command that must succeed; gives what it printed."""
        done = self.run(*words, **more)
        if done.returncode != 0:
            raise RuntimeError(f"godwit {' '.join(map(str, words))}: {done.returncode}: {done.stdout}{done.stderr}\n"
                               + self.words())
        return done.stdout

    def create(self, topic, partitions=3, replicas=3, **configs):
        configs = {"min.insync.replicas": 2 if replicas == 3 else 1, **configs}
        options = [word for name, value in configs.items() for word in ("--config", f"{name}={value}")]
        self.say("topic", "create", topic, "--partitions", partitions, "--replication-factor", replicas, *options)

    def describe(self, topic):
        """[{partition, leader, replicas, inSync, …}] as a broker that lives has it; [] when none can say."""
        done = self.run("topic", "describe", topic, "--json", seconds=5)
        try:
            return json.loads(done.stdout)["partitions"] if done.returncode == 0 else []
        except (ValueError, KeyError):
            return []

    def leader(self, topic, partition=0):
        def known():
            for found in self.describe(topic):
                if found["partition"] == partition and found["leader"] >= 0:
                    return self.member(found["leader"])
            return None

        return wait_until(known, 20, lambda: f"{topic}-{partition} has no leader: {self.describe(topic)}\n{self.words()}")

    def led_by(self, topic, member):
        return [p["partition"] for p in self.describe(topic) if p["leader"] == member.number]

    def controller(self):
        info = json.loads(self.say("cluster", "info", "--json"))
        return self.member(info["controller"])

    def await_full_isr(self, topic, seconds=ISR_SECONDS):
        """Every partition has a leader, and all of its replicas are in sync, as each broker says."""
        def full():
            for member in self.members:
                if not member.serving:
                    continue
                done = self.run("topic", "describe", topic, "--json", seconds=5, brokers=member.address)
                if done.returncode != 0:
                    return False
                for found in json.loads(done.stdout)["partitions"]:
                    if found["leader"] < 0 or sorted(found["inSync"]) != sorted(found["replicas"]):
                        return False
            return True

        wait_until(full, seconds, lambda: f"{topic} is not in sync again: {self.describe(topic)}\n{self.words()}")

    def words(self):
        return "\n".join(member.words(5) for member in self.members)


class _Keeper:
    """Ends a broker also where it is stopped by SIGSTOP."""

    def __init__(self, member):
        self.member = member

    def kill(self):
        if self.member.process:
            self.member.process.kill()
