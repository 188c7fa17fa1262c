#!/usr/bin/env python3
"""kcat: the contract of tests/clients/README.md, by kcat's own options.

kcat has no administration: `create` lets the broker create the topic on demand, with the partitions that the broker gives
it. It says of an acknowledgement only partition and offset: which record that was follows from the partitioner (CRC-32 of
the key) and from the order within the partition.
"""

import re
import signal
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contract import key_of, parse, spans, stopped, tell, value_of  # noqa: E402
from harness.process import Process, die_with_parent  # noqa: E402

SECONDS = 30
FORMAT = "%p\\t%o\\t%T\\t%k\\t%s\\n"


def kcat(options, *words):
    # -E: a broker that is away for a moment is no reason to leave.
    return ["kcat", "-E", "-b", options["brokers"], "-X", "reconnect.backoff.max.ms=500", *words]


def partitions_of(options):
    listed = subprocess.run(kcat(options, "-L", "-t", options["topic"]), capture_output=True, text=True,
                            timeout=SECONDS, check=True, preexec_fn=die_with_parent).stdout
    found = re.search(r'topic "' + re.escape(options["topic"]) + r'" with (\d+) partitions:\n', listed)
    return int(found.group(1)) if found else 0


def create(options):
    for _ in range(10):
        if partitions_of(options) == int(options["partitions"]):
            tell("created")
            return 0
    raise RuntimeError("the broker does not create the topic on demand")


def produce(options):
    stop = stopped()
    paced = int(options.get("pace_ms", 0))
    count = partitions_of(options)
    failed = []
    for codec in options["codecs"].split(","):
        waiting = [[] for _ in range(count)]

        def heed(line, waiting=waiting):
            found = re.search(r"Message delivered to partition (\d+) \(offset (-?\d+)\)", line)
            if found:
                partition, offset = int(found.group(1)), int(found.group(2))
                key, value = waiting[partition].pop(0)
                tell("acked", partition=partition, offset=offset, key=key, value=value)
            elif "Delivery failed" in line:
                failed.append(line)

        child = Process(
            kcat(options, "-P", "-t", options["topic"], "-K", "\\t", "-z", codec, "-v", "-v", "-v",
                 "-X", f"enable.idempotence={'true' if options['idempotent'] == '1' else 'false'}",
                 "-X", "linger.ms=5", "-X", "message.timeout.ms=60000", "-X", "socket.timeout.ms=10000"), "kcat -P", on_complaint=heed)
        number = int(options["from"])
        while child.alive and (not stop.is_set() if paced else number < int(options["from"]) + int(options["count"])):
            key, value = key_of(options, number), value_of(options, codec, number)
            waiting[zlib.crc32(key.encode()) % count].append((key, value))
            child.write(f"{key}\t{value}\n")
            if paced:
                stop.wait(paced / 1000)
            number += 1
        child.close_input()
        code = child.wait(SECONDS * 2)
        if code != 0 or failed:
            raise RuntimeError(f"kcat ended with {code}\n{child.last_words(40)}")
        if any(waiting):
            raise RuntimeError(f"kcat ended, but {sum(map(len, waiting))} records are without an answer")
    tell("done")
    return 0


def tell_record(line, **more):
    partition, offset, time, key, value = line.split("\t")
    tell("record", partition=int(partition), offset=int(offset), key=key, value=value, time=int(time), **more)


def read(options):
    for index, partition, offset, time, count in spans(options["spans"]):
        start = f"s@{time}" if time is not None else str(offset)
        words = ["-C", "-q", "-e", "-t", options["topic"], "-p", str(partition), "-o", start, "-f", FORMAT]
        if count is not None:
            words += ["-c", str(count)]
        done = subprocess.run(kcat(options, *words), capture_output=True, text=True, timeout=SECONDS * 2,
                              check=False, preexec_fn=die_with_parent)
        lines = done.stdout.splitlines()
        if done.returncode != 0 or (count is not None and len(lines) != count):
            raise RuntimeError(f"kcat ended with {done.returncode} after {len(lines)} records\n{done.stderr}")
        for line in lines:
            tell_record(line, span=index)
    tell("done")
    return 0


def group(options):
    stop = stopped()

    def heed(line):
        found = re.search(r"Group \S+ rebalanced \(memberid [^)]*\): (assigned|revoked)[: ]*(.*)", line)
        if found:
            given = re.findall(r"\[(\d+)\]", found.group(2)) if found.group(1) == "assigned" else []
            tell("assigned", partitions=sorted(map(int, given)))

    child = Process(
        kcat(options, "-u", "-f", FORMAT, "-X", "session.timeout.ms=10000", "-X", "heartbeat.interval.ms=500",
             "-X", "auto.offset.reset=earliest", "-X", "auto.commit.interval.ms=500",
             "-X", f"client.id={options['member']}", "-G", options["group"], options["topic"]),
        "kcat -G", on_line=tell_record, on_complaint=heed)
    while child.alive and not stop.wait(0.05):
        pass
    if not stop.is_set():
        raise RuntimeError(f"kcat ended with {child.code}\n{child.last_words(40)}")
    child.signal(signal.SIGTERM)
    child.wait(SECONDS)
    tell("done")
    return 0


VERBS = {"create": create, "produce": produce, "read": read, "group": group}

if __name__ == "__main__":
    verb, given = parse(sys.argv[1:])
    sys.exit(VERBS[verb](given))
