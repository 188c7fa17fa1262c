"""Numbered records under way while things break, and the judge of what is there afterwards.

A load is an idempotent producer with acks=all in a process of its own (the contract of tests/clients/README.md). What it
was told is held against what the log holds at the end: nothing acknowledged is lost or elsewhere, no record is there
twice, and what one key's records say is in the order in which they were published.
"""

import time
from collections import defaultdict

from frames import publisher_of
from harness import runtimes
from harness.journey import Journey, Wrong, check
from harness.deadline import wait_until
from harness.program import ProgramFailed

KEYS = 8
_SOON = 60
_clients = {}


def client(name):
    if name not in _clients:
        _clients[name] = runtimes.CLIENTS[name]()
    return _clients[name]


def available(names):
    """Those of the clients that can be had here; of each other one it is told why not. Unavailable where there is none."""
    there, missing = [], []
    for name in names:
        try:
            client(name)
            there.append(name)
        except runtimes.Unavailable as why:
            missing.append(f"{name}: {why}")
    if not there:
        raise runtimes.Unavailable("; ".join(missing))
    for one in missing:
        print(f"left out: {one}", flush=True)
    return there


class Load:
    """`prefix`: in every record's value, so that several loads can be told apart. `wait`: until it is under way. `keys`: so many,
    enough for each partition to have one. `options`: more that the client is told."""

    def __init__(self, cluster, topic="load", name="librdkafka", prefix="load", pace_ms=5, brokers=None, wait=True, keys=KEYS,
                 **options):
        self.cluster = cluster
        self.topic = topic
        self.client = client(name)
        self.name = name
        self.prefix = prefix
        self.partitions = len(cluster.describe(topic))
        check(self.partitions > 0, f"{topic} is not there")
        self.running = self.client.start("produce", f"({prefix})", brokers=brokers or cluster.brokers, topic=topic,
                                         codecs="none", idempotent=1, keys=keys, prefix=prefix, pace_ms=pace_ms,
                                         **{"from": 0, **options})
        if wait:
            self.goes_on(50)

    @property
    def acked(self):
        return self.running.of("acked")

    @property
    def count(self):
        return len(self.acked)

    def goes_on(self, more=100, seconds=_SOON, partitions=None):
        """`more` further records are acknowledged, and in each of `partitions` (all) at least one; gives the seconds."""
        began = time.monotonic()
        self.await_more(self.count, more, seconds, partitions)
        return time.monotonic() - began

    def await_more(self, start, more, seconds, partitions=None):
        """The same, counted from acknowledgement number `start` on."""
        wanted = set(range(self.partitions) if partitions is None else partitions)

        def more_are_there():
            new = self.acked[start:]
            return len(new) >= more and wanted <= {ack["partition"] for ack in new}

        self.running.wait_for(more_are_there, seconds,
                              lambda: f"{more} more acknowledgements, some in each of {sorted(wanted)} of {self.topic}; "
                                      f"{self.cluster.describe(self.topic)}")

    def finish(self):
        """Ends the producer, to whom nothing was refused, and judges."""
        self.stop()
        self.judge(read_all(self.cluster, self.topic, self.partitions))

    def stop(self):
        self.running.process.close_input()
        try:
            events = self.running.finish(_SOON + 30)
        finally:
            failed = self.running.of("failed")
            check(not failed, f"{self.name}: {len(failed)} publishes failed, such as {failed[:2]}")
        check(events[-1]["event"] == "done", f"{self.name}: the producer did not come to its end")

    def judge(self, records):
        try:
            judge(self.acked, records, self.prefix,
                  lambda place: publisher_of(self.cluster.leader(self.topic, place[0]).address, self.topic, *place))
        except Wrong as wrong:
            raise Wrong(f"{self.name}: {wrong}") from wrong


class Loads:
    """Several clients (see available()) at once on one topic, each a load of its own."""

    def __init__(self, cluster, names, topic="load", pace_ms=20):
        self.cluster, self.topic = cluster, topic
        self.loads = [Load(cluster, topic, name, prefix=name, pace_ms=pace_ms, wait=False) for name in names]
        self.partitions = self.loads[0].partitions
        self.goes_on(20)

    def goes_on(self, more=20, seconds=_SOON, partitions=None):
        """As Load's, for each of them; gives the seconds until it was so for all."""
        began = time.monotonic()
        starts = [load.count for load in self.loads]
        for load, start in zip(self.loads, starts):
            load.await_more(start, more, max(1, began + seconds - time.monotonic()), partitions)
        return time.monotonic() - began

    def finish(self):
        for load in self.loads:
            load.stop()
        records = read_all(self.cluster, self.topic, self.partitions)
        for load in self.loads:
            load.judge(records)


def judge(acked, records, prefix, publisher=None):
    """Holds what one producer was told against all that the log holds; Wrong where they differ. `publisher(place)`: who sent what
    stands there, in words, for what is there twice."""
    # Of what is acknowledged by the answer to something later librdkafka does not say where it is.
    placed = [ack for ack in acked if ack["offset"] >= 0]
    places = [(ack["partition"], ack["offset"]) for ack in placed]
    check(len(places) == len(set(places)), "an offset was handed out twice")
    by_place = {}
    for record in records:
        place = record["partition"], record["offset"]
        check(place not in by_place, f"{place} came twice")
        by_place[place] = record
    own = [by_place[place] for place in sorted(by_place) if by_place[place]["value"].startswith(prefix + ".")]
    values = {record["value"] for record in own}
    lost = [ack for ack in placed if by_place.get((ack["partition"], ack["offset"]), {}).get("value") != ack["value"]]
    lost += [ack for ack in acked if ack["offset"] < 0 and ack["value"] not in values]
    check(not lost, f"{len(lost)} of {len(acked)} acknowledged records are not where they were acknowledged, such as "
                    f"{[(a['partition'], a['offset'], a['value'][:20]) for a in lost[:3]]}")
    where = defaultdict(list)
    for record in own:
        where[record["value"]].append((record["partition"], record["offset"]))
    twice = [(value[:24], [(place, publisher(place)) for place in places] if publisher else places)
             for value, places in where.items() if len(places) > 1]
    check(not twice, f"{len(own) - len(where)} records are there twice: {twice[:3]}")
    Journey._check_order(own)


def read_all(cluster, topic, partitions, name="librdkafka"):
    """Every record of the topic, by a real client. Waits for leaders first."""
    for partition in range(partitions):
        cluster.leader(topic, partition)
    spans = ",".join(f"{partition}@0+end" for partition in range(partitions))

    def found():
        try:
            return [client(name).run("read", seconds=60, brokers=cluster.brokers, topic=topic, spans=spans)]
        except ProgramFailed as why:
            # librdkafka's question for the end of a partition does not follow a leader that moves just then, as it does
            # when leadership returns to the preferred broker.
            if "Not leader for partition" not in str(why):
                raise
            return None

    events, = wait_until(found, 30, "leadership does not settle")
    return [event for event in events if event["event"] == "record"]


def publish(cluster, topic, text, partition=None, seconds=10, brokers=None):
    """One record by `godwit produce` with acks=all. Gives its (partition, offset), None where it was refused."""
    where = ["--partition", partition] if partition is not None else []
    done = cluster.run("produce", topic, "--json", *where, text=text + "\n", seconds=seconds, brokers=brokers)
    return done.returncode == 0


def until_published(cluster, topic, partition, seconds):
    """Publishes anew until the cluster takes it; gives the seconds that passed until then."""
    began = time.monotonic()
    number = iter(range(10**6))
    wait_until(lambda: publish(cluster, topic, f"probe-{partition}-{next(number)}", partition, seconds=1), seconds,
               lambda: f"{topic}-{partition} takes no record\n{cluster.describe(topic)}\n{cluster.words()}")
    return time.monotonic() - began
