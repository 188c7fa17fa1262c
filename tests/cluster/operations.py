"""What an operator orders: brokers come and go, load is evened out, leaders are elected; and what is told of it later."""

import json

from cluster import Cluster
from load import Load, publish, read_all
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import check

MOVE_SECONDS = 60
PARTITIONS = 12
KEYS = 150  # there is one for each partition


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def events(cluster, name):
    """What the cluster keeps of it, oldest first."""
    return [event for event in lines(cluster.say("cluster", "events", "--count", 1000, "--json")) if event["event"] == name]


def await_event(cluster, name, *words):
    """The event whose detail has each of `words`; who decided it, and when, stands there, too."""
    def found():
        return next((event for event in events(cluster, name) if all(word in event["detail"] for word in words)), None)

    event = wait_until(found, 20, lambda: f"no event {name} with {words}: {cluster.say('cluster', 'events')}")
    check(event["controller"] in [m.number for m in cluster.members] and event["time"], f"{event}")
    return event


def status(cluster):
    return json.loads(cluster.say("cluster", "status", "--json"))


def broker_of(told, member):
    """Its line in the status; None where the cluster knows it no more."""
    return next((broker for broker in told["brokers"] if broker["id"] == member.number), None)


def replicas(cluster, topic):
    """{partition: its replicas, the preferred leader first}"""
    return {found["partition"]: found["replicas"] for found in cluster.describe(topic)}


def held(placed, member):
    """The partitions of which the broker has a replica."""
    return {partition for partition, on in placed.items() if member.number in on}


def await_stillness(cluster):
    """Nothing moves any more, and nothing waits to."""
    def still():
        told = status(cluster)
        return told["moving"] == 0 and told["planned"] == 0

    wait_until(still, MOVE_SECONDS, lambda: f"it does not end: {status(cluster)}")


def check_share(placed, member, brokers):
    """What the broker has is about what each of so many has."""
    share = sum(map(len, placed.values())) / brokers
    has = len(held(placed, member))
    check(0.75 * share <= has <= 1.25 * share, f"broker {member.number} has {has} replicas, {share:g} are its share: {placed}")


@scenario("a fourth broker is added under load: it takes its share by itself and nothing else moves, nothing is lost")
def fourth(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=PARTITIONS)
    load = Load(cluster, keys=KEYS)
    before = replicas(cluster, "load")
    added = cluster.new_member(4)
    cluster.members.append(added)
    added.start()
    await_event(cluster, "broker.joined", "broker 4")
    wait_until(lambda: held(replicas(cluster, "load"), added), MOVE_SECONDS, "nothing comes to the fourth broker")
    await_stillness(cluster)
    after = replicas(cluster, "load")
    check_share(after, added, 4)
    for partition, on in after.items():
        gone, come = set(before[partition]) - set(on), set(on) - set(before[partition])
        check(come <= {4} and len(gone) == len(come), f"{partition} moved from {before[partition]} to {on}")
    for name in ("rebalance.planned", "reassignment.begun", "reassignment.finished"):
        await_event(cluster, name)
    cluster.await_full_isr("load")
    load.goes_on(100)
    told = lines(cluster.say("cluster", "rebalance", "--dry-run", "--json"))
    check(not told, f"it is not even yet: {told}")
    load.finish()


@scenario("a rebalance tells first and changes nothing, then does under load what it told; and an even cluster stays as it is")
def rebalance(world):
    cluster = Cluster(world, brokers=4)
    cluster.create("load", partitions=PARTITIONS, replicas=2)
    load = Load(cluster, keys=KEYS)
    # All partitions on the first broker: the others have enough not to count as newcomers, who get their share unasked.
    for partition in range(PARTITIONS):
        cluster.say("topic", "reassign", "load", "--partition", partition, "--replicas", f"1,{2 + partition % 3}")
    await_stillness(cluster)
    uneven = replicas(cluster, "load")
    check(len(held(uneven, cluster.member(1))) == PARTITIONS, f"{uneven}")
    told = lines(cluster.say("cluster", "rebalance", "--dry-run", "--json"))
    moved = {move["partition"]: move["to"] for move in told if move["topic"] == "load"}
    check(moved and not any(move["moves"] for move in told), f"it would do: {told}")
    check(replicas(cluster, "load") == uneven and status(cluster)["planned"] == 0, "a look has changed something")
    check(not events(cluster, "rebalance.planned"), "a look is told as a rebalance")
    done = lines(cluster.say("cluster", "rebalance", "--wait", "--json", "--throttle", "20MB/s", seconds=MOVE_SECONDS))
    check([move["to"] for move in done] == [move["to"] for move in told], f"told was {told}, done {done}")
    await_event(cluster, "rebalance.planned", str(len(told)))
    await_event(cluster, "replication.throttled", "20000000")
    even = replicas(cluster, "load")
    for partition, on in even.items():
        check(on == moved.get(partition, uneven[partition]), f"{partition} moved from {uneven[partition]} to {on}")
    check(len(held(even, cluster.member(1))) <= 1.25 * PARTITIONS * 2 / 4 + 1, f"it is not even: {even}")
    check("nothing moves" in cluster.say("cluster", "rebalance", "--wait"), "an even cluster is evened out")
    cluster.await_full_isr("load")
    load.goes_on(50)
    load.finish()


@scenario("a drain is taken back in its middle, and once more when it is done: what left comes back by itself, nothing is lost")
def resumed(world):
    cluster = Cluster(world, brokers=4)
    cluster.create("load", partitions=PARTITIONS)
    cluster.create("filled", partitions=1)
    cluster.say("bench", "produce", "filled", "--records", 8000, "--size", 1000, seconds=60)
    load = Load(cluster, keys=KEYS)
    await_stillness(cluster)
    placed = {topic: replicas(cluster, topic) for topic in ("load", "filled")}
    member = cluster.leader("filled", 0)
    # So slowly that it does not arrive before it is taken back.
    cluster.say("cluster", "drain", member.number, "--throttle", "1000")
    wait_until(lambda: status(cluster)["moving"] > 0, 20, "nothing moves")
    check(broker_of(status(cluster), member)["state"] == "draining", f"{status(cluster)}")
    check(cluster.run("cluster", "drain", member.number, "--wait", seconds=1).returncode != 0, "it was drained in no time")
    cluster.say("cluster", "resume", member.number)
    await_event(cluster, "broker.draining", f"broker {member.number}")
    await_event(cluster, "broker.resumed", f"broker {member.number}")
    await_event(cluster, "reassignment.cancelled")
    await_stillness(cluster)
    check(replicas(cluster, "filled") == placed["filled"], f"{placed['filled']} is {replicas(cluster, 'filled')} now")
    load.goes_on(50)

    cluster.say("cluster", "drain", member.number, "--wait", "--throttle", "off", seconds=MOVE_SECONDS)
    check(broker_of(status(cluster), member)["state"] == "drained", f"{status(cluster)}")
    load.goes_on(50)
    cluster.say("cluster", "resume", member.number)
    wait_until(lambda: held(replicas(cluster, "load"), member), MOVE_SECONDS, lambda: f"it gets nothing: {status(cluster)}")
    await_stillness(cluster)
    all_placed = {(topic, partition): on for topic in placed for partition, on in replicas(cluster, topic).items()}
    check_share(all_placed, member, 4)
    for topic in placed:
        cluster.await_full_isr(topic)
    load.goes_on(50)
    load.finish()


@scenario("a dead broker is removed under load: its replicas are made anew, it is forgotten, and it may come back as a new one")
def removed(world):
    cluster = Cluster(world, brokers=4)
    cluster.create("load", partitions=PARTITIONS)
    load = Load(cluster, keys=KEYS)
    victim = cluster.leader("load", 0)
    refused = cluster.run("cluster", "remove", victim.number)
    check(refused.returncode != 0 and "is alive" in refused.stderr, f"one that lives is removed: {refused}")
    unknown = cluster.run("cluster", "remove", 77)
    check(unknown.returncode != 0 and "no broker 77" in unknown.stderr, f"one that is not there is removed: {unknown}")
    victim.kill()
    await_event(cluster, "broker.dead", f"broker {victim.number}")
    cluster.say("cluster", "remove", victim.number)
    await_event(cluster, "broker.removing", f"broker {victim.number}")
    wait_until(lambda: broker_of(status(cluster), victim) is None, MOVE_SECONDS, lambda: f"it stays: {status(cluster)}")
    await_event(cluster, "broker.removed", f"broker {victim.number}")
    check(not held(replicas(cluster, "load"), victim), f"it has replicas: {replicas(cluster, 'load')}")
    cluster.await_full_isr("load")
    load.goes_on(50)
    victim.start()
    check(broker_of(status(cluster), victim)["state"] == "live", f"{status(cluster)}")
    wait_until(lambda: held(replicas(cluster, "load"), victim), MOVE_SECONDS, "it gets nothing")
    await_stillness(cluster)
    check_share(replicas(cluster, "load"), victim, 4)
    cluster.await_full_isr("load")
    load.goes_on(50)
    load.finish()


@scenario("one of three is dead and removed under load: what is made meanwhile has three replicas, all keep them, and a fourth broker ends it")
def removed_of_three(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=PARTITIONS)
    load = Load(cluster, keys=KEYS)
    victim = cluster.leader("load", 0)
    victim.kill()
    await_event(cluster, "broker.dead", f"broker {victim.number}")
    cluster.say("topic", "create", "late", "--partitions", 3)
    told = cluster.say("cluster", "remove", victim.number)
    check("15 replicas" in told and "wait for another broker" in told, f"a removal that has to wait says: {told}")
    load.goes_on(50)
    for topic in ("load", "late"):
        for partition, on in replicas(cluster, topic).items():
            check(len(on) == 3, f"partition {partition} of {topic} has lost a replica: {on}")
    waits = status(cluster)["waits"]
    check([(wait["broker"], wait["needs"], wait["partitions"]) for wait in waits] == [(victim.number, "broker", 15)], f"{waits}")
    check("load-0" in waits[0]["named"] and "late-2" in waits[0]["named"], f"{waits}")
    check(cluster.run("cluster", "status", "--check").returncode == 1, "a replica is missing, and the check is content")
    added = cluster.new_member(4)
    cluster.members.append(added)
    added.start()
    wait_until(lambda: broker_of(status(cluster), victim) is None, MOVE_SECONDS, lambda: f"it stays: {status(cluster)}")
    await_stillness(cluster)
    for topic in ("load", "late"):
        cluster.await_full_isr(topic)
        for partition, on in replicas(cluster, topic).items():
            check(len(on) == 3 and victim.number not in on, f"partition {partition} of {topic}: {on}")
    check(cluster.run("cluster", "status", "--check").returncode == 0, f"{status(cluster)}")
    load.goes_on(50)
    load.finish()


@scenario("the preferred replica is elected as soon as it is ordered, under load")
def preferred(world):
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster)
    first = cluster.member(replicas(cluster, "load")[0][0])
    first.kill()
    load.goes_on(20, partitions=[0])
    other = cluster.leader("load", 0)
    early = cluster.run("topic", "elect", "load", "--partition", 0)
    check(early.returncode != 0, f"a dead broker is elected: {early}")
    first.start()
    cluster.await_full_isr("load")
    check(cluster.leader("load", 0) is other, "nobody ordered anything yet")
    told = lines(cluster.say("topic", "elect", "load", "--json"))
    check({"topic": "load", "partition": 0, "elected": True} in told and len(told) == 3, f"{told}")
    for partition, on in replicas(cluster, "load").items():
        check(cluster.leader("load", partition).number == on[0], f"{cluster.describe('load')}")
    await_event(cluster, "election.ordered", "load-0", f"-> {first.number}")
    told = lines(cluster.say("topic", "elect", "load", "--json"))
    check(not any(one["elected"] for one in told), f"the right ones are elected again: {told}")
    load.goes_on(50)
    load.finish()


@scenario("without an in-sync replica nobody leads until an operator orders it: what that costs is told, all replicas agree again")
def unclean(world):
    cluster = Cluster(world, unclean__leader__election__enable="true")
    cluster.create("kept", partitions=1, replicas=2)
    stays, goes = (cluster.member(number) for number in replicas(cluster, "kept")[0])
    check(publish(cluster, "kept", "both"), "nothing was published")
    goes.kill()
    check(publish(cluster, "kept", "one alone"), "nothing was published")
    check(stays.stop() == 0, f"it did not end well\n{stays.words()}")
    goes.start()
    wait_until(lambda: (cluster.describe("kept") or [{"leader": 0}])[0]["leader"] == -1, 20, lambda: cluster.describe("kept"))
    clean = cluster.run("topic", "elect", "kept", "--partition", 0)
    check(clean.returncode != 0, f"somebody was elected: {clean}")
    check(not publish(cluster, "kept", "too early", 0, seconds=4), "it is not in sync, and leads unasked")
    check(not events(cluster, "election.unclean"), "it is told already")
    told = lines(cluster.say("topic", "elect", "kept", "--partition", 0, "--unclean", "--json"))
    check(told == [{"topic": "kept", "partition": 0, "elected": True}], f"{told}")
    event = await_event(cluster, "election.unclean", "kept-0", f"-> {goes.number}")
    check(publish(cluster, "kept", "afterwards"), "nothing can be published")
    mark = len(stays.diagnostics)
    stays.start()
    cluster.await_full_isr("kept")
    given_up = wait_until(lambda: stays.told("replication.records_given_up", mark), 20, lambda: stays.words())
    check(given_up[0]["fields"]["partition"] == "0" and " 1" in given_up[0]["text"], f"it does not say what: {given_up}")
    for leads in (goes, stays):
        values = [record["value"] for record in read_all(cluster, "kept", 1)]
        check(values == ["both", "afterwards"], f"broker {leads.number} has {values}")
        if leads is goes:
            cluster.say("topic", "elect", "kept")
            check(cluster.leader("kept") is stays, "the preferred one does not lead")
    # What was decided outlives who decided it.
    former = cluster.controller()
    former.kill()
    wait_until(lambda: cluster.controller() is not former, 20, "nobody takes the office")
    check(event in events(cluster, "election.unclean"), "the next controller does not know of it")
