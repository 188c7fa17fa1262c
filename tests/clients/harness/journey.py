"""The one journey that every client makes, and what must hold afterwards. Each step is a test.

The broker gets killed with -9 while a producer publishes and two members of a group consume; what the client programs were
told (acknowledgements) and what they saw (records) is compared with what the log holds at the end.
"""

import time

from .deadline import wait_until

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 3
KEYS = 8
TOPIC = "journey"
GROUP = "travellers"

# Generous: two cores are shared with a JVM. No step waits for time to pass.
_SOON = 60


class Wrong(Exception):
    """The broker did what it must not."""


def check(condition, what):
    if not condition:
        raise Wrong(what)


class Journey:
    """Steps in order, for one client against one broker (which is not started yet)."""

    STEPS = [
        ("creates a topic", "create"),
        ("publishes keyed records in every codec", "publish_in_every_codec"),
        ("publishes idempotent records in every codec", "publish_idempotent"),
        ("seeks by offset and by time", "seek"),
        ("shares a group between two members", "share_a_group"),
        ("publishes and consumes through a kill -9 and a restart", "cross_a_crash"),
        ("gives a member's partitions to the one that stays", "leave_the_group"),
        ("goes on where the group committed", "resume"),
        ("finds every acknowledged record, once, in order", "read_back"),
        ("stops in order", "stop"),
    ]

    # A step stands on those before it.
    GOES_ON = False

    def __init__(self, client, broker):
        self.client = client
        self.broker = broker
        self.acked = []  # every acknowledgement, of all producers
        self.members = {}
        self.mark_ms = None

    # Steps.

    def create(self):
        self.broker.start()
        self._run("create", partitions=PARTITIONS)

    def publish_in_every_codec(self):
        self._publish("plain", idempotent=0, count=60)

    def publish_idempotent(self):
        # Between the two lies a millisecond that no record bears: seeking by time aims at it.
        self.mark_ms = time.time_ns() // 1_000_000 + 1
        wait_until(lambda: time.time_ns() // 1_000_000 > self.mark_ms, 5, "the clock stands")
        self._publish("idempotent", idempotent=1, count=60)

    def seek(self):
        sizes = {p: sum(1 for a in self.acked if a["partition"] == p) for p in range(PARTITIONS)}
        most, other = sorted(sizes, key=lambda p: -sizes[p])[:2]
        first = min(a["offset"] for a in self.acked
                    if a["partition"] == most and a["value"].startswith("idempotent"))
        middle = sizes[most] // 3
        spans = [(most, middle, f"{most}@{middle}+5", 5), (other, 0, f"{other}@0+3", 3),
                 (most, first, f"{most}@t{self.mark_ms}+4", 4), (most, 1, f"{most}@1+2", 2)]
        found = self._records(self._run("read", spans=",".join(text for _, _, text, _ in spans)))
        by_place = {(a["partition"], a["offset"]): a for a in self.acked}
        for index, (partition, offset, text, count) in enumerate(spans):
            read = [r for r in found if r["span"] == index]
            check([(r["partition"], r["offset"]) for r in read] == [(partition, offset + i) for i in range(count)],
                  f"{text} gave {[(r['partition'], r['offset']) for r in read]}")
            for record in read:
                acked = by_place[record["partition"], record["offset"]]
                check((record["key"], record["value"]) == (acked["key"], acked["value"]),
                      f"at {partition}@{record['offset']} was acknowledged {acked}, and read {record}")

    def share_a_group(self):
        self._join("a")
        self._wait_held({"a"})
        self._wait_seen(["a"], self.acked, "all that was published before")
        self._join("b")
        self._wait_held({"a", "b"})

    def cross_a_crash(self):
        producer = self.client.start("produce", "through the crash", brokers=self.broker.client_address, topic=TOPIC,
                                     codecs="lz4", idempotent=1, keys=KEYS, prefix="crash", pace_ms=4, **{"from": 0})

        def seen_of_crash():
            return sum(1 for m in self.members.values() for r in m.of("record") if r["value"].startswith("crash"))

        producer.wait_for(lambda: len(producer.of("acked")) >= 150, _SOON, "150 acknowledgements before the crash")
        producer.wait_for(lambda: seen_of_crash() >= 50, _SOON, "50 records consumed before the crash")
        self.broker.kill()
        before = len(producer.of("acked"))
        self.broker.start()
        producer.wait_for(lambda: len(producer.of("acked")) >= before + 150, _SOON,
                          "150 acknowledgements after the restart")
        producer.process.close_input()
        self._take_acks(producer.finish(_SOON))
        self._wait_seen(["a", "b"], self.acked, "what was published around the crash")
        self._check_order_seen()

    def leave_the_group(self):
        self.members["a"].stop()
        self._wait_held({"b"})
        self._publish("after", idempotent=1, count=20, codecs=["gzip"])
        self._wait_seen(["a", "b"], self.acked, "what was published after the rebalance")
        self.members["b"].stop()
        self._check_order_seen()

    def resume(self):
        self._publish("late", idempotent=1, count=20, codecs=["snappy"])
        late = [a for a in self.acked if a["value"].startswith("late")]
        self._join("c")
        self._wait_seen(["c"], late, "what was published while nobody was there")
        self.members["c"].stop()
        again = [r for r in self.members["c"].of("record") if not r["value"].startswith("late")]
        check(not again, f"{len(again)} records that the group had committed came again, such as {again[:2]}")

    def read_back(self):
        found = self._records(self._run("read", spans=",".join(f"{p}@0+end" for p in range(PARTITIONS))))
        by_place = {}
        for record in found:
            place = record["partition"], record["offset"]
            check(place not in by_place, f"{place} came twice")
            by_place[place] = record
        for acked in self.acked:
            record = by_place.get((acked["partition"], acked["offset"]))
            check(record is not None, f"acknowledged, but not there: {acked}")
            check((record["key"], record["value"]) == (acked["key"], acked["value"]),
                  f"acknowledged was {acked}, but there is {record}")
        values = [record["value"] for record in found]
        check(len(values) == len(set(values)), f"{len(values) - len(set(values))} records are there twice")
        for partition in range(PARTITIONS):
            offsets = sorted(r["offset"] for r in found if r["partition"] == partition)
            check(offsets == list(range(len(offsets))), f"partition {partition} has gaps in its offsets")
        self._check_order([by_place[place] for place in sorted(by_place)])

    def stop(self):
        code = self.broker.stop()
        expected = [0] if self.broker.name == "godwit" else [0, 143]
        check(code in expected, f"the broker ended with {code}")
        check(not self.broker.errors(), "the broker told of errors:\n" + "\n".join(self.broker.errors()[:5]))

    # What the steps are made of.

    def _run(self, verb, **arguments):
        return self.client.run(verb, brokers=self.broker.client_address, topic=TOPIC, **arguments)

    @staticmethod
    def _records(events):
        return [event for event in events if event["event"] == "record"]

    def _publish(self, prefix, idempotent, count, codecs=None):
        codecs = codecs or CODECS
        events = self._run("produce", codecs=",".join(codecs), idempotent=idempotent, keys=KEYS, prefix=prefix,
                           count=count, **{"from": 0})
        acked = self._take_acks(events)
        expected = {f"{prefix}.{codec}.{number:06d}" for codec in codecs for number in range(count)}
        check({a["value"].rsplit(".", 1)[0] for a in acked} == expected, f"not all of '{prefix}' was acknowledged")
        check(len(acked) == len(expected), f"of '{prefix}' something was acknowledged twice")

    def _take_acks(self, events):
        check(events[-1]["event"] == "done", "the producer did not come to its end")
        acked = [event for event in events if event["event"] == "acked"]
        for ack in acked:
            check(ack["offset"] >= 0 and 0 <= ack["partition"] < PARTITIONS, f"a strange acknowledgement: {ack}")
        places = [(a["partition"], a["offset"]) for a in self.acked + acked]
        check(len(places) == len(set(places)), "an offset was handed out twice")
        self.acked += acked
        return acked

    def _join(self, member):
        self.members[member] = self.client.start("group", member, brokers=self.broker.client_address, topic=TOPIC,
                                                 group=GROUP, member=member)

    def _wait_held(self, names):
        """Waits until just these members share all partitions, each at least one."""
        members = [self.members[name] for name in names]

        def shared():
            held = [(m.last("assigned") or {"partitions": []})["partitions"] for m in members]
            return all(held) and sorted(sum(held, [])) == list(range(PARTITIONS))

        members[0].wait_for(shared, _SOON, f"the partitions are shared by {sorted(names)}; held: " +
                            str([m.last("assigned") for m in members]))

    def _wait_seen(self, names, acked, what):
        wanted = {a["value"] for a in acked}
        members = [self.members[name] for name in names]

        def seen():
            return wanted <= {r["value"] for m in members for r in m.of("record")}

        try:
            members[-1].wait_for(seen, _SOON, f"the group saw {what}")
        except Exception as error:
            missing = wanted - {r["value"] for m in members for r in m.of("record")}
            raise Wrong(f"{len(missing)} acknowledged records were not delivered, such as "
                        f"{[value[:30] for value in sorted(missing)[:3]]}\n{error}") from error

    def _check_order_seen(self):
        """While a member holds a partition, offsets come to it in order, each once."""
        for name, member in self.members.items():
            last = {}
            for event in list(member.events):
                if event["event"] == "assigned":
                    last = {}
                elif event["event"] == "record":
                    before = last.get(event["partition"], -1)
                    check(event["offset"] > before,
                          f"member {name} got {event['partition']}@{event['offset']} after {before}")
                    last[event["partition"]] = event["offset"]

    @staticmethod
    def _check_order(records):
        """Records of one producer and one key stand in the log as they were published."""
        last = {}
        for record in records:
            prefix, codec, number, _ = record["value"].split(".")
            thread = prefix, codec, record["key"]
            check(int(number) > last.get(thread, (-1, None))[0],
                  f"{record['value'][:30]} of key {record['key']} stands after {last.get(thread)}")
            check(last.get(thread, (0, record["partition"]))[1] == record["partition"],
                  f"key {record['key']} is in two partitions")
            last[thread] = int(number), record["partition"]
