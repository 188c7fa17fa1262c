#!/usr/bin/env python3
"""kafka-python: the contract of tests/clients/README.md."""

import sys

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import CommitFailedError, RebalanceInProgressError
from kafka.structs import OffsetAndMetadata

from contract import key_of, parse, spans, stopped, tell, value_of

SECONDS = 30


def create(options):
    admin = KafkaAdminClient(bootstrap_servers=options["brokers"])
    admin.create_topics([NewTopic(options["topic"], int(options["partitions"]), 1)], timeout_ms=SECONDS * 1000)
    admin.close()
    tell("created")


def produce(options):
    stop = stopped()
    paced = int(options.get("pace_ms", 0))
    failed = []

    def heed_failure(error, value):
        failed.append(error)
        tell("failed", value=value, why=repr(error))

    for codec in options["codecs"].split(","):
        producer = KafkaProducer(
            bootstrap_servers=options["brokers"], compression_type=None if codec == "none" else codec, linger_ms=5,
            enable_idempotence=options["idempotent"] == "1", acks="all", reconnect_backoff_max_ms=500,
            retries=1000, delivery_timeout_ms=60000)
        number = int(options["from"])
        while (not stop.is_set()) if paced else number < int(options["from"]) + int(options["count"]):
            key, value = key_of(options, number), value_of(options, codec, number)
            producer.send(options["topic"], key=key.encode(), value=value.encode()).add_callback(
                lambda meta, key=key, value=value: tell(
                    "acked", partition=meta.partition, offset=meta.offset, key=key, value=value)
            ).add_errback(heed_failure, value)
            stop.wait(paced / 1000) if paced else None
            number += 1
        producer.flush(timeout=SECONDS)
        producer.close(timeout=SECONDS)
    tell("done")
    return 1 if failed else 0


def tell_record(record, **more):
    tell("record", partition=record.partition, offset=record.offset, key=record.key.decode(),
         value=record.value.decode(), time=record.timestamp, **more)


def read(options):
    consumer = KafkaConsumer(bootstrap_servers=options["brokers"], auto_offset_reset="none", enable_auto_commit=False,
                             group_id=None)
    for index, partition, offset, time, count in spans(options["spans"]):
        at = TopicPartition(options["topic"], partition)
        consumer.assign([at])
        end = consumer.end_offsets([at])[at]
        if time is not None:
            found = consumer.offsets_for_times({at: time})[at]
            offset = end if found is None else found.offset
        consumer.seek(at, offset)
        left = max(0, end - offset) if count is None else count
        while left > 0:
            came = consumer.poll(timeout_ms=SECONDS * 1000, max_records=left).get(at, [])
            if not came:
                raise RuntimeError(f"nothing comes at {partition}@{offset}")
            for record in came:
                tell_record(record, span=index)
            left = (max(0, end - came[-1].offset - 1) if count is None else left - len(came))
    consumer.close()
    tell("done")


class Listener(ConsumerRebalanceListener):
    def __init__(self, seen):
        self._seen = seen

    def on_partitions_revoked(self, revoked):
        # What comes back is where another left it by then.
        self._seen.clear()
        tell("assigned", partitions=[])

    def on_partitions_assigned(self, assigned):
        tell("assigned", partitions=sorted(p.partition for p in assigned))


def group(options):
    stop = stopped()
    consumer = KafkaConsumer(
        bootstrap_servers=options["brokers"], group_id=options["group"], client_id=options["member"],
        auto_offset_reset="earliest", enable_auto_commit=False, session_timeout_ms=10000, heartbeat_interval_ms=500,
        reconnect_backoff_max_ms=500)
    seen = {}
    consumer.subscribe([options["topic"]], listener=Listener(seen))
    while not stop.is_set():
        for at, records in consumer.poll(timeout_ms=100).items():
            for record in records:
                tell_record(record)
            seen[at] = records[-1].offset + 1
            try:
                consumer.commit_async({at: OffsetAndMetadata(seen[at], "", -1)})
            except CommitFailedError:
                pass  # a rebalance was quicker: whoever has the partition now reads these again
    last = {at: OffsetAndMetadata(offset, "", -1) for at, offset in seen.items() if at in consumer.assignment()}
    try:
        if last:
            consumer.commit(last)
        for at, held in last.items():
            tell("committed", partition=at.partition, offset=held.offset)
    except (CommitFailedError, RebalanceInProgressError):
        pass
    consumer.close()
    tell("done")


VERBS = {"create": create, "produce": produce, "read": read, "group": group}

if __name__ == "__main__":
    verb, given = parse(sys.argv[1:])
    sys.exit(VERBS[verb](given))
