#!/usr/bin/env python3
"""confluent-kafka for Python: the contract of tests/clients/README.md."""

import sys

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from contract import key_of, parse, spans, stopped, tell, value_of

SECONDS = 30


def create(options):
    admin = AdminClient({"bootstrap.servers": options["brokers"]})
    topic = NewTopic(options["topic"], num_partitions=int(options["partitions"]), replication_factor=1)
    for future in admin.create_topics([topic], operation_timeout=SECONDS).values():
        future.result(SECONDS)
    tell("created")


def produce(options):
    stop = stopped()
    paced = int(options.get("pace_ms", 0))
    failed = []

    def heed(error, message):
        if error:
            failed.append(error)
            tell("failed", value=message.value().decode(), why=str(error))
        else:
            tell("acked", partition=message.partition(), offset=message.offset(), key=message.key().decode(),
                 value=message.value().decode())

    for codec in options["codecs"].split(","):
        producer = Producer({
            "bootstrap.servers": options["brokers"], "compression.type": codec, "linger.ms": 5,
            "enable.idempotence": options["idempotent"] == "1", "partitioner": "murmur2_random",
            "reconnect.backoff.max.ms": 500, "message.timeout.ms": 60000, "socket.timeout.ms": 10000})
        number = int(options["from"])
        while (not stop.is_set()) if paced else number < int(options["from"]) + int(options["count"]):
            producer.produce(options["topic"], key=key_of(options, number), value=value_of(options, codec, number),
                             on_delivery=heed)
            producer.poll(paced / 1000)
            number += 1
        if producer.flush(SECONDS) > 0:
            raise RuntimeError("flush left records behind")
    tell("done")
    return 1 if failed else 0


def consumer_of(options, **more):
    return Consumer({"bootstrap.servers": options["brokers"], "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "enable.partition.eof": True, "check.crcs": True,
                     "group.id": options.get("group", "unused"), **more})


def tell_record(message, **more):
    tell("record", partition=message.partition(), offset=message.offset(), key=message.key().decode(),
         value=message.value().decode(), time=message.timestamp()[1], **more)


def read(options):
    consumer = consumer_of(options)
    topic = options["topic"]
    for index, partition, offset, time, count in spans(options["spans"]):
        if time is not None:
            found = consumer.offsets_for_times([TopicPartition(topic, partition, time)], timeout=SECONDS)[0]
            if found.error:
                raise KafkaException(found.error)
            offset = OFFSET_END if found.offset < 0 else found.offset
        at = TopicPartition(topic, partition, offset)
        if index == 0 or not any(at.partition == held.partition for held in consumer.assignment()):
            consumer.assign([at])
        else:
            consumer.seek(at)
        while count is None or count > 0:
            message = consumer.poll(SECONDS)
            if message is None:
                raise RuntimeError(f"nothing comes at {partition}@{offset}")
            if message.error():
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                if count is not None:
                    raise RuntimeError(f"the end of partition {partition} comes too early")
                break
            tell_record(message, span=index)
            count = None if count is None else count - 1
    consumer.close()
    tell("done")


def tell_committed(error, offsets):
    for held in [] if error else offsets:
        if not held.error and held.offset >= 0:
            tell("committed", partition=held.partition, offset=held.offset)


def group(options):
    stop = stopped()
    consumer = consumer_of(options, **{
        "enable.partition.eof": False, "session.timeout.ms": 10000, "heartbeat.interval.ms": 500,
        "reconnect.backoff.max.ms": 500, "client.id": options["member"], "on_commit": tell_committed})
    committed = {}

    def give_up(_, __):
        # What comes back is where another left it by then.
        committed.clear()
        tell("assigned", partitions=[])

    consumer.subscribe([options["topic"]], on_revoke=give_up,
                       on_assign=lambda _, given: tell("assigned", partitions=sorted(p.partition for p in given)))
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            if message.error().retriable() or message.error().code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                continue
            raise KafkaException(message.error())
        tell_record(message)
        committed[message.partition()] = message.offset() + 1
        consumer.commit(message=message, asynchronous=True)
    held = {p.partition for p in consumer.assignment()}
    last = [TopicPartition(options["topic"], p, offset) for p, offset in committed.items() if p in held]
    try:
        for done in consumer.commit(offsets=last, asynchronous=False) if last else []:
            if done.error:
                raise KafkaException(done.error)
            tell_committed(None, [done])
    except KafkaException as why:
        # A rebalance was quicker: whoever has the partitions now reads these again.
        if why.args[0].code() not in (KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION):
            raise
    consumer.close()
    tell("done")


VERBS = {"create": create, "produce": produce, "read": read, "group": group}

if __name__ == "__main__":
    verb, given = parse(sys.argv[1:])
    sys.exit(VERBS[verb](given))
