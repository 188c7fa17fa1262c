"""3,000 partitions with three replicas on three brokers: what they cost at idle, and how long 1,000 leaders take to move."""

import json
import subprocess
import time

from cluster import Cluster
from processes import BUILD, _end_with_parent

EACH = 1000


def _accept(brokers, topic, *victim):
    command = [BUILD / "bench" / "bench_accept", ",".join(broker.address for broker in brokers), topic, str(EACH), *map(str, victim)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=_end_with_parent)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def many(report, folder, options):
    with Cluster(folder.path) as cluster:
        began = time.monotonic()
        for broker in cluster.brokers:
            others = [other.number for other in cluster.brokers if other is not broker]
            cluster.create(f"led-by-{broker.number}", [[broker.number, others[p % 2], others[1 - p % 2]] for p in range(EACH)])
        cluster.await_settled(120)
        report.add(f"{3 * EACH:,} partitions, RF 3: made and in sync", f"{time.monotonic() - began:.1f} s")
        for broker in cluster.brokers:
            _accept(cluster.brokers, f"led-by-{broker.number}")
        time.sleep(15)
        cpu, began = cluster.cpu_seconds(), time.monotonic()
        time.sleep(options.idle_seconds)
        idle = (cluster.cpu_seconds() - cpu) / (time.monotonic() - began) * 100
        report.add("  processor at idle, all three brokers", f"{idle:.2f} %", "<= 2 %", idle <= 2)
        report.add("  resident, a broker", f"{cluster.resident_mb() / 3:.0f} MB")
        for kind in ("not the controller", "the controller"):
            office = cluster.controller()
            victim = office if kind == "the controller" else next(b for b in cluster.brokers if b is not office)
            gaps = []
            for _ in range(options.kills_many):
                taken = _accept(cluster.others(victim), f"led-by-{victim.number}", victim.process.pid)
                gaps.append(taken["last_ms"])
                print(f"    kill -9 of the leader of {EACH:,}, {kind}: {taken}", flush=True)
                victim.process.wait(10)
                victim.begin()
                victim.await_ready()
                cluster.await_settled(120)
                if kind == "the controller":
                    victim = cluster.controller()
            report.add(f"  kill -9 of the leader of {EACH:,} ({kind}): until all take writes, longest of {len(gaps)}",
                       f"{max(gaps):.0f} ms", "<= 2000 ms", max(gaps) <= 2000)
