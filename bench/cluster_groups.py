"""10,000 consumer groups on one of three brokers: how long they are without a manager that answers when it dies."""

import json
import subprocess

from cluster import Cluster
from processes import BUILD, _end_with_parent

GROUPS = 10_000
PARTITIONS = 10


def groups(report, folder, options):
    with Cluster(folder.path) as cluster:
        cluster.create("read", cluster.spread(PARTITIONS))
        cluster.await_settled()
        taken = []
        for n in range(options.kills_groups):
            victim = cluster.brokers[n % len(cluster.brokers)]
            command = [BUILD / "bench" / "bench_groups", cluster.address, "read", PARTITIONS, GROUPS, victim.address, victim.process.pid]
            done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, preexec_fn=_end_with_parent)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip())
            taken.append(json.loads(done.stdout))
            print(f"    kill -9 of the manager of {GROUPS:,} groups: {taken[-1]}", flush=True)
            victim.process.wait(10)
            victim.begin()
            victim.await_ready()
            if "__consumer_offsets" not in cluster.topics:
                cluster.topics.append("__consumer_offsets")
            cluster.await_settled(120)
        longest = max(taken, key=lambda one: one["last_ms"])
        report.add(f"{GROUPS:,} groups, {GROUPS * PARTITIONS:,} offsets: kill -9 of their manager, until all are answered, longest of {len(taken)}",
                   f"{longest['last_ms']:.0f} ms", "<= 1000 ms", longest["last_ms"] <= 1000)
        report.add("  half of the groups, in the same run", f"{longest['p50_ms']:.0f} ms")
