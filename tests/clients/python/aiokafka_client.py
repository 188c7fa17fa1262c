#!/usr/bin/env python3
"""aiokafka: the contract of tests/clients/README.md."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from contract import key_of, parse, spans, stopped, tell, value_of

SECONDS = 30


async def create(options):
    admin = AIOKafkaAdminClient(bootstrap_servers=options["brokers"])
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(options["topic"], int(options["partitions"]), 1)],
                                           timeout_ms=SECONDS * 1000)
        for name, code, *rest in answer.topic_errors:
            if code != 0:
                raise RuntimeError(f"{name} is not created: {code} {rest}")
    finally:
        await admin.close()
    tell("created")


async def produce(options):
    stop = stopped()
    paced = int(options.get("pace_ms", 0))
    failed = []

    async def heed(future, key, value):
        try:
            meta = await future
            tell("acked", partition=meta.partition, offset=meta.offset, key=key, value=value)
        except KafkaError as error:
            failed.append(error)
            tell("failed", value=value, why=repr(error))

    for codec in options["codecs"].split(","):
        producer = AIOKafkaProducer(
            bootstrap_servers=options["brokers"], compression_type=None if codec == "none" else codec, linger_ms=5,
            enable_idempotence=options["idempotent"] == "1", acks="all", request_timeout_ms=60000)
        await producer.start()
        number, heeding = int(options["from"]), set()
        while (not stop.is_set()) if paced else number < int(options["from"]) + int(options["count"]):
            key, value = key_of(options, number), value_of(options, codec, number)
            future = await producer.send(options["topic"], key=key.encode(), value=value.encode())
            task = asyncio.create_task(heed(future, key, value))
            heeding.add(task)
            task.add_done_callback(heeding.discard)
            if paced:
                await asyncio.sleep(paced / 1000)  # sleep-ok: the pace that the journey asks for
            number += 1
        await producer.stop()
        if heeding:
            await asyncio.wait(heeding)
    tell("done")
    return 1 if failed else 0


def tell_record(record, **more):
    tell("record", partition=record.partition, offset=record.offset, key=record.key.decode(),
         value=record.value.decode(), time=record.timestamp, **more)


async def read(options):
    consumer = AIOKafkaConsumer(bootstrap_servers=options["brokers"], auto_offset_reset="none",
                                enable_auto_commit=False, group_id=None)
    await consumer.start()
    for index, partition, offset, time, count in spans(options["spans"]):
        at = TopicPartition(options["topic"], partition)
        consumer.assign([at])
        end = (await consumer.end_offsets([at]))[at]
        if time is not None:
            found = (await consumer.offsets_for_times({at: time}))[at]
            offset = end if found is None else found.offset
        consumer.seek(at, offset)
        left = max(0, end - offset) if count is None else count
        while left > 0:
            came = (await consumer.getmany(at, timeout_ms=SECONDS * 1000, max_records=left)).get(at, [])
            if not came:
                raise RuntimeError(f"nothing comes at {partition}@{offset}")
            for record in came:
                tell_record(record, span=index)
            left = (max(0, end - came[-1].offset - 1) if count is None else left - len(came))
    await consumer.stop()
    tell("done")


class Listener(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked):
        tell("assigned", partitions=[])

    async def on_partitions_assigned(self, assigned):
        tell("assigned", partitions=sorted(p.partition for p in assigned))


async def group(options):
    stop = stopped()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options["brokers"], group_id=options["group"], client_id=options["member"],
        auto_offset_reset="earliest", enable_auto_commit=False, session_timeout_ms=10000, heartbeat_interval_ms=500)
    consumer.subscribe([options["topic"]], listener=Listener())
    await consumer.start()
    while not stop.is_set():
        for at, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                tell_record(record)
            try:
                await consumer.commit({at: records[-1].offset + 1})
                tell("committed", partition=at.partition, offset=records[-1].offset + 1)
            except (CommitFailedError, IllegalStateError):
                pass  # a rebalance was quicker: whoever has the partition now reads these again
    await consumer.stop()
    tell("done")


VERBS = {"create": create, "produce": produce, "read": read, "group": group}

if __name__ == "__main__":
    verb, given = parse(sys.argv[1:])
    sys.exit(asyncio.run(VERBS[verb](given)))
