"""A cluster under load: throughput against one broker and against Apache Kafka, latency, leases that hold, a broker that joins."""

import json
import select
import subprocess
import time

import kafka
import wire
from cluster import Cluster
from measures import ingest, show
from processes import BUILD, Godwit, load, start

MB = 1_000_000
PARTITIONS = 3
REPLICATED = ["replication.factor=3", "min.insync.replicas=2"]


def paced(report, folder, options):
    with Cluster(folder.path) as cluster:
        load("create", cluster.address, "paced", 1, *REPLICATED)
        cpu = cluster.cpu_seconds()
        measured = load("paced", cluster.address, "paced", options.seconds, 5000)
        cpu = (cluster.cpu_seconds() - cpu) / options.seconds * 100
    report.add("RF 3, flush=always, 5,000 msg/s of 1 KiB one by one: mean end to end", f"{measured['mean_us']:.0f} us", "<= 1500 us",
               measured["mean_us"] <= 1500)
    report.add("  p99.9 (p50, p99)", f"{measured['p999_us']:.0f} us ({measured['p50_us']:.0f}, {measured['p99_us']:.0f})",
               "<= 10000 us", measured["p999_us"] <= 10000)
    report.add("  processor, all three brokers; the producer fell behind by", f"{cpu:.0f} %; {measured['behind_ms']:.0f} ms")


def throughput(report, folder, options):
    """RF 3 on three brokers against RF 1 on one, with the same load, and against three of Kafka's."""
    total, rounds = options.mb * MB // 2, options.rounds
    alone = Godwit(folder.new("alone"))
    one = ingest(alone, "one", PARTITIONS, total, rounds)
    alone.discard()
    show(report, f"RF 1, one broker, {PARTITIONS} partitions, flush=always: ingest", one)
    with Cluster(folder.path) as cluster:
        three = ingest(cluster, "three", PARTITIONS, total, rounds, REPLICATED)
        show(report, f"RF 3, three brokers, {PARTITIONS} partitions, flush=always, acks=all: ingest", three)
    report.ratio("throughput: RF 3 / RF 1", three["mb_per_s"], one["mb_per_s"], 0.45)

    reason = "left out (--no-kafka)" if options.no_kafka else kafka.missing()
    if reason:
        report.add("Apache Kafka, RF 3", "skipped: " + reason)
        return
    peers = kafka.Kafkas(folder, fsync=False)
    theirs = ingest(peers, "three", PARTITIONS, total, rounds + 1, REPLICATED)  # its first gigabyte is slow
    peers.discard()
    show(report, f"Kafka {kafka.VERSION}, RF 3, three brokers, without fsync, acks=all: ingest", theirs)
    report.ratio("RF 3: godwit with fsync / Kafka without", three["mb_per_s"], theirs["mb_per_s"], 2)
    report.ratio("RF 3: CPU s/GB, godwit with fsync / Kafka without", three["cpu_s_per_gb"], theirs["cpu_s_per_gb"], 0.25, False)


# What a broker says when it was taken for dead, or took itself for it.
LOST = ["broker.lease_lost", "broker.declared_dead", "broker.superseded", "coordination.session.ended", "cluster.broker.dead"]


def leases(report, folder, options):
    """Managed etcd shares the disk and the processors with ingest that never pauses."""
    total = options.mb * MB // 6
    with Cluster(folder.path, "managed-etcd") as cluster:
        load("create", cluster.address, "full", PARTITIONS, *REPLICATED)
        began, sent, rates = time.monotonic(), 0, []
        while time.monotonic() - began < options.lease_seconds:
            rates.append(load("produce", cluster.address, "full", PARTITIONS, total)["mb_per_s"])
            sent += total
        took = time.monotonic() - began
        lost = cluster.told(*LOST)
        elected = cluster.told("cluster.controller.elected") - 1
        late = cluster.told("coordination.unreachable")
    report.add(f"managed etcd, full ingest for {took:.0f} s ({sum(rates) / len(rates):.0f} MB/s): leases lost, brokers taken for dead",
               str(lost), "0", lost == 0)
    report.add("  further elections of a controller; etcd found unreachable", f"{elected}; {late}")


class Steady:
    """bench_load steady under way."""

    def __init__(self, address, topic, partitions, rate):
        self.process = start([BUILD / "bench" / "bench_load", "steady", address, topic, str(partitions), str(rate)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def times(self):
        """Of what was acknowledged since this was asked last."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], 60)[0]:
            raise RuntimeError("bench_load steady does not answer")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"bench_load steady ended with {self.process.wait(10)}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def growth(report, folder, options):
    """A fourth broker joins under load, and gets its share by itself."""
    partitions, limit = 48, 120
    with Cluster(folder.path) as cluster:
        cluster.create("grown", cluster.spread(partitions))
        load("produce", cluster.address, "grown", partitions, options.mb * MB // 3)
        publishing = Steady(cluster.address, "grown", partitions, options.grow_rate)
        time.sleep(3)
        publishing.times()
        time.sleep(options.seconds)
        before = publishing.times()
        began = time.monotonic()
        newcomer = cluster.add()
        newcomer.await_ready()

        def moved():
            """How many replicas the newcomer has, and whether all moves are over."""
            view = wire.metadata(cluster.brokers[0].address, ["grown"], 10).topics["grown"].values()
            over = all(len(replicas) == 3 and set(replicas) == set(in_sync) for _, replicas, in_sync in view)
            return sum(newcomer.number in replicas for _, replicas, _ in view), over

        share, settled = 0, None
        while time.monotonic() - began < limit:
            share, over = moved()
            if share == 0 or not over:
                settled = None
            elif settled is None:
                settled = time.monotonic()
            elif time.monotonic() - settled > 3:
                break
            time.sleep(0.2)
        during = publishing.times()
        publishing.end()
    took = (settled or time.monotonic()) - began
    report.add(f"a fourth broker joins at {options.grow_rate:,} msg/s: its replicas of {partitions * 3} ({partitions * 3 // 4} are 1/4), when",
               f"{share} after {took:.1f} s" if settled else f"{share}, not over after {limit} s", "moves end", settled is not None)
    report.add("  publishing: p99 before, during", f"{before['p99_us'] / 1000:.1f}, {during['p99_us'] / 1000:.1f} ms")
    report.ratio("  p99 during / before", during["p99_us"], before["p99_us"], 3, at_least=False)
