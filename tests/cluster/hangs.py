"""A broker that stops without dying."""

from cluster import Cluster
from load import Load
from scenario import scenario
from stores import STORES
from harness.deadline import wait_until
from harness.journey import check


def leader(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    led = cluster.led_by("load", victim)
    others = [partition for partition in range(3) if partition not in led]
    victim.pause()
    # How soon is for bench/run to say (part hang).
    load.goes_on(1, 30, partitions=led)
    load.goes_on(20, partitions=others)
    victim.resume()
    load.goes_on(100)
    cluster.await_full_isr("load")
    load.finish()


def controller(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.controller()
    victim.pause()
    wait_until(lambda: cluster.controller() is not victim, 20, "nobody takes the office")
    # The one that hangs may be taken for dead already: two are there for certain.
    cluster.create("meanwhile", replicas=2)
    victim.resume()
    cluster.await_full_isr("meanwhile")
    cluster.await_full_isr("load")
    check(cluster.controller() is not victim, "the one that hung is in office again")
    load.goes_on(100)
    load.finish()


for _kind in STORES:
    @scenario(f"SIGSTOP of a leader with {_kind}: writes go on elsewhere, after SIGCONT nothing diverges")
    def _leader(world, kind=_kind):
        leader(world, kind)

    @scenario(f"SIGSTOP of the controller with {_kind}: another takes the office, and the one that wakes up gives way")
    def _controller(world, kind=_kind):
        controller(world, kind)
