"""A coordination store in which somebody else wrote: foreign keys, and keys that make no sense any more."""

from cluster import Cluster
from load import Load, publish, read_all, until_published
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import check

NONSENSE = b"\xff\x00 this makes no sense"


def complains(cluster, marks, *words):
    """Whether a broker said an error or a warning with each of `words` since `marks`."""
    new = [line for member in cluster.members for line in list(member.diagnostics)[marks[member]:]]
    return any(all(word in line for word in words) for line in new if '"error"' in line or '"warning"' in line)


def marks_of(cluster):
    return {member: len(member.diagnostics) for member in cluster.members}


def stop_all(cluster):
    for member in cluster.members:
        check(member.stop() == 0, f"it did not stop in order\n{member.words()}")


def with_foreign_keys(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("kept")
    check(publish(cluster, "kept", "precious", 0), "nothing was published")
    names = cluster.store.foreign_names()
    for name in names:
        cluster.store.put_any(name, b"somebody else's")
    load = Load(cluster, "kept")
    victim = cluster.controller()
    victim.kill()
    load.goes_on(50)
    victim.start()
    cluster.await_full_isr("kept")
    load.finish()
    stop_all(cluster)
    cluster.begin_all()
    cluster.await_full_isr("kept")
    cluster.create("new")
    check(publish(cluster, "new", "hello"), "nothing can be published to a new topic")
    check("precious" in [record["value"] for record in read_all(cluster, "kept", 3)], "something is lost")
    gone = [name for name in names if cluster.store.get_any(name) != b"somebody else's"]
    check(not gone, f"what is not ours was changed: {gone}")


# Under a prefix of ours, and named as nothing is that godwit writes.
_MISNAMED = ["/topics/not-an-id", "/partitions/not-an-id/00000000", "/joined/nobody", "/tombstones/not-an-id",
             "/brokers/nobody", "/configs/brokers/nobody", "/incarnations/nobody", "/events/nothing"]


def with_misnamed_keys(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("kept")
    load = Load(cluster, "kept")
    for key in _MISNAMED:
        cluster.store.put(key, NONSENSE)
    marks = marks_of(cluster)
    victim = cluster.controller()
    victim.kill()
    load.goes_on(50)
    named = [key for key in _MISNAMED if key not in ("/incarnations/nobody", "/events/nothing")]
    wait_until(lambda: all(complains(cluster, marks, key) for key in named), 20,
               lambda: f"not named: {[k for k in named if not complains(cluster, marks, k)]}\n{cluster.words()}")
    victim.start()
    cluster.await_full_isr("kept")
    cluster.create("new")
    check(publish(cluster, "new", "hello"), "nothing can be published to a new topic")
    load.finish()
    keys = cluster.store.keys()
    check(all(keys.get(key) == NONSENSE for key in named), "what is not understood was removed")


for _kind in ("etcd", "zookeeper"):
    @scenario(f"foreign keys in {_kind}: they disturb nothing, and are left alone")
    def _foreign(world, kind=_kind):
        with_foreign_keys(world, kind)

    @scenario(f"keys with impossible names in {_kind}: they are named and left alone, everything else works")
    def _misnamed(world, kind=_kind):
        with_misnamed_keys(world, kind)


def damaged_while_running(world, kind):
    """A partition's state is damaged under a running cluster, and then its controller dies."""
    cluster = Cluster(world, kind)
    cluster.create("kept")
    cluster.create("pairs", partitions=12, replicas=2)
    load = Load(cluster, "kept")
    topic = next(key for key, value in cluster.store.keys("/topics/").items() if b"kept" in value).removeprefix("/topics/")
    key = f"/partitions/{topic}/00000001"
    value = cluster.store.keys(key)[key]
    marks = marks_of(cluster)
    cluster.store.put(key, NONSENSE)
    load.goes_on(50)
    check(not complains(cluster, marks, key), "somebody reads the store while nothing is to be decided")
    victim = cluster.controller()
    victim.kill()
    # The next controller reads it: what it cannot understand is left aside as a whole, everything else has its elections.
    wait_until(lambda: complains(cluster, marks, key), 20, lambda: f"nobody names {key}\n{cluster.words()}")
    for partition in range(12):
        check(publish(cluster, "pairs", f"meanwhile {partition}", partition), f"pairs-{partition} does not go on")
    check(cluster.run("topic", "describe", "kept").returncode != 0, "what is left aside is served")
    taken = cluster.run("topic", "create", "kept", seconds=5)
    check(taken.returncode != 0, f"the name of what is left aside is given to another topic: {taken}")
    # What is repaired is there again with the controller after that: no broker has to be started for it.
    cluster.store.put(key, value)
    victim.start()
    check(cluster.controller().stop() == 0, "the controller did not stop in order")
    load.goes_on(50, 30)
    for member in cluster.members:
        if not member.process.alive:
            member.start()
    for name in ("kept", "pairs"):
        cluster.await_full_isr(name)
    load.finish()


for _kind in ("etcd", "zookeeper"):
    @scenario(f"a damaged partition in {_kind} when the controller dies: it is named, all other topics go on; once it is "
              "repaired the next controller has it again, and nothing is lost")
    def _damaged(world, kind=_kind):
        damaged_while_running(world, kind)


# What stands in the store, and whether brokers that are started cannot do without it.
_KINDS = ["/cluster", "/topics/", "/partitions/", "/joined/", "/fence", "/incarnations/", "/configs/brokers/",
          "/tombstones/", "/producer-ids", "/events/"]


def begin_again(cluster):
    """Until all serve; those that gave up are started anew, as systemd does it."""
    def all_serve():
        for member in cluster.members:
            if not member.process.alive:
                member.begin()
        return all(member.told("broker.ready", start) for member, start in marks.items())

    marks = {member: 0 if member.serving and member._ready else len(member.diagnostics) for member in cluster.members}
    wait_until(all_serve, 60, lambda: f"not all serve again\n{cluster.words()}")


def each_kind(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "precious"), "nothing was published")
    Load(cluster, "kept").finish()  # so that there are producer ids
    before = [record["value"] for record in read_all(cluster, "kept", 1)]
    for number, prefix in enumerate(_KINDS):
        stop_all(cluster)
        found = cluster.store.keys(prefix)
        key, value = sorted(found.items())[0] if found else (None, None)
        if key is None:
            # None is there now, but might be.
            key = prefix + ("default" if "configs" in prefix else "AAAAAAAAQACAAAAAAAAAAQ")
        marks = marks_of(cluster)
        cluster.store.put(key, NONSENSE)
        for member in cluster.members:
            member.begin()
        load = None
        if prefix == "/producer-ids":
            # It is read when a producer asks for an id, and no block of ids is left.
            for member in cluster.members:
                member.await_ready()
            load = Load(cluster, "kept", prefix=f"load{number}", wait=False)
        wait_until(lambda: complains(cluster, marks, key), 20, lambda: f"nobody names {key}\n{cluster.words()}")
        if value is None:
            cluster.store.remove(key)
        else:
            cluster.store.put(key, value)
        begin_again(cluster)
        # A controller that found the damage has left aside what it described; the next one has it again.
        controller = cluster.controller()
        check(controller.stop() == 0, f"it did not stop in order\n{controller.words()}")
        controller.start()
        until_published(cluster, "kept", 0, 30)
        cluster.await_full_isr("kept")
        if load:
            load.goes_on(10)
            load.finish()
    after = [record["value"] for record in read_all(cluster, "kept", 1)]
    check(after[:len(before)] == before, "something is lost")


for _kind in ("etcd", "zookeeper"):
    @scenario(f"a damaged key of each kind in {_kind}, one after the other: it is named, nothing is lost, and repaired all "
              "serve")
    def _each(world, kind=_kind):
        each_kind(world, kind)
