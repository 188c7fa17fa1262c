#!/usr/bin/env python3
"""Measures godwit, the disk under it and, where it is there, Apache Kafka, in one run; prints each goal as a ratio.

Machines differ and are shared: only ratios within one run mean something. Nothing here fails because something is slow.

Parts, in their order (--only NAME,…; --without NAME,…):
  one                 one broker: idle, ingest, reading, latency, slow readers
  start               one broker: start after kill -9, memory of 10,000 partitions
  kafka               the same as `one` by Apache Kafka, and the ratios of both (brings `one` with it)
  failover            three brokers, one etcd: kill -9 of a leader, of the controller, of a broker that leads nothing
  failover-managed    managed etcd: kill -9 of a leader and of the etcd leader in the same blow
  failover-zookeeper  ZooKeeper: as failover
  hang                SIGSTOP of a leader
  latency             RF 3: end to end at 5,000 msg/s
  rf                  RF 3 against RF 1, and against three brokers of Apache Kafka
  many                3,000 partitions: idle, and kill -9 of the leader of 1,000
  groups              10,000 consumer groups: kill -9 of their manager, until the new ones answer
  grow                a fourth broker joins under load
  lease               managed etcd at full ingest: no lease is lost
"""

import argparse
import os
import platform
import shlex
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True

import cluster_failover  # noqa: E402
import cluster_groups  # noqa: E402
import cluster_load  # noqa: E402
import cluster_many  # noqa: E402
import kafka  # noqa: E402
from measures import ingest, show  # noqa: E402
from processes import Folder, Godwit, end_all, load, raw  # noqa: E402
from slow_readers import memory_of  # noqa: E402

MB = 1_000_000


class Report:
    def __init__(self):
        self.rows = []

    def add(self, what, value, goal="", met=None):
        mark = {True: "reached", False: "NOT reached", None: ""}[met]
        self.rows.append((what, value, goal, mark))
        print(f"  {what:<96} {value:>22}  {goal:<26} {mark}", flush=True)

    def ratio(self, what, a, b, goal, at_least=True):
        value = a / b if b else float("inf")
        met = value >= goal if at_least else value <= goal
        self.add(what, f"{value:.2f}", f"{'>=' if at_least else '<='} {goal}", met)

    def write(self, path, head):
        """`head`: lines in front of the table."""
        with open(path, "w") as out:
            out.write("".join(line + "\n" for line in head) + "\n")
            out.write("| what | measured | goal | |\n|---|---:|---|---|\n")
            for row in self.rows:
                out.write("| " + " | ".join(row) + " |\n")


def read(server, topic, partitions, total):
    cpu = server.cpu_seconds()
    measured = load("consume", server.address, topic, partitions, total)
    measured["cpu_s_per_gb"] = (server.cpu_seconds() - cpu) / (total / 1e9)
    return measured


def tail(server, topic, partitions, total, ingest_alone):
    """Producer and consumer at once. What reading costs is what the server takes more than for the same ingest alone."""
    cpu = server.cpu_seconds()
    measured = load("tail", server.address, topic, partitions, total)
    both = (server.cpu_seconds() - cpu) / (total / 1e9)
    measured["cpu_s_per_gb"] = max(both - ingest_alone["cpu_s_per_gb"], 0)
    return measured


def bench_reading(report, name, server, options):
    """Reading at the tail, and readers that hardly read, on a server that is there."""
    total = options.mb * MB
    alone = ingest(server, "tailed", 1, total, 2)
    measured = tail(server, "tailed", 1, total, alone)
    show(report, f"{name}: tail consume, while it is produced", measured)
    grown, alive = memory_of(server, "tailed", options.readers, options.seconds)
    report.add(f"{name}: memory of {options.readers:,} slow readers ({alive:,} still served)", f"{grown:.0f} MB")
    return measured


def bench_godwit(report, folder, options):
    total, many = options.mb * MB, options.mb * MB // 2
    result = {}
    block = raw("write", folder.path / "raw", 256 * 1024, options.mb * 1024 * 1024)
    append = raw("append", folder.path / "raw", 3000)
    report.add("raw: direct 256 KiB writes + fdatasync", f"{block['mb_per_s']:.0f} MB/s")
    report.add("raw: append 1 KiB + fdatasync, p50", f"{append['p50_us']:.0f} us")

    empty = Godwit(folder.new("empty"))
    time.sleep(2)
    cpu, began = empty.cpu_seconds(), time.monotonic()
    time.sleep(10)
    idle = (empty.cpu_seconds() - cpu) / (time.monotonic() - began) * 100
    report.add("empty broker: ready", f"{empty.ready_ms:.0f} ms", "<= 50 ms", empty.ready_ms <= 50)
    report.add("empty broker: resident", f"{empty.resident_mb():.1f} MB", "<= 20 MB", empty.resident_mb() <= 20)
    report.add("empty broker: processor at idle", f"{idle:.2f} %", "<= 0.5 %", idle <= 0.5)
    empty.discard()

    server = Godwit(folder.new("always"))
    result["one"] = ingest(server, "one", 1, total, options.rounds)
    show(report, "godwit, flush=always, 1 partition: ingest", result["one"])
    report.ratio("  divided by the raw loop", result["one"]["mb_per_s"], block["mb_per_s"], 0.6)
    result["read"] = read(server, "one", 1, total * options.rounds)
    show(report, "godwit: cold read from the beginning", result["read"])
    result["many"] = ingest(server, "many", 1000, many, options.rounds)
    show(report, "godwit, flush=always, 1,000 partitions: ingest", result["many"])
    report.ratio("  divided by one partition", result["many"]["mb_per_s"], result["one"]["mb_per_s"], 0.6)
    load("create", server.address, "single", 1)
    result["single"] = load("single", server.address, "single", options.seconds)
    report.add("godwit, flush=always, one record in flight: p50", f"{result['single']['p50_us']:.0f} us")
    report.ratio("  divided by the raw append", result["single"]["p50_us"], append["p50_us"], 2, at_least=False)
    load("create", server.address, "paced", 1)
    paced = load("paced", server.address, "paced", options.seconds, 5000)
    report.add("godwit, flush=always, 5,000 msg/s one by one: mean end to end", f"{paced['mean_us']:.0f} us", "<= 1000 us",
               paced["mean_us"] <= 1000)
    report.add("  p99, p99.9", f"{paced['p99_us']:.0f}, {paced['p999_us']:.0f} us")
    result["tail"] = bench_reading(report, "godwit", server, options)
    server.discard()

    relaxed = Godwit(folder.new("interval"))
    result["interval"] = ingest(relaxed, "one", 1, total, options.rounds, ["flush=interval"])
    show(report, "godwit, flush=interval, 1 partition: ingest", result["interval"])
    show(report, "godwit, flush=interval: cold read from the beginning", read(relaxed, "one", 1, total * options.rounds))
    alone = ingest(relaxed, "tailed", 1, total, 2, ["flush=interval"])
    show(report, "godwit, flush=interval: tail consume, while it is produced", tail(relaxed, "tailed", 1, total, alone))
    load("create", relaxed.address, "single", 1, "flush=interval")
    result["interval_single"] = load("single", relaxed.address, "single", options.seconds)
    report.add("godwit, flush=interval, one record in flight: p50", f"{result['interval_single']['p50_us']:.0f} us")
    relaxed.discard()
    return result


def bench_start(report, folder, options):
    server = Godwit(folder.new("start"))
    total = options.start_gb * 1000 * MB
    load("create", server.address, "big", 1000)
    load("produce", server.address, "big", 1000, total, timeout=1200)
    server.kill()
    again = Godwit(server.directory)
    report.add(f"ready after kill -9 with {options.start_gb} GB in 1,000 partitions", f"{again.ready_ms:.0f} ms", "<= 1000 ms",
               again.ready_ms <= 1000)
    again.discard()

    server = Godwit(folder.new("idle"))
    before = server.resident_mb()
    for i in range(10):
        load("create", server.address, f"idle{i}", 1000)
        load("produce", server.address, f"idle{i}", 1000, 8 * MB)
    time.sleep(15)
    per_partition = (server.resident_mb() - before) * 1000 / 10_000
    report.add("memory of a partition at 10,000, idle after traffic", f"{per_partition:.1f} KB", "<= 30 KB", per_partition <= 30)
    server.discard()


def bench_kafka(report, folder, options, ours):
    reason = "left out (--no-kafka)" if options.no_kafka else kafka.missing()
    if reason:
        report.add("Apache Kafka", "skipped: " + reason)
        return
    total, many = options.mb * MB, options.mb * MB // 2
    rounds = options.rounds + 1  # its first gigabyte is slow
    plain = kafka.Kafka(folder.new("kafka"), fsync=False)
    one = ingest(plain, "one", 1, total, rounds)
    show(report, f"Kafka {kafka.VERSION} without fsync, 1 partition: ingest", one)
    read(plain, "one", 1, total)
    cold = read(plain, "one", 1, total)
    show(report, "Kafka: read from the beginning", cold)
    load("create", plain.address, "single", 1)
    single_plain = load("single", plain.address, "single", options.seconds)
    report.add("Kafka without fsync, one record in flight: p50", f"{single_plain['p50_us']:.0f} us")
    tailed = bench_reading(report, "Kafka", plain, options)
    plain.discard()
    synced = kafka.Kafka(folder.new("kafka-fsync"), fsync=True)
    one_synced = ingest(synced, "one", 1, total, rounds)
    show(report, "Kafka with fsync, 1 partition: ingest", one_synced)
    many_synced = ingest(synced, "many", 1000, max(many // 20, 20 * MB), 2)
    show(report, "Kafka with fsync, 1,000 partitions: ingest", many_synced)
    load("create", synced.address, "single", 1)
    single_synced = load("single", synced.address, "single", options.seconds)
    report.add("Kafka with fsync, one record in flight: p50", f"{single_synced['p50_us']:.0f} us")
    synced.discard()

    report.ratio("ingest: godwit with fsync / Kafka without", ours["one"]["mb_per_s"], one["mb_per_s"], 2.5)
    report.ratio("ingest, fsync on both sides, 1 partition", ours["one"]["mb_per_s"], one_synced["mb_per_s"], 3)
    report.ratio("ingest, fsync on both sides, 1,000 partitions", ours["many"]["mb_per_s"], many_synced["mb_per_s"], 20)
    report.ratio("ingest: CPU s/GB, godwit with fsync / Kafka without", ours["one"]["cpu_s_per_gb"], one["cpu_s_per_gb"], 0.25, False)
    report.ratio("reading: CPU s/GB, godwit / Kafka", ours["read"]["cpu_s_per_gb"], cold["cpu_s_per_gb"], 0.5, False)
    report.ratio("tail reading: CPU s/GB, godwit / Kafka", ours["tail"]["cpu_s_per_gb"], tailed["cpu_s_per_gb"], 0.5, False)
    report.ratio("one in flight, fsync on both sides: p50", ours["single"]["p50_us"], single_synced["p50_us"], 0.5, False)
    report.ratio("one in flight: flush=interval / Kafka without fsync", ours["interval_single"]["p50_us"], single_plain["p50_us"], 1, False)


def alone(report, folder, options):
    options.ours = bench_godwit(report, folder, options)


def start_again(report, folder, options):
    if options.start_gb:
        bench_start(report, folder, options)


def against_kafka(report, folder, options):
    if hasattr(options, "ours"):
        bench_kafka(report, folder, options, options.ours)
    else:
        report.add("Apache Kafka", "skipped: part one gave nothing to compare with")


# In the order of the report. What a part needs of the machine beside godwit: where it is not there, the part says so.
PARTS = {
    "one": (alone, []),
    "start": (start_again, []),
    "kafka": (against_kafka, []),
    "latency": (cluster_load.paced, ["etcd"]),
    "rf": (cluster_load.throughput, ["etcd"]),
    "lease": (cluster_load.leases, ["etcd"]),
    "many": (cluster_many.many, ["etcd"]),
    "groups": (cluster_groups.groups, ["etcd"]),
    "grow": (cluster_load.growth, ["etcd"]),
    "failover": (cluster_failover.failover, ["etcd"]),
    "failover-managed": (cluster_failover.failover_managed, ["etcd"]),
    "hang": (cluster_failover.hang, ["etcd"]),
    "failover-zookeeper": (cluster_failover.failover_zookeeper, ["java"]),
}


def chosen(options, parser):
    names = options.only.split(",") if options.only else list(PARTS)
    left_out = options.without.split(",") if options.without else []
    for name in [*names, *left_out]:
        if name not in PARTS:
            parser.error(f"there is no part {name}: {', '.join(PARTS)}")
    if "kafka" in names and "one" not in names:
        names.append("one")
    return [name for name in PARTS if name in names and name not in left_out]


def perform(report, folder, options, name):
    """One part. What goes wrong in it is told and does not take the others with it."""
    part, programs = PARTS[name]
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        report.add(name, f"skipped: {absent[0]} is not installed")
        return
    began = time.monotonic()
    try:
        part(report, folder, options)
    except Exception as error:  # a part may fail in any way: it is told
        end_all()
        report.add(f"{name}: FAILED", (str(error) or type(error).__name__).splitlines()[0][:200], "", False)
    print(f"  ({name} took {time.monotonic() - began:.0f} s)", flush=True)


def machine(directory):
    """What the figures were measured on, in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = platform.machine()
    try:
        with open("/proc/cpuinfo") as told:
            models = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
        processor += f" ({models[0]})" if models else ""
    except OSError:
        pass
    return (f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {file_system(directory)}, Linux {platform.release()}, "
            f"load {os.getloadavg()[0]:.1f}")


def file_system(directory):
    """The kind of file system on which the brokers' folders lie."""
    path, found = os.path.realpath(directory), ("", "an unknown file system")
    try:
        with open("/proc/self/mounts") as mounts:
            for line in mounts:
                _, place, kind, *_ = line.split()
                inside = path == place or path.startswith(place.rstrip("/") + "/")
                if inside and len(place) >= len(found[0]):
                    found = (place, kind)
    except OSError:
        pass
    return found[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PART,...", help="these parts")
    parser.add_argument("--without", metavar="PART,...", help="all but these")
    parser.add_argument("--mb", type=int, default=3000, help="megabytes of a round (four turns of the journal need 2,048)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of ingest; the first only warms up")
    parser.add_argument("--seconds", type=float, default=10, help="seconds of a latency measurement")
    parser.add_argument("--readers", type=int, default=200, help="slow readers")
    parser.add_argument("--start-gb", type=int, default=10, help="gigabytes for the measurement of the start; 0: leave it out")
    parser.add_argument("--no-kafka", action="store_true", help="leave Apache Kafka out")
    parser.add_argument("--kills", type=int, default=50, help="kill -9 of each kind, with etcd")
    parser.add_argument("--kills-managed", type=int, default=20, help="the same with managed etcd")
    parser.add_argument("--kills-zookeeper", type=int, default=10, help="the same with ZooKeeper")
    parser.add_argument("--kills-many", type=int, default=3, help="kill -9 of a broker that leads 1,000 partitions")
    parser.add_argument("--kills-groups", type=int, default=3, help="kill -9 of a broker that manages 10,000 groups")
    parser.add_argument("--stops", type=int, default=10, help="SIGSTOP")
    parser.add_argument("--part-seconds", type=float, default=900, help="the longest that kills of one kind may take together")
    parser.add_argument("--idle-seconds", type=float, default=20, help="how long 3,000 idle partitions are watched")
    parser.add_argument("--lease-seconds", type=float, default=40, help="how long leases are to hold at full ingest")
    parser.add_argument("--grow-rate", type=int, default=2000, help="messages a second while a fourth broker joins")
    parser.add_argument("--dir", default=".", help="where on disk to work")
    parser.add_argument("--output", help="also write the machine and the table to this file, in Markdown")
    options = parser.parse_args()
    parts = chosen(options, parser)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    report = Report()
    folder = Folder(options.dir)
    where = machine(options.dir)
    print(where, flush=True)
    try:
        for name in parts:
            perform(report, folder, options, name)
    finally:
        if options.output:
            day = time.strftime("%Y-%m-%d")
            report.write(options.output, [f"{day}: {where}.", f"`bench/run {shlex.join(sys.argv[1:])}`"])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
