"""Consumer groups while their group manager dies or hangs, and while brokers are rolled."""

from cluster import Cluster
from frames import find_manager
from load import Load, available, client
from rolls import roll_one_by_one
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import Journey, Wrong, check

_SOON = 60
# The shortest that brokers take unasked: so long librdkafka waits for the answer to a heartbeat.
_SESSION_MS = 6000
# After which clients leave a broker that does not answer.
_HANG_MS = 4000


def manager(cluster, group):
    """The broker that manages the group."""
    def known():
        for member in cluster.members:
            number = find_manager(member.address, group) if member.serving else None
            if number is not None:
                return cluster.member(number)
        return None

    return wait_until(known, 20, lambda: f"nobody manages {group}\n{cluster.words()}")


class Readers:
    """Two members of a group, of one client, who read what a load publishes."""

    def __init__(self, cluster, load, name, group="readers"):
        self.cluster, self.load, self.name, self.group = cluster, load, name, group
        self.members = {label: self._join(label) for label in ("a", "b")}
        self._seen, self._looked_at = set(), dict.fromkeys(self.members, 0)

    def _join(self, label):
        return client(self.name).start("group", label, brokers=self.cluster.brokers, topic=self.load.topic, group=self.group,
                                       member=label, session_ms=_SESSION_MS,
                                       hang_ms=_HANG_MS)

    def await_reading(self):
        self._wait(lambda: all(member.last("record") for member in self.members.values()), "both read")

    def await_seen(self):
        """All that was acknowledged by now."""
        missing = {ack["value"] for ack in self.load.acked}
        count = len(missing)

        def all_seen():
            self._look()
            missing.difference_update(self._seen)
            return not missing

        self._wait(all_seen, lambda: f"the group saw {count} records; it lacks {len(missing)} of them")

    def _look(self):
        """At what came since the last look."""
        for label, member in self.members.items():
            new = member.events[self._looked_at[label]:]
            self._looked_at[label] += len(new)
            self._seen.update(event["value"] for event in new if event["event"] == "record")

    def _wait(self, condition, what):
        self.members["a"].wait_for(condition, _SOON, what)

    def leave(self):
        """Once all was read. Each had its records in order."""
        self.await_seen()
        journey = Journey(None, None)
        journey.members = self.members
        try:
            journey._check_order_seen()
        except Wrong as wrong:
            raise Wrong(f"{self.name}: {wrong}\n{self.told()}") from wrong
        for member in self.members.values():
            member.stop()

    def read_again(self, late):
        """Who comes after all have left finds what the load `late` published since; gives what he was given besides."""
        last = self._join("c")
        wanted = {ack["value"] for ack in late.acked}
        last.wait_for(lambda: wanted <= {record["value"] for record in last.of("record")}, _SOON, "what came last was read")
        last.stop()
        return [record for record in last.of("record") if record["value"] not in wanted]

    def committed(self):
        """{partition: the offset up to which a member was told that it is committed}"""
        told = {}
        for member in self.members.values():
            for event in member.of("committed"):
                told[event["partition"]] = max(told.get(event["partition"], 0), event["offset"])
        return told

    def await_committed_beyond(self, offsets):
        """More than `offsets`, of committed(), in each partition."""
        self._wait(lambda: all(self.committed().get(partition, 0) > offsets.get(partition, 0)
                               for partition in range(self.load.partitions)),
                   lambda: f"more than {offsets} is committed\n{self.told()}")

    def told(self):
        return "\n".join(f"{label} was told {[e for e in member.events if e['event'] in ('assigned', 'committed')][-6:]}"
                         for label, member in self.members.items())


def conclude(load, groups, all_is_committed=False):
    """The load ends; each group has read all of it, and what it was told to be committed is so. `all_is_committed`: nothing at all
    comes again. Without it a commit may have failed, and its member have left in the middle of a rebalance."""
    load.finish()
    for readers in groups:
        readers.leave()
    late = Load(load.cluster, prefix="late")
    late.finish()
    for readers in groups:
        again, committed = readers.read_again(late), readers.committed()
        if not all_is_committed:
            check(len(committed) == load.partitions, f"{readers.name} was told of commits in {sorted(committed)} alone")
            again = [record for record in again if record["offset"] < committed[record["partition"]]]
        places = [(record["partition"], record["offset"]) for record in again]
        check(not again, f"{readers.name}: {len(again)} records that the group had committed came again: {places[:5]}\n"
                         f"{readers.told()}")


def survives_kills(world, name):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    readers = Readers(cluster, load, name)
    readers.await_reading()
    for _ in range(2):
        victim = manager(cluster, readers.group)
        victim.kill()
        load.goes_on(100)
        readers.await_seen()
        victim.start()
        cluster.await_full_isr("__consumer_offsets")
        cluster.await_full_isr("load")
    conclude(load, [readers], all_is_committed=True)


@scenario("a consumer group goes on over the kill of its group manager, and no commit is lost")
def kills(world):
    survives_kills(world, "librdkafka")


for _name in ["java", "kafkajs", "franz-go", "kafka-python", "confluent-kafka", "aiokafka"]:
    @scenario(f"a consumer group of {_name} goes on over the kill of its group manager, and no commit is lost")
    def _kills_of(world, name=_name):
        client(name)  # where it cannot be had, that is said before anything is started
        survives_kills(world, name)


# Enough that something is always under way, and little for so many who read it.
_PACE_MS = 20


@scenario("consumer groups of librdkafka and of confluent-kafka read while all brokers are rolled, and no commit is lost")
def roll(world):
    names = available(["librdkafka", "confluent-kafka"])
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster, pace_ms=_PACE_MS)
    groups = [Readers(cluster, load, name, name) for name in names]
    for readers in groups:
        readers.await_reading()

    def all_have_read(_):
        for readers in groups:
            readers.await_seen()

    roll_one_by_one(cluster, load, all_have_read, also="__consumer_offsets")
    conclude(load, groups)


@scenario("a consumer group reads while its group manager hangs, which wakes up, and no commit is lost")
def hang(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster, pace_ms=_PACE_MS, hang_ms=_HANG_MS)
    readers = Readers(cluster, load, "librdkafka")
    readers.await_reading()
    victim = manager(cluster, readers.group)
    victim.pause()
    wait_until(lambda: manager(cluster, readers.group) is not victim, 20, "nobody takes the group over")
    # All that the old one answered was heard by now: what is committed from here on, the new one took.
    before = readers.committed()
    load.goes_on(20, 30)
    readers.await_seen()
    readers.await_committed_beyond(before)
    victim.resume()
    for topic in ("load", "__consumer_offsets"):
        cluster.await_full_isr(topic)
    conclude(load, [readers])
