"""Brokers whose clocks do not agree on the time of day."""

import datetime
import json

from cluster import Cluster
from load import Load
from scenario import scenario
from harness import runtimes
from harness.journey import check

# Of brokers 1, 2 and 3, against the clients' clock. Not a full hour behind: message.timestamp.after.max.ms (an hour, as in
# Kafka) would refuse the records of clients that are on time.
OFFSETS_S = {1: -59 * 60, 2: 0, 3: 60 * 60}


def _preloaded():
    source = runtimes.REPOSITORY / "tests/cluster/wall_clock.c"

    def install(folder):
        runtimes._build(["clang-16", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o",
                         folder / "wall_clock.so", source])

    return runtimes._installed(runtimes.BUILD / "wall-clock", [source], install) / "wall_clock.so"


def with_offsets(world):
    """A cluster of brokers with OFFSETS_S."""
    library = _preloaded()
    cluster = Cluster(world, start=False)
    for member in cluster.members:
        member.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET_S": str(OFFSETS_S[member.number])}
    cluster.store.start()
    cluster.begin_all()
    return cluster


def _time_of(member):
    """The broker's own time of day, in seconds, when it was ready."""
    ready = next(json.loads(line) for line in member.diagnostics if '"broker.ready"' in line)
    return datetime.datetime.fromisoformat(ready["time"].replace("Z", "+00:00")).timestamp()


@scenario("clocks an hour apart: kill -9 of each leader under load, nothing is lost, and nobody takes another for dead")
def apart(world):
    cluster = with_offsets(world)
    now = datetime.datetime.now().timestamp()
    for member in cluster.members:
        check(abs(_time_of(member) - now - OFFSETS_S[member.number]) < 60, "the clock of a broker is not as it should be")
    cluster.create("load")
    # Where brokers stamp records, time goes backwards when another leads.
    cluster.create("stamped", **{"message.timestamp.type": "LogAppendTime"})
    loads = [Load(cluster), Load(cluster, "stamped", prefix="stamped")]
    for victim in cluster.members:
        led = [cluster.led_by(load.topic, victim) for load in loads]
        victim.kill()
        for load, partitions in zip(loads, led):
            load.goes_on(50, 10, partitions or None)
        victim.start()
        for load in loads:
            cluster.await_full_isr(load.topic)
            load.goes_on(50)
    for member in cluster.members:
        for event in ("broker.lease_lost", "broker.declared_dead"):
            check(not member.told(event), f"broker {member.number} was taken for dead\n{member.words()}")
    for load in loads:
        load.finish()
