"""How long publishing stops when a broker dies or hangs: kill -9 of a leader, of the controller, of a broker that leads
nothing; with etcd, with managed etcd whose leader dies in the same blow, with ZooKeeper; SIGSTOP.

Before each blow every replica is in sync and every partition is led by the broker that it prefers."""

import json
import select
import signal
import subprocess
import time

from cluster import Cluster
from processes import BUILD, start

PATHS = {"raw": "(a) new leader takes a write", "rdkafka": "(b) librdkafka producer, defaults", "client": "(c) godwit's client"}
WINDOW_MS = 1000
LIMIT_MS = 30000


def percentile(values, share):
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


class Publishing:
    """bench_failover under way: the load on three paths."""

    def __init__(self, cluster, prefix, partitions, rate=200):
        self.process = start([BUILD / "bench" / "bench_failover", cluster.address, prefix, str(partitions), str(rate)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def _ask(self, command, seconds):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise RuntimeError(f"bench_failover: no answer to '{command}' in {seconds} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"bench_failover ended at '{command}' with {self.process.wait(10)}")
        return json.loads(line)

    def target(self, partition):
        self._ask(f"target {partition}", 120)

    def blow(self, number, pids, partition, paths=PATHS):
        """{path: ms} for each of `paths`; waits for these only."""
        words = ",".join(str(pid) for pid in pids)
        measured = self._ask(f"blow {int(number)} {words} {partition} {WINDOW_MS} {LIMIT_MS} {','.join(paths)}",
                             60 + (WINDOW_MS + LIMIT_MS) / 1000)
        return {path: measured[path] for path in paths}

    def finish(self):
        counted = self._ask("finish", 600)
        self.process.wait(10)
        return counted

    def end(self):
        """Whatever it still does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Gaps:
    """What the blows of one kind measured."""

    def __init__(self):
        self.by_path = {path: [] for path in PATHS}

    def add(self, measured):
        for path, gap in measured.items():
            self.by_path[path].append(gap)

    def report(self, report, name, goals):
        """`goals`: {path: [(share, ms), …]}."""
        for path, what in PATHS.items():
            gaps = self.by_path[path]
            if not gaps:
                continue
            goal = goals.get(path, [])
            met = all(percentile(gaps, share) <= ms for share, ms in goal) if goal else None
            words = ", ".join(f"{'longest' if share == 1 else f'p{share * 100:g}'} <= {ms:g}" for share, ms in goal)
            report.add(f"{name}, {what}: p50, p99, longest of {len(gaps)}",
                       f"{percentile(gaps, .5):.0f}, {percentile(gaps, .99):.0f}, {max(gaps):.0f} ms", words, met)


def kill_one(cluster, publishing, victim, partition, etcd=False):
    """kill -9 of the broker, with `etcd` of its etcd member as well; back once it was started again and all is in sync."""
    publishing.target(partition)
    pids = ([*cluster.pids_of_member(victim)] if etcd else []) + [victim.process.pid]
    gaps = publishing.blow(signal.SIGKILL, pids, partition)
    victim.process.wait(10)
    victim.begin()
    victim.await_ready()
    cluster.await_settled()
    return gaps


def reason(error):
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def count(report, name, publishing):
    try:
        counted = publishing.finish()
    except Exception as error:  # publishing and reading back may fail in any way: it is told
        report.add(f"{name}: acknowledged, of these lost: NOT COUNTED", reason(error), "0 lost", False)
        return
    acknowledged = sum(path["acknowledged"] for path in counted.values())
    lost = sum(path["lost"] for path in counted.values())
    report.add(f"{name}: acknowledged, of these lost", f"{acknowledged:,}, {lost:,}", "0 lost", lost == 0)
    repeated, failed = counted["client"]["repeated"], sum(path["failed"] for path in counted.values())
    report.add(f"{name}: repeated by godwit's idempotent client; failed on any path", f"{repeated:,}; {failed:,}", "0; 0",
               repeated == 0 and failed == 0)


def topics(cluster, prefix, assignment):
    for path in PATHS:
        cluster.create(f"{prefix}-{path}", assignment)
    cluster.await_settled()


def rounds(report, name, options, wanted, publishing, goals, blow):
    """`blow(i)` gives what one measured; so many times, or for --part-seconds. Reports also what came before a failure, and counts
    after it: that is when something may be lost."""
    gaps, began, why = Gaps(), time.monotonic(), ""
    done = 0
    try:
        while done < wanted and time.monotonic() - began < options.part_seconds:
            measured = blow(done)
            gaps.add(measured)
            done += 1
            print(f"    {name}: {done}/{wanted}: {measured}", flush=True)
    except Exception as error:  # a blow may fail in any way: it is told
        why = reason(error)
    if done:
        gaps.report(report, name, goals)
    if why:
        report.add(f"{name}: FAILED after {done}", why, "", False)
    elif done < wanted:
        report.add(f"{name}: blows measured in {options.part_seconds:.0f} s", str(done), f">= {wanted}", False)
    count(report, name, publishing)
    publishing.end()


def of_leaders(report, cluster, name, options, kills, goals, controller, store_too=False):
    """Partition k of each topic is led by broker k + 1. `store_too`: the broker whose etcd leads, and its etcd with it."""
    topics(cluster, "led", cluster.spread(3))
    publishing = Publishing(cluster, "led", 3)

    def blow(i):
        office = cluster.controller()
        if store_too:
            victim = cluster.etcd_leader()
        elif controller:
            victim = office
        else:
            victim = [broker for broker in cluster.brokers if broker is not office][i % 2]
        return kill_one(cluster, publishing, victim, victim.number - 1, store_too)

    rounds(report, name, options, kills, publishing, goals, blow)


def of_bystander(report, cluster, name, options, kills, goals):
    office = cluster.controller()
    victim, third = [broker for broker in cluster.brokers if broker is not office]
    a, b, v = office.number, third.number, victim.number
    topics(cluster, "rest", [[a, b, v], [b, a, v]])
    publishing = Publishing(cluster, "rest", 2)
    rounds(report, name, options, kills, publishing, goals, lambda i: kill_one(cluster, publishing, victim, i % 2))


KILL_GOALS = {"raw": [(.99, 300)], "rdkafka": [(.5, 600), (.99, 1100)], "client": [(.99, 600)]}
# Where what died leads nothing, no client has anything to find.
REST_GOALS = {path: [(.99, 300)] for path in PATHS}
NO_GOALS = {}
FLAGS = ["--memory.arena", "64MiB", "--memory.read.buffers", "16MiB", "--journal.file.bytes", "16MiB"]


def with_store(report, folder, options, kills, store, goals, rest_goals):
    """`rest_goals`: where a broker dies that leads nothing. A kind that fails is told and does not take the others with it."""
    for kind in ("a leader", "the controller", "a broker that leads nothing"):
        name = f"{store}, kill -9 of {kind}"
        try:
            with Cluster(folder.path, store, flags=FLAGS) as cluster:
                if kind == "a broker that leads nothing":
                    of_bystander(report, cluster, name, options, kills, rest_goals)
                else:
                    of_leaders(report, cluster, name, options, kills, goals, kind == "the controller")
        except Exception as error:  # as in rounds()
            report.add(f"{name}: FAILED", reason(error), "", False)


def failover(report, folder, options):
    with_store(report, folder, options, options.kills, "etcd", KILL_GOALS, REST_GOALS)


def failover_managed(report, folder, options):
    with Cluster(folder.path, "managed-etcd", flags=FLAGS) as cluster:
        of_leaders(report, cluster, "managed etcd, kill -9 of a leader and of the etcd leader at once", options, options.kills_managed,
                   {"raw": [(1, 1500)]}, False, store_too=True)


def failover_zookeeper(report, folder, options):
    with_store(report, folder, options, options.kills_zookeeper, "zookeeper", NO_GOALS, NO_GOALS)


def hang(report, folder, options):
    """SIGSTOP of each broker in turn, until it was given up and publishing goes on; then SIGCONT."""
    name = "etcd, SIGSTOP of a leader"
    with Cluster(folder.path, "etcd", flags=FLAGS) as cluster:
        topics(cluster, "led", cluster.spread(3))
        publishing = Publishing(cluster, "led", 3)
        bound = cluster.session_ms() + 1000

        def blow(i):
            victim = cluster.brokers[i % 3]
            publishing.target(victim.number - 1)
            try:
                # librdkafka with its defaults waits a minute for a broker that hangs: nothing that a broker could change.
                return publishing.blow(signal.SIGSTOP, [victim.process.pid], victim.number - 1, ["raw", "client"])
            finally:
                victim.signal(signal.SIGCONT)
                cluster.await_settled()

        report.add(f"{name}: negotiated session timeout", f"{cluster.session_ms()} ms")
        rounds(report, name, options, options.stops, publishing, {"raw": [(1, bound)], "client": [(1, bound)]}, blow)
