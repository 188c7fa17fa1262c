"""The few Kafka requests that a benchmark asks a cluster itself: what stands where, topics on chosen brokers, elections."""

import socket
import struct


class _Answer:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        size = self.take("h")
        self.at += max(size, 0)
        return self.data[self.at - size:self.at].decode() if size >= 0 else None

    def each(self, read):
        return [read() for _ in range(self.take("i"))]


def _text(value):
    return struct.pack(">h", len(value)) + value.encode()


def _each(values, write):
    return struct.pack(">i", len(values)) + b"".join(map(write, values))


def _ask(address, api, version, body, seconds):
    host, port = address.rsplit(":", 1)
    request = struct.pack(">hhi", api, version, 1) + _text("bench") + body
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(struct.pack(">i", len(request)) + request)
        stream = connection.makefile("rb")
        size = stream.read(4)
        data = stream.read(struct.unpack(">i", size)[0]) if len(size) == 4 else b""
        if len(data) < 4:
            raise ConnectionError(f"{address} closed the connection")
    return _Answer(data[4:])


class View:
    """`brokers`: ids. `topics`: {name: {partition: (leader, replicas, in sync)}}. As one broker has it."""

    def __init__(self, answer):
        answer.take("i")

        def broker():
            number = answer.take("i")
            answer.text(), answer.take("i"), answer.text()
            return number

        self.brokers = set(answer.each(broker))
        answer.text()
        self.controller = answer.take("i")
        self.topics = {}

        def number():
            return answer.take("i")

        def topic():
            answer.take("h")
            partitions = self.topics[answer.text()] = {}
            answer.take("b")

            def partition():
                answer.take("h")
                index, leader = answer.take("i"), answer.take("i")
                answer.take("i")
                replicas, in_sync = answer.each(number), answer.each(number)
                answer.each(number)
                partitions[index] = leader, replicas, in_sync
            answer.each(partition)
        answer.each(topic)


def metadata(address, topics, seconds=5):
    return View(_ask(address, 3, 7, _each(topics, _text) + b"\0", seconds))


def create_topic(address, name, assignment, configs=None, seconds=120):
    """`assignment`: for each partition its brokers, the preferred leader first."""
    def one(entry):
        index, brokers = entry
        return struct.pack(">i", index) + _each(brokers, lambda b: struct.pack(">i", b))

    body = struct.pack(">i", 1) + _text(name) + struct.pack(">ih", -1, -1) + _each(list(enumerate(assignment)), one)
    body += _each(sorted((configs or {}).items()), lambda pair: _text(pair[0]) + _text(str(pair[1])))
    body += struct.pack(">ib", seconds * 1000, 0)
    answer = _ask(address, 19, 4, body, seconds)
    answer.take("i"), answer.take("i"), answer.text()
    code, message = answer.take("h"), answer.text()
    if code:
        raise RuntimeError(f"topic {name} was not created: error {code}: {message}")


def elect_preferred(address, topic, partitions, seconds=10):
    """Leadership goes back to the first replica of each. What cannot be done is left: the caller looks at the outcome."""
    body = b"\0" + struct.pack(">i", 1) + _text(topic) + _each(partitions, lambda p: struct.pack(">i", p))
    _ask(address, 43, 1, body + struct.pack(">i", seconds * 1000), seconds)
