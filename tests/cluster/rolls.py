"""Brokers that are stopped in order, one after the other."""

from cluster import ISR_SECONDS, Cluster
from crashes import GAP_SECONDS, LONG_SESSION
from load import Load
from operations import await_event
from scenario import scenario
from stores import STORES
from harness.deadline import wait_until
from harness.journey import check


def roll_one_by_one(cluster, load, before_start=lambda member: None, also=None, by_check=False):
    """Each broker stops in order, `before_start` is asked, and it starts again; the next follows when all is in sync, that of the
    topic `also` as well. `by_check`: as docs/operations.md has it, when `godwit cluster status --check` says so on its machine."""
    for member in cluster.members:
        code = member.stop()
        check(code == 0, f"broker {member.number} ended with {code}\n{member.words()}")
        load.goes_on(50)
        before_start(member)
        member.start()
        if by_check:
            await_check(cluster, member)
            continue
        for topic in filter(None, (load.topic, also)):
            cluster.await_full_isr(topic)
    load.goes_on(50)


def await_check(cluster, member):
    def passes():
        return cluster.run("cluster", "status", "--check", seconds=5, brokers=member.address).returncode == 0

    wait_until(passes, ISR_SECONDS, lambda: f"the check does not pass\n{cluster.run('cluster', 'status').stdout}{cluster.words()}")


for _kind in STORES:
    @scenario(f"a rolling restart of all brokers with {_kind}: no publish fails")
    def _roll(world, kind=_kind):
        cluster = Cluster(world, kind)
        cluster.create("load")
        load = Load(cluster)
        # Where etcd members go down with their brokers the check has the most to wait for.
        roll_one_by_one(cluster, load, by_check=kind == "managed-etcd")
        cluster.await_full_isr("load")
        load.finish()


@scenario("a controlled stop of a leader hands over first: the gap is short")
def hand_over(world):
    cluster = Cluster(world, **LONG_SESSION)
    cluster.create("load", partitions=1)
    load = Load(cluster)
    member = cluster.leader("load")
    check(member.stop() == 0, f"it did not end well\n{member.words()}")
    check(cluster.leader("load") is not member, "a broker that left leads")
    load.goes_on(50, GAP_SECONDS)
    # That its connections are refused afterwards is another way to the same end, and not the one that is meant here.
    leaving = await_event(cluster, "broker.leaving", f"broker {member.number}")
    moved = await_event(cluster, "leaders.moved", f"broker {member.number}", "is about to stop", "load-0")
    stopped, = member.told("broker.stopped")
    order = [leaving["time"], moved["time"], stopped["time"]]
    check(order == sorted(order), f"it was gone before others led: {order}")
    load.finish()


@scenario("all brokers are stopped one after the other under load: also the last, whose clients wait for replicas, ends in time")
def stop_all(world):
    cluster = Cluster(world, shutdown__timeout__ms=3000)
    cluster.create("load")
    load = Load(cluster)
    for member in cluster.members:
        # librdkafka waits 30 s for its acknowledgements; a stop does not.
        code = member.stop(15)
        check(code == 0, f"broker {member.number} ended with {code}\n{member.words()}")
    cluster.begin_all()
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()
