"""Requests that no client of a kind sends, byte by byte."""

import socket
import struct


def text(word):
    return struct.pack(">h", len(word)) + word.encode()


class Asked:
    """A request, with a header of version 1, that was sent on a connection of its own and whose answer was not read yet."""

    def __init__(self, address, key, version, body):
        frame = struct.pack(">hhi", key, version, 7) + text("stranger") + body
        host, port = address.split(":")
        self._connection = socket.create_connection((host, int(port)), 5)
        self._connection.sendall(struct.pack(">i", len(frame)) + frame)

    def answer(self, seconds=10):
        """What follows the answer's correlation id, b"" where the broker hung up instead."""
        with self._connection as connection:
            connection.settimeout(seconds)
            try:
                answer = b""
                while len(answer) < 4 or len(answer) < 4 + struct.unpack_from(">i", answer)[0]:
                    more = connection.recv(65536)
                    if not more:
                        return b""
                    answer += more
                return answer[8:]
            except ConnectionResetError:
                return b""


def ask(address, key, version, body):
    """Sends one request and gives its answer, as Asked."""
    return Asked(address, key, version, body).answer()


def fetch_as_replica(address, topic, replica, offset):
    """A Fetch in the name of a broker. Gives the partition's error code, None where none was answered."""
    return fetch(address, topic, 0, offset, replica)


def fetch(address, topic, partition, offset, replica=-1):
    """A Fetch of version 4, which names no leader epoch. Gives the partition's error code, None where none was answered."""
    return fetch_later(address, topic, partition, offset, replica)()


def fetch_later(address, topic, partition, offset, replica=-1):
    """The same, sent when this returns; gives what waits for the answer."""
    answer = _fetch_later(address, topic, partition, offset, replica)

    def code():
        told = answer()
        return struct.unpack_from(">h", told)[0] if told else None

    return code


def publisher_of(address, topic, partition, offset):
    """Who sent the batch in which this record is: its producer id and epoch, the batch's first sequence and its offsets; None where
    the leader at the address does not give it."""
    answer = _fetch_later(address, topic, partition, offset)()
    at = 2 + 8 + 8 + 4 + 4  # error, high watermark, last stable offset, aborted transactions, bytes
    if len(answer) < at + 61 or struct.unpack_from(">h", answer)[0] != 0:
        return None
    first, = struct.unpack_from(">q", answer, at)
    last, = struct.unpack_from(">i", answer, at + 23)
    producer, epoch, sequence = struct.unpack_from(">qhi", answer, at + 43)
    return f"producer {producer} epoch {epoch} sequence {sequence} at {first}..{first + last}"


def _fetch_later(address, topic, partition, offset, replica=-1):
    """Gives what waits for the answer, as it speaks of the partition, from the error code on; b"" where it does not."""
    body = struct.pack(">iiiib", replica, 100, 1, 1 << 20, 0) + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">i", 1) + struct.pack(">iqi", partition, offset, 1 << 20)
    asked = Asked(address, 1, 4, body)

    def part():
        answer = asked.answer(20)
        if len(answer) < 8 or struct.unpack_from(">i", answer, 4)[0] == 0:
            return b""
        # throttle, topics, name, partitions, partition
        return answer[4 + 4 + 2 + len(topic) + 4 + 4:]

    return part


def find_manager(address, group):
    """The id of the broker that manages the group; None while that is not known."""
    answer = ask(address, 10, 1, text(group) + b"\0")
    if not answer:
        return None
    error, length = struct.unpack_from(">hh", answer, 4)
    node, = struct.unpack_from(">i", answer, 8 + max(length, 0))
    return node if error == 0 else None


def create_topic(address, topic, partitions, replicas, **configs):
    """A CreateTopics of version 4. Gives the topic's error code and what is said with it."""
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">ihi", partitions, replicas, 0) + struct.pack(">i", len(configs))
    for name, value in configs.items():
        body += text(name.replace("_", ".")) + text(str(value))
    answer = ask(address, 19, 4, body + struct.pack(">ib", 20000, 0))
    # throttle, topics, name, error, message
    error, length = struct.unpack_from(">hh", answer, 4 + 4 + 2 + len(topic))
    return error, answer[4 + 4 + 2 + len(topic) + 4:][:max(length, 0)].decode()
