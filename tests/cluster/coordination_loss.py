"""The coordination service dies, alone or with a broker, and comes back with or without what it knew."""

import os
import shutil
import signal
import time

from cluster import Cluster
from load import Load, publish
from scenario import scenario
from stores import ManagedEtcd, etcd_member
from harness.deadline import wait_until
from harness.journey import check

# Longer than the session timeout: every lease has run out by then.
OUTAGE_SECONDS = 6


def goes_on_for(load, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        load.goes_on(50, 10)


def alone(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    cluster.store.kill()
    goes_on_for(load, OUTAGE_SECONDS)
    leaders = [cluster.leader("load", partition) for partition in range(3)]
    cluster.store.start()
    wait_until(lambda: cluster.run("topic", "create", "afterwards", "--if-not-exists", seconds=5).returncode == 0, 20,
               lambda: f"no topic is created although the store is back\n{cluster.words()}")
    load.goes_on(50)
    cluster.await_full_isr("load")
    check(all(member.process.alive for member in cluster.members), "a broker ended")
    check(leaders == [cluster.leader("load", partition) for partition in range(3)], "leadership moved although all lived")
    load.finish()


@scenario("the coordination service is killed: publishing goes on while all brokers live, longer than any lease")
def alone_etcd(world):
    alone(world, "etcd")


@scenario("ZooKeeper is killed: publishing goes on while all brokers live, longer than any session")
def alone_zookeeper(world):
    alone(world, "zookeeper")


def take_away(world, cluster):
    """The coordination service is gone; gives what brings it back. Of managed etcd two members hang: one that died would be
    started again by its broker."""
    if not isinstance(cluster.store, ManagedEtcd):
        cluster.store.kill()
        return cluster.store.start
    members = [etcd_member(world, broker) for broker in cluster.members[:2]]

    def send(number):
        for member in members:
            os.kill(member, number)

    send(signal.SIGSTOP)
    return lambda: send(signal.SIGCONT)


def with_a_broker(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    bring_back = take_away(world, cluster)
    load.goes_on(50)
    victim.kill()
    check(not publish(cluster, "load", "too early", 0, seconds=5), "somebody leads without an election")
    bring_back()
    load.goes_on(50)
    check(cluster.leader("load", 0) is not victim, "a dead broker leads")
    victim.start()
    cluster.await_full_isr("load")
    load.finish()


@scenario("a broker dies while the coordination service is away: its partitions wait, and go on when the service is back")
def with_a_broker_etcd(world):
    with_a_broker(world, "etcd")


@scenario("a broker dies while ZooKeeper is away: its partitions wait, and go on when it is back")
def with_a_broker_zookeeper(world):
    with_a_broker(world, "zookeeper")


@scenario("a broker dies while managed etcd has no quorum: its partitions wait, and go on when the quorum is back")
def with_a_broker_managed(world):
    with_a_broker(world, "managed-etcd")


@scenario("managed etcd without a quorum: two members hang, publishing goes on; when they wake up topics can be made again")
def managed_without_quorum(world):
    cluster = Cluster(world, "managed-etcd")
    cluster.create("load")
    load = Load(cluster)
    bring_back = take_away(world, cluster)
    goes_on_for(load, OUTAGE_SECONDS)
    check(cluster.run("topic", "create", "too-early", seconds=3).returncode != 0, "a topic was made without a quorum")
    bring_back()
    wait_until(lambda: cluster.run("topic", "create", "afterwards", "--if-not-exists", seconds=5).returncode == 0, 30,
               lambda: f"no topic is created although the quorum is back\n{cluster.words()}")
    load.goes_on(50)
    cluster.await_full_isr("load")
    check(all(member.process.alive for member in cluster.members), "a broker ended")
    load.finish()


def empty(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    load.goes_on(100)
    marks = {member: len(member.diagnostics) for member in cluster.members}
    cluster.store.kill()
    shutil.copytree(cluster.store.folder, world.folder / "backup")
    cluster.store.wipe()
    cluster.store.start()

    def all_say_so():
        return all(any('"warning"' in line or '"error"' in line for line in list(member.diagnostics)[marks[member]:]
                       if "knows no cluster, but this broker belongs to cluster" in line) for member in cluster.members)

    wait_until(all_say_so, 25, lambda: f"not every broker says that the store forgot its cluster\n{cluster.words()}")
    cluster.store.kill()
    cluster.store.wipe()
    shutil.copytree(world.folder / "backup", cluster.store.folder)
    cluster.store.start()
    for member in cluster.members:
        if not member.process.alive:
            member.begin()
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()


@scenario("the coordination service comes back empty: brokers say so and delete nothing; with its data all is there")
def empty_etcd(world):
    empty(world, "etcd")


@scenario("ZooKeeper comes back empty: brokers say so and delete nothing; with its data all is there")
def empty_zookeeper(world):
    empty(world, "zookeeper")


@scenario("brokers that are started while the coordination service is away wait, say so, and serve when it comes")
def not_there_yet(world):
    cluster = Cluster(world, start=False)
    for member in cluster.members:
        member.begin()
    wait_until(lambda: all(m.told("coordination.waiting") or m.told("coordination.unreachable") for m in cluster.members),
               15, lambda: f"nobody says what is waited for\n{cluster.words()}")
    check(all(member.process.alive for member in cluster.members), "a broker ended instead of waiting")
    cluster.store.start()
    for member in cluster.members:
        member.await_ready()
    cluster.create("load")
    check(publish(cluster, "load", "hello"), "nothing can be published")
