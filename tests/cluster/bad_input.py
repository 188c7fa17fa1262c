"""What an operator or a stranger does wrong: each gets a clear error, and nothing is lost."""

import urllib.error
import urllib.request

from cluster import Cluster
from frames import create_topic, fetch_as_replica
from load import publish, read_all
from scenario import scenario
from stores import Etcd
from world import changed_files, files_of, free_ports
from harness.deadline import wait_until
from harness.journey import check


def ended(member, *words, seconds=20):
    """It ends by itself, not with 0, and says each of `words`."""
    code = member.process.wait(seconds)
    said = "\n".join(member.diagnostics)
    check(code not in (0, None), f"it ended with {code}\n{member.words()}")
    for word in words:
        check(word in said, f"it does not say '{word}'\n{member.words()}")


def why_not_ready(member):
    """What its /readyz says; "200" where it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/readyz", timeout=10) as answer:
            return f"{answer.status}"
    except urllib.error.HTTPError as refused:
        return refused.read().decode()


def fill_files(cluster):
    """More is published than the journals hold: every broker has files of logs."""
    cluster.create("filled", partitions=1)
    cluster.say("bench", "produce", "filled", "--records", 1500, "--size", 10000, seconds=60)

    wait_until(lambda: all(any(member.directory.glob("topics/*/*/*.log")) for member in cluster.members), 20,
               "not every broker has files of logs")


@scenario("a broker with the data directory of another cluster or of another broker is refused, and every file stays as it is")
def other_cluster(world):
    cluster = Cluster(world)
    cluster.create("kept", partitions=1)
    fill_files(cluster)
    # It is killed with something in its journal that a start would bring to its files.
    check(publish(cluster, "kept", "precious"), "nothing was published")
    stray = cluster.members[2]
    stray.kill()
    others = Cluster(world, cluster.store, brokers=0, start=False, cluster__name="others")
    first = others.new_member(1, "others1").begin().await_ready()
    before = files_of(stray.directory)
    lost = others.new_member(3, "broker3").begin()
    ended(lost, f"belongs to cluster {first._ready['cluster_id']}", f"this broker to {stray._ready['cluster_id']}")
    ended(cluster.new_member(4, "broker3").begin(), "belongs to broker 3, and this is broker 4")
    changed = changed_files(before, stray.directory)
    check(not changed, f"the directory does not stay as it is: {changed}")
    check(first.process.alive, "the others' broker ended")
    stray.start()
    cluster.await_full_isr("kept")
    check([r["value"] for r in read_all(cluster, "kept", 1)] == ["precious"], "something is lost")


@scenario("a second broker with an id that lives waits and says so; the first goes on")
def duplicate_id(world):
    cluster = Cluster(world)
    cluster.create("kept", partitions=1)
    twin = cluster.new_member(2, "twin").begin()
    wait_until(lambda: twin.told("broker.id_in_use") or not twin.process.alive, 20,
               lambda: f"the twin says nothing\n{twin.words()}")
    check(twin.told("broker.id_in_use"), f"it does not say what is wrong\n{twin.words()}")
    check(publish(cluster, "kept", "hello"), "the first does not go on")
    twin.kill()
    cluster.await_full_isr("kept")
    check(cluster.member(2).process.alive, "the first ended")


@scenario("a client that fetches in the name of a replica is refused, and moves nothing")
def plays_replica(world):
    cluster = Cluster(world)
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "one"), "nothing was published")
    leader = cluster.leader("kept")
    follower = next(member for member in cluster.members if member is not leader)
    error = fetch_as_replica(leader.address, "kept", follower.number, 1 << 40)
    check(error != 0, "it was answered like a replica")
    wait_until(lambda: leader.told("connection.refused"), 5, lambda: f"nothing is told of it\n{leader.words()}")
    check(publish(cluster, "kept", "two"), "publishing does not go on")
    check([r["value"] for r in read_all(cluster, "kept", 1)] == ["one", "two"], "something is lost")
    cluster.await_full_isr("kept")


@scenario("a wildcard listener without an advertised address is refused in a cluster")
def wildcard(world):
    cluster = Cluster(world, brokers=0)
    member = cluster.new_member(1)
    member.address = member.address.replace("127.0.0.1", "0.0.0.0")
    member.begin()
    ended(member, "advertised.listeners")


@scenario("managed etcd without its peers waits and says for whom; with them it serves")
def without_peers(world):
    cluster = Cluster(world, "managed-etcd", start=False)
    first = cluster.members[0].begin()
    wait_until(lambda: first.told("etcd.waits"), 15, lambda: f"it does not say that it waits\n{first.words()}")
    check(first.process.alive, "it ended instead of waiting")
    waits = first.told("etcd.waits")
    check(waits[0]["text"].endswith("no answer yet from broker 2, 3"), f"it does not say for whom: {waits}")
    cluster.members[1].begin()
    wait_until(lambda: any(said["text"].endswith("no answer yet from broker 3") for said in first.told("etcd.waits")), 15,
               lambda: f"it does not say that one of two has come\n{first.words()}")
    for member in cluster.members[2:]:
        member.begin()
    for member in cluster.members:
        member.await_ready()
    cluster.create("kept")
    check(publish(cluster, "kept", "hello"), "nothing can be published")
    # Also where all are asked at once.
    for member in cluster.members:
        member.process.signal(15)
    for member in cluster.members:
        check(member.process.wait(40) == 0, f"it did not stop in order\n{member.words()}")


class EtcdOfTwo(Etcd):
    """One member of two: it has no quorum until `complete()`."""

    def __init__(self, world):
        super().__init__(world)
        self.other = free_ports(2)
        self.alone = True

    def _command(self, name="one"):
        words = list(super()._command())
        words[words.index("--initial-cluster") + 1] = (f"one=http://127.0.0.1:{self.port + 1},"
                                                       f"two=http://127.0.0.1:{self.other + 1}")
        return words

    def _answers(self):
        return True

    def complete(self, world):
        words = [str(word).replace(f":{self.port + 1}", ":PEER").replace(f":{self.port}", f":{self.other}") for word in
                 self._command()]
        members = words[:]
        for index, word in enumerate(words):
            if words[index - 1] == "--initial-cluster":
                members[index] = self._command()[index]
            elif ":PEER" in word:
                members[index] = word.replace(":PEER", f":{self.other + 1}")
        members[members.index("--name") + 1] = "two"
        members[members.index("--data-dir") + 1] = str(self.folder) + "-two"
        from harness.process import Process
        return world.keep(Process(members, "etcd two"))


@scenario("an etcd without quorum at start: brokers wait, say so, and serve once it has one")
def no_quorum(world):
    store = EtcdOfTwo(world)
    cluster = Cluster(world, store, start=False)
    store.start()
    for member in cluster.members:
        member.begin()
    wait_until(lambda: all(m.told("coordination.waiting") or m.told("coordination.unreachable") for m in cluster.members),
               20, lambda: f"nobody says what is waited for\n{cluster.words()}")
    check(all(member.process.alive for member in cluster.members), "a broker ended instead of waiting")
    why = why_not_ready(cluster.members[0])
    check("waits for the coordination service" in why, f"/readyz does not say what is waited for: {why}")
    store.complete(world)
    for member in cluster.members:
        member.await_ready(40)
    cluster.create("kept")
    check(publish(cluster, "kept", "hello"), "nothing can be published")


@scenario("a coordination store with damaged keys: they are named, nothing is lost, and repaired they serve")
def damaged(world):
    cluster = Cluster(world)
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "precious"), "nothing was published")
    for member in cluster.members:
        check(member.stop() == 0, "it did not stop in order")
    keys = {key: value for key, value in cluster.store.keys().items() if "/partitions/" in key}
    check(keys, f"the store holds no state of partitions: {sorted(cluster.store.keys())}")
    marks = {member: len(member.diagnostics) for member in cluster.members}
    for key in keys:
        cluster.store.put(key, b"\xff\x00 this is no partition")
    for member in cluster.members:
        member.begin()

    def named():
        new = [line for member in cluster.members for line in list(member.diagnostics)[marks[member]:]]
        return any("partitions/" in line and ('"error"' in line or '"warning"' in line) for line in new)

    wait_until(named, 20, lambda: f"nobody names the damaged key\n{cluster.words()}")
    check(not publish(cluster, "kept", "blind", 0, seconds=3), "a partition without a state took a record")
    for key, value in keys.items():
        cluster.store.put(key, value)
    for member in cluster.members:
        member.kill()
    cluster.begin_all()
    cluster.await_full_isr("kept")
    check([r["value"] for r in read_all(cluster, "kept", 1)] == ["precious"], "something is lost")


@scenario("more replicas than brokers, and more replicas asked in sync than there are: each is a clear error")
def impossible(world):
    cluster = Cluster(world)
    done = cluster.run("topic", "create", "wide", "--replication-factor", 4)
    check(done.returncode != 0 and "4" in done.stderr and "broker" in done.stderr, f"it says: {done}")
    check("wide" not in cluster.say("topic", "list"), "the topic is there all the same")
    done = cluster.run("topic", "create", "strict", "--replication-factor", 2, "--config", "min.insync.replicas=3")
    # docs/guarantees.md: refused when it is created. (Kafka makes such a topic, and refuses what is published to it.)
    too_high = "min.insync.replicas is 3, but the topic has 2 replica(s)"
    check(done.returncode != 0 and too_high in done.stderr, f"it says: {done.returncode}, {done.stderr}")
    for member in cluster.members:
        error, why = create_topic(member.address, "strict", 1, 2, min_insync_replicas=3)
        check(error == 40 and too_high in why, f"not INVALID_CONFIG (40): {error}, {why}")
    check("strict" not in cluster.say("topic", "list"), "the topic is there all the same")
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "hello"), "nothing can be published")
