"""A broker that stops without dying."""

from cluster import Cluster
from load import Load
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import check


def session_timeout(cluster):
    """Seconds that were negotiated: the longest that a broker was told, else what was asked for."""
    told = [int(event["fields"]["granted_ms"]) for member in cluster.members
            for event in member.told("coordination.session_timeout") if "granted_ms" in event["fields"]]
    return max([3000, *told]) / 1000


@scenario("SIGSTOP of a leader: writes go on elsewhere within the session timeout, after SIGCONT nothing diverges")
def leader(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    led = cluster.led_by("load", victim)
    others = [partition for partition in range(3) if partition not in led]
    bound = session_timeout(cluster) + 1
    victim.pause()
    took = load.goes_on(1, 30, partitions=led)
    # The producer gives the hanging broker up a second or two after the election: it looks once a second.
    check(took <= bound + 3, f"writes went on after {took:.1f} s, not within {bound:.1f} and the producer's patience")
    load.goes_on(20, partitions=others)
    victim.resume()
    load.goes_on(100)
    cluster.await_full_isr("load")
    load.finish()


@scenario("SIGSTOP of the controller: another takes the office, and the one that wakes up gives way", long=True)
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
