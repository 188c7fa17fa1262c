"""A broker that lost its disk."""

import os
import shutil
import signal

from cluster import Cluster
from load import Load, publish
from scenario import scenario
from stores import etcd_member
from harness.deadline import wait_until
from harness.journey import check


def empty(member):
    shutil.rmtree(member.directory)


def rebuilt(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 1)
    if kind == "managed-etcd":
        # Its etcd member's data is on the same disk.
        os.kill(etcd_member(world, victim), signal.SIGKILL)
    victim.kill()
    empty(victim)
    load.goes_on(100)
    mark = len(victim.diagnostics)
    victim.start()
    cluster.await_full_isr("load")
    load.goes_on(50)
    if kind == "managed-etcd":
        # A broker serves as soon as the others' members answer; its own takes its place among them meanwhile.
        wait_until(lambda: victim.told("etcd.answers", mark), 40, lambda: f"its member is not rebuilt\n{victim.words()}")
    # What was rebuilt carries the topic alone for a moment: the other two go.
    others = [member for member in cluster.members if member is not victim]
    for member in others:
        check(member.stop() == 0, "a broker did not stop in order")
    for member in others:
        member.begin()
    for member in others:
        member.await_ready()
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()


@scenario("a broker comes back with an empty disk: it is rebuilt under its id")
def rebuilt_with_etcd(world):
    rebuilt(world, "etcd")


@scenario("a broker comes back with an empty disk, ZooKeeper: it is rebuilt under its id")
def rebuilt_with_zookeeper(world):
    rebuilt(world, "zookeeper")


@scenario("a broker comes back with an empty disk, managed etcd: it and its etcd member are rebuilt")
def rebuilt_with_managed(world):
    rebuilt(world, "managed-etcd")


@scenario("a broker with an empty disk never votes for its emptiness: without the others there is no leader")
def never_votes(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=1)
    load = Load(cluster)
    load.goes_on(100)
    victim = cluster.leader("load")
    others = [member for member in cluster.members if member is not victim]
    for member in cluster.members:
        member.kill()
    empty(victim)
    victim.start()
    check(not publish(cluster, "load", "into the void", 0, seconds=6), "a broker without a disk took a record")
    check(cluster.describe("load")[0]["leader"] != victim.number, "a broker without a disk leads")
    for member in others:
        member.begin()
    for member in others:
        member.await_ready()
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()


@scenario("the only replica comes back with an empty disk: the partition waits for an operator")
def only_replica(world):
    cluster = Cluster(world)
    cluster.create("single", partitions=1, replicas=1)
    check(publish(cluster, "single", "precious"), "nothing was published")
    victim = cluster.leader("single")
    victim.kill()
    empty(victim)
    victim.start()
    wait_until(lambda: cluster.describe("single"), 10, "nobody describes it")
    check(not publish(cluster, "single", "into the void", 0, seconds=4), "an emptied partition took a record")
    check(cluster.describe("single")[0]["leader"] == -1, f"somebody leads: {cluster.describe('single')}")
