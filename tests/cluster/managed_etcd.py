"""Managed etcd: brokers die under load, alone or with their etcd members; all members lose what they knew."""

import contextlib
import fcntl
import json
import os
import shutil
import signal

from bad_input import ended, fill_files
from cluster import Cluster
from crashes import LONG_SESSION, kill_under_load
from load import Load, publish, read_all
from scenario import scenario
from stores import etcd_member
from world import changed_files, end_processes_of, files_of, processes_of
from harness.deadline import wait_until
from harness.journey import check


def stop_at_once(world, cluster):
    for member in cluster.members:
        member.process.signal(signal.SIGTERM)
    for member in cluster.members:
        code = member.process.wait(40)
        check(code == 0, f"broker {member.number} ended with {code}\n{member.words()}")
    check(not processes_of(world.folder), "a process is left behind")


@scenario("managed etcd: kill -9 of a leader takes no etcd member with it, the next start adopts it; a stop ends all")
def managed(world):
    cluster = Cluster(world, "managed-etcd", **LONG_SESSION)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    before = etcd_member(world, victim)
    kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
    check(etcd_member(world, victim) == before, "the etcd member did not outlive its broker's kill -9")
    check(victim.told("etcd.adopted"), f"nothing is told of an adoption\n{victim.words()}")
    load.finish()
    stop_at_once(world, cluster)


@scenario("managed etcd: the broker and its etcd member die in the same blow")
def managed_both(world):
    cluster = Cluster(world, "managed-etcd")
    cluster.create("load")
    load = Load(cluster)
    for victim in cluster.members:
        etcd = etcd_member(world, victim)
        os.kill(etcd, signal.SIGKILL)
        victim.kill()
        load.goes_on(50, 10)
        victim.start()
        cluster.await_full_isr("load")
        load.goes_on(50)
    load.finish()


@scenario("managed etcd: all brokers and their etcd members die in the same blow, and all start: everything acknowledged is there")
def managed_all(world):
    cluster = Cluster(world, "managed-etcd")
    cluster.create("load")
    load = Load(cluster)
    load.goes_on(300)
    members = [etcd_member(world, member) for member in cluster.members]
    for member in cluster.members:
        member.kill()
    for etcd in members:
        os.kill(etcd, signal.SIGKILL)
    cluster.begin_all()
    load.goes_on(100)
    cluster.await_full_isr("load")
    load.finish()


@scenario("managed etcd: cluster status shows the member of each broker, whichever broker is asked, and its check waits for all; "
          "another coordination shows none")
def status_of_members(world):
    cluster = Cluster(world, "managed-etcd")
    clients = cluster.store.address.removeprefix("managed-etcd://").split(",")
    fourth = cluster.new_member(4, coordination="etcd://" + ",".join(one.split("@")[1] for one in clients)).begin().await_ready()

    def members(broker):
        status = json.loads(cluster.say("cluster", "status", "--json", brokers=broker.address))
        return {one["broker"]: one for one in status.get("etcdMembers", [])}

    def states(broker):
        return sorted(one["state"] for one in members(broker).values())

    for broker in [*cluster.members, fourth]:
        wait_until(lambda: states(broker) == ["follower", "follower", "leader"], 10,
                   lambda: f"broker {broker.number} tells {members(broker)}\n{cluster.words()}")
        check(sorted(members(broker)) == [1, 2, 3], f"the members are not those of brokers 1, 2, 3: {members(broker)}")
    port = int(clients[2].rsplit(":", 1)[1])
    third = members(fourth)[3]
    check(third["peer"] == f"http://127.0.0.1:{port + 1}" and third["name"] == "broker-3", f"the third is {third}")
    check(third["databaseBytes"] > 0 and third["lag"] is not None, f"it does not tell its size and lag: {third}")
    text = cluster.say("cluster", "status")
    check("ETCD MEMBER" in text and "broker-3" in text, f"the table is not there:\n{text}")
    wait_until(lambda: cluster.run("cluster", "status", "--check").returncode == 0, 20, "the check does not pass")
    # Its broker lives on, and starts it again: the member alone is away for as long as it is stopped.
    etcd = etcd_member(world, cluster.members[2])
    os.kill(etcd, signal.SIGSTOP)
    try:
        wait_until(lambda: members(fourth)[3]["state"] == "unreachable", 10, lambda: f"it is told as {members(fourth)[3]}")
        check(cluster.run("cluster", "status", "--check").returncode == 1, "the check passes while a member is away")
        check("1 of 3 etcd members is not well: broker-3" in cluster.say("cluster", "status"), "it is not told in words")
    finally:
        os.kill(etcd, signal.SIGCONT)
    wait_until(lambda: cluster.run("cluster", "status", "--check").returncode == 0, 20,
               lambda: f"the check does not pass again\n{cluster.say('cluster', 'status')}")
    other = Cluster(world, "etcd", brokers=0)
    alone = other.new_member(1, "other1").begin().await_ready()
    for words in [("--json",), ()]:
        text = other.say("cluster", "status", *words, brokers=alone.address)
        check("etcd" not in text.lower(), f"an etcd that no broker runs is shown:\n{text}")


def etcd_of(world, member):
    """The ids of its etcd processes, now."""
    return processes_of(world.folder, f"/{member.directory.name}/etcd")


def stop_starting(world, member, moment, signals=1, seconds=10):
    """Starts it, and stops it once `moment(mark)`, given the number of its diagnostics before: it ends within `seconds`, says
    that it was not ready, and no etcd of its own is left."""
    mark = len(member.diagnostics)
    member.begin()
    wait_until(lambda: moment(mark) or not member.process.alive, 20, lambda: f"that moment does not come\n{member.words()}")
    for _ in range(signals):
        member.process.signal(signal.SIGTERM)
    code = member.process.wait(seconds)
    check(code == 128 + signal.SIGTERM, f"it ended with {code}\n{member.words()}")
    left = member.told("broker.left", mark)
    check(left and "SIGTERM before the broker was ready" in left[0]["text"], f"it does not say why\n{member.words()}")
    check(not member.told("broker.ready", mark), "it was ready before it was stopped: nothing was tested")
    # One that is killed is gone a moment later.
    wait_until(lambda: not etcd_of(world, member), 2, lambda: f"its etcd is left behind\n{member.words()}")


class HangingFile:
    """A file on a disk that hangs: whoever opens it waits. We hold a lease on it, which the kernel would have us give back within
    45 s."""

    def __init__(self, path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def __enter__(self):
        # The signal that asks for it: one that does nothing.
        fcntl.fcntl(self._file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(self._file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def is_waited_for(self):
        return fcntl.fcntl(self._file, fcntl.F_GETLEASE) != fcntl.F_WRLCK


@scenario("managed etcd: SIGTERM before a broker is ready ends it within seconds, and its etcd member with it, however far "
          "both are; afterwards all start and have what they had")
def stopped_while_starting(world):
    cluster = Cluster(world, "managed-etcd", start=False)
    one, two, three = cluster.members

    def runs(member):
        return lambda _: bool(etcd_of(world, member))

    def waits_for_quorum(member):
        return lambda mark: bool(member.told("coordination.waiting", mark)) and runs(member)(mark)

    # Nobody else is there yet: its etcd cannot be started.
    stop_starting(world, one, lambda mark: one.told("etcd.waits", mark))
    # Its etcd is being started for the first time.
    two.begin()
    three.begin()
    stop_starting(world, one, runs(one))
    one.begin()
    for member in cluster.members:
        member.await_ready()
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "precious"), "nothing was published")
    stop_at_once(world, cluster)
    # Its etcd waits for a quorum that does not come.
    stop_starting(world, one, runs(one))
    stop_starting(world, one, waits_for_quorum(one))
    stop_starting(world, one, waits_for_quorum(one), signals=2)
    # The etcd that an earlier process of it left.
    one.begin()
    wait_until(lambda: runs(one)(0), 20, lambda: f"there is no etcd\n{one.words()}")
    one.kill()
    check(runs(one)(0), "kill -9 of a broker took its etcd with it")
    stop_starting(world, one, lambda mark: one.told("etcd.adopted", mark))
    cluster.begin_all()
    cluster.await_full_isr("kept")
    found = [record["value"] for record in read_all(cluster, "kept", 1)]
    check(found == ["precious"], f"there is {found}")
    stop_at_once(world, cluster)


@scenario("managed etcd: SIGTERM before a broker is ready ends it and its etcd member where their disk hangs")
def stopped_where_the_disk_hangs(world):
    cluster = Cluster(world, "managed-etcd")
    one = cluster.members[0]
    output = one.directory / "etcd/output"
    stop_at_once(world, cluster)
    hanging = []

    def hangs(mark):
        """It waits for the others, and looks how much its etcd has printed: that is where it hangs."""
        if not one.told("coordination.waiting", mark) or not etcd_of(world, one):
            return False
        if not hanging:
            output.rename(output.with_name("printed"))
            hanging.append(stack.enter_context(HangingFile(output)))
        return hanging[0].is_waited_for()

    with contextlib.ExitStack() as stack:
        stop_starting(world, one, hangs, seconds=20)
    cluster.begin_all()
    stop_at_once(world, cluster)


@scenario("managed etcd: SIGTERM ends the etcd that an earlier process left also before anything of it was read, and never that of "
          "another broker that lives on the same directory")
def stopped_before_it_knows_its_member(world):
    cluster = Cluster(world, "managed-etcd")
    one = cluster.members[0]
    one.kill()
    check(etcd_of(world, one), "kill -9 of a broker took its etcd with it")
    with HangingFile(one.directory / "etcd/member.a") as record:
        stop_starting(world, one, lambda _: record.is_waited_for())
    one.begin().await_ready()
    before = etcd_member(world, one)
    twin = cluster.new_member(1).begin()
    wait_until(lambda: twin.told("broker.starting"), 20, lambda: f"the second one does not start\n{twin.words()}")
    twin.process.signal(signal.SIGTERM)
    code = twin.process.wait(10)
    check(code in (1, 128 + signal.SIGTERM), f"the second one ended with {code}\n{twin.words()}")
    check(etcd_member(world, one) == before, "the second one took the first one's etcd along")
    stop_at_once(world, cluster)


def refuse_each(cluster, *words):
    """Each ends with these words. Who ends first leaves the others' etcd members without a majority: it is started again,
    as systemd does it."""
    left = set(cluster.members)

    def each_refused():
        for member in cluster.members:
            if not member.process.alive:
                ended(member, *words)
                left.discard(member)
                if left:
                    member.begin()
        return not left

    wait_until(each_refused, 40, lambda: f"these do not refuse: {[m.number for m in left]}\n{cluster.words()}")


@scenario("managed etcd: all etcd folders are lost while no broker runs: they know that they were members, say so, end "
          "and delete nothing; with the folders all is there")
def all_folders_lost(world):
    cluster = Cluster(world, "managed-etcd", shutdown__timeout__ms=2000)
    cluster.create("kept", partitions=1)
    check(publish(cluster, "kept", "precious"), "nothing was published")
    fill_files(cluster)
    belongs = f"this data directory belongs to cluster {cluster.members[0]._ready['cluster_id']}"
    stop_at_once(world, cluster)
    folders = {member.directory / "etcd": world.folder / f"etcd{member.number}" for member in cluster.members}
    for etcd, away in folders.items():
        etcd.rename(away)
    before = {member: files_of(member.directory) for member in cluster.members}
    for member in cluster.members:
        member.begin()
    refuse_each(cluster, "broker.not_started", "knows no cluster", belongs)
    for member in cluster.members:
        member.kill()
        changed = changed_files(before[member], member.directory)
        check(not changed, f"broker {member.number} has changed what it had: {changed}")
    end_processes_of(world.folder)
    for etcd, away in folders.items():
        shutil.rmtree(etcd)
        away.rename(etcd)
    cluster.begin_all()
    cluster.await_full_isr("kept")
    check(publish(cluster, "kept", "afterwards"), "nothing can be published")
    found = [record["value"] for record in read_all(cluster, "kept", 1)]
    check(found == ["precious", "afterwards"], f"there is {found}")
    check(all(belongs.endswith(member._ready["cluster_id"]) for member in cluster.members), "it is another cluster")
