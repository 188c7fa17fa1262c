"""The same blow with the other coordination services: a leader dies under load."""

from cluster import Cluster
from crashes import kill_under_load
from load import Load
from scenario import scenario
from world import processes_of
from harness.deadline import wait_until
from harness.journey import check


def etcd_member(world, member):
    """The id of the etcd process that the broker manages."""
    def found():
        ids = processes_of(world.folder, f"/{member.directory.name}/etcd")
        return ids[0] if len(ids) == 1 else None

    return wait_until(found, 10, lambda: f"broker {member.number} has no etcd of its own: {processes_of(world.folder)}")


@scenario("managed etcd: kill -9 of a leader takes no etcd member with it, the next start adopts it; a stop ends all")
def managed(world):
    cluster = Cluster(world, "managed-etcd")
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    before = etcd_member(world, victim)
    kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
    check(etcd_member(world, victim) == before, "the etcd member did not outlive its broker's kill -9")
    check(victim.told("etcd.adopted"), f"nothing is told of an adoption\n{victim.words()}")
    load.finish()
    for member in cluster.members:
        member.process.signal(15)
    for member in cluster.members:
        code = member.process.wait(40)
        check(code == 0, f"broker {member.number} ended with {code}\n{member.words()}")
    check(not processes_of(world.folder), "a process is left behind")


@scenario("managed etcd: the broker and its etcd member die in the same blow")
def managed_both(world):
    import os
    cluster = Cluster(world, "managed-etcd")
    cluster.create("load")
    load = Load(cluster)
    for victim in cluster.members:
        etcd = etcd_member(world, victim)
        os.kill(etcd, 9)
        victim.kill()
        load.goes_on(50, 10)
        victim.start()
        cluster.await_full_isr("load")
        load.goes_on(50)
    load.finish()


@scenario("ZooKeeper: kill -9 of a leader under load")
def zookeeper(world):
    cluster = Cluster(world, "zookeeper")
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
    load.finish()


@scenario("ZooKeeper: kill -9 of all brokers at once")
def zookeeper_all(world):
    cluster = Cluster(world, "zookeeper")
    cluster.create("load")
    load = Load(cluster)
    for member in cluster.members:
        member.kill()
    cluster.begin_all()
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()
