"""Brokers that are stopped in order, one after the other."""

from cluster import Cluster
from load import Load
from scenario import scenario
from harness.journey import check


@scenario("a rolling restart of all brokers: no publish fails")
def roll(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    for member in cluster.members:
        code = member.stop()
        check(code == 0, f"broker {member.number} ended with {code}\n{member.words()}")
        load.goes_on(50)
        member.start()
        cluster.await_full_isr("load")
    load.goes_on(50)
    load.finish()


@scenario("a controlled stop of a leader hands over first: the gap is short")
def hand_over(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=1)
    load = Load(cluster)
    member = cluster.leader("load")
    check(member.stop() == 0, f"it did not end well\n{member.words()}")
    check(cluster.leader("load") is not member, "a broker that left leads")
    load.goes_on(50, 3.5)
    load.finish()
