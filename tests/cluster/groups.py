"""A consumer group while its group manager dies."""

from cluster import Cluster
from frames import find_manager
from load import Load, client
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import Journey, check

_SOON = 60


def manager(cluster, group):
    """The broker that manages the group."""
    def known():
        for member in cluster.members:
            number = find_manager(member.address, group) if member.serving else None
            if number is not None:
                return cluster.member(number)
        return None

    return wait_until(known, 20, lambda: f"nobody manages {group}\n{cluster.words()}")


def survives(cluster, name):
    cluster.create("load")
    load = Load(cluster)
    members = [client(name).start("group", label, brokers=cluster.brokers, topic="load", group="readers", member=label)
               for label in ("a", "b")]

    def seen():
        return {record["value"] for member in members for record in member.of("record")}

    def all_seen():
        wanted = {ack["value"] for ack in load.acked}
        members[0].wait_for(lambda: wanted <= seen(), _SOON, f"the group saw {len(wanted)} records; it saw {len(seen())}")

    members[0].wait_for(lambda: all(member.of("record") for member in members), _SOON, "both read")
    for _ in range(2):
        victim = manager(cluster, "readers")
        victim.kill()
        load.goes_on(100)
        all_seen()
        victim.start()
        cluster.await_full_isr("__consumer_offsets")
        cluster.await_full_isr("load")
    load.finish()
    all_seen()
    journey = Journey(None, None)
    journey.members = dict(zip("ab", members))
    journey._check_order_seen()
    for member in members:
        member.stop()
    late = Load(cluster, prefix="late")
    late.finish()
    last = client(name).start("group", "c", brokers=cluster.brokers, topic="load", group="readers", member="c")
    wanted = {ack["value"] for ack in late.acked}
    last.wait_for(lambda: wanted <= {record["value"] for record in last.of("record")}, _SOON, "what came last was read")
    last.stop()
    again = [record for record in last.of("record") if not record["value"].startswith("late")]
    spans = {p: (min(offsets), max(offsets)) for p in range(3)
             if (offsets := [record["offset"] for record in again if record["partition"] == p])}
    told = {name: [event for event in member.events if event["event"] in ("assigned", "committed")][-6:]
            for name, member in journey.members.items()}
    check(not again, f"{len(again)} records that the group had committed came again: {spans}; members told {told}")


@scenario("a consumer group goes on over the kill of its group manager, and no commit is lost")
def group(world):
    survives(Cluster(world), "librdkafka")


for _name in ["java", "kafkajs", "franz-go", "kafka-python", "confluent-kafka", "aiokafka"]:
    @scenario(f"a consumer group of {_name} goes on over the kill of its group manager, and no commit is lost")
    def _group_of(world, name=_name):
        client(name)  # where it cannot be had, that is said before anything is started
        survives(Cluster(world), name)
