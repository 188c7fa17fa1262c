"""kill -9 under load."""

from cluster import Cluster
from load import Load, until_published
from scenario import scenario
from stores import STORES
from harness.journey import check

# Writes go on within a second (docs/guarantees.md). The bound here is for a debug build on two cores that others use:
# what is measured to the millisecond is measured in bench/.
GAP_SECONDS = 3.5
# A crash is noticed by connections that are refused. Nobody's session ends within the bound above (ZooKeeper as stores.py sets it
# up grants 10 s of these), so where that way is broken, writes go on too late.
LONG_SESSION = {"session__timeout__ms": 15000}


def kill_under_load(cluster, load, victim, led):
    """Kills it, sees writes go on in what it led, starts it again, and waits until everything is in sync."""
    victim.kill()
    gap = load.goes_on(20, GAP_SECONDS, led or None)
    if led:
        check(victim not in {cluster.leader(load.topic, partition) for partition in led}, "a dead broker leads")
    load.goes_on(100)
    victim.start()
    cluster.await_full_isr(load.topic)
    load.goes_on(100)
    return gap


def leader(world, kind, count):
    cluster = Cluster(world, kind, **LONG_SESSION)
    cluster.create("load")
    load = Load(cluster)
    for partition in range(count):
        victim = cluster.leader("load", partition)
        kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
    load.finish()


@scenario("kill -9 of a leader under load: writes go on at once, nothing acknowledged is lost")
def leader_with_etcd(world):
    leader(world, "etcd", 3)


@scenario("ZooKeeper: kill -9 of a leader under load")
def leader_with_zookeeper(world):
    leader(world, "zookeeper", 1)


def controller(world, kind, count):
    cluster = Cluster(world, kind, **LONG_SESSION)
    cluster.create("load")
    load = Load(cluster)
    for _ in range(count):
        victim = cluster.controller()
        kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
        check(cluster.controller() is not victim, "the office is with a broker that died and was started again")
    load.finish()


def bystander(world, kind):
    cluster = Cluster(world, kind, **LONG_SESSION)
    cluster.create("load", partitions=1)
    load = Load(cluster)
    leader, controller = cluster.leader("load"), cluster.controller()
    victim = next(member for member in cluster.members if member not in (leader, controller))
    kill_under_load(cluster, load, victim, [])
    check(cluster.leader("load") is leader, "leadership moved although its holder lived")
    load.finish()


def everything(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    load.goes_on(300)
    for member in cluster.members:
        member.kill()
    cluster.begin_all()
    load.goes_on(100)
    cluster.await_full_isr("load")
    load.finish()


for _kind in STORES:
    @scenario(f"kill -9 of the controller under load, {_kind}: another takes the office, writes go on")
    def _controller(world, kind=_kind):
        controller(world, kind, 2 if kind == "etcd" else 1)

    @scenario(f"kill -9 of a broker that leads nothing under load, {_kind}: the others do not stop")
    def _bystander(world, kind=_kind):
        bystander(world, kind)

    @scenario(f"kill -9 of all brokers at once, {_kind}, and a start of all: everything acknowledged is there")
    def _everything(world, kind=_kind):
        everything(world, kind)


@scenario("kill -9 of all brokers three times, each time in the middle of starting")
def everything_again(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    for round_ in range(3):
        for member in cluster.members:
            member.kill()
        for member in cluster.members:
            member.begin()
        cluster.members[round_].await_ready()
        for member in cluster.members:
            member.kill()
        cluster.begin_all()
        load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()


@scenario("a broker that is killed and back before any lease ran out leads again only under a new epoch")
def quick_return(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=1)
    load = Load(cluster)
    victim = cluster.leader("load")
    before = cluster.describe("load")[0]["leaderEpoch"]
    victim.kill()
    victim.start()
    until_published(cluster, "load", 0, 10)
    load.goes_on(100)
    after = cluster.describe("load")[0]["leaderEpoch"]
    check(after > before, f"the epoch was {before} and is {after}")
    cluster.await_full_isr("load")
    load.finish()
