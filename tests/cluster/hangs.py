"""A broker that stops without dying."""

from cluster import Cluster
from load import Load
from scenario import scenario
from harness.deadline import wait_until


@scenario("SIGSTOP of a leader: writes go on elsewhere, after SIGCONT nothing diverges")
def leader(world):
    cluster = Cluster(world)
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


@scenario("SIGSTOP of the controller: another takes the office, and the one that wakes up gives way")
def controller(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.controller()
    victim.pause()
    wait_until(lambda: cluster.controller() is not victim, 20, "nobody takes the office")
    cluster.create("meanwhile")
    victim.resume()
    cluster.await_full_isr("meanwhile")
    cluster.await_full_isr("load")
    load.goes_on(100)
    load.finish()
