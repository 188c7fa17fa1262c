"""ZooKeeper, node by node: as much of its protocol as it takes to look at what godwit keeps there, and to damage it.

docs/formats/coordination.md ("The nodes of ZooKeeper") says which node holds which key.
"""

import re
import socket
import struct
from urllib.parse import unquote_to_bytes

_CREATE, _DELETE, _GET_DATA, _SET_DATA, _GET_CHILDREN = 1, 2, 4, 5, 8
_NO_NODE = -101


class Nodes:
    """A session; with-statement, or close()."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._number = 0
        self._send(struct.pack(">iqiq", 0, 0, 10000, 0) + _buffer(b"\0" * 16))
        self._receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def get(self, path):
        """The node's bytes; None where there is no such node."""
        answer = self._ask(_GET_DATA, _text(path) + b"\0")
        return None if answer is None else _read_buffer(answer)

    def children(self, path):
        answer = self._ask(_GET_CHILDREN, _text(path) + b"\0") or struct.pack(">i", 0)
        count, = struct.unpack_from(">i", answer)
        names, at = [], 4
        for _ in range(count):
            length, = struct.unpack_from(">i", answer, at)
            names.append(answer[at + 4:at + 4 + length].decode())
            at += 4 + length
        return names

    def put(self, path, value):
        """Sets the node's bytes; makes it, with those above it, where it is not there."""
        if self._ask(_SET_DATA, _text(path) + _buffer(value) + struct.pack(">i", -1)) is not None:
            return
        parent = path.rsplit("/", 1)[0]
        if parent and self.get(parent) is None:
            self.put(parent, b"")
        anyone = struct.pack(">ii", 1, 31) + _text("world") + _text("anyone")
        self._ask(_CREATE, _text(path) + _buffer(value) + anyone + struct.pack(">i", 0))

    def remove(self, path):
        self._ask(_DELETE, _text(path) + struct.pack(">i", -1))

    def _ask(self, kind, body):
        self._number += 1
        self._send(struct.pack(">ii", self._number, kind) + body)
        answer = self._receive()
        _, _, error = struct.unpack_from(">iqi", answer)
        if error == _NO_NODE:
            return None
        if error != 0:
            raise RuntimeError(f"ZooKeeper answers {error}")
        return answer[16:]

    def _send(self, frame):
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)

    def _receive(self):
        return self._exactly(*struct.unpack(">i", self._exactly(4)))

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise RuntimeError("ZooKeeper hung up")
            data += more
        return data


def _buffer(data):
    return struct.pack(">i", len(data)) + data


def _text(word):
    return _buffer(word.encode())


def _read_buffer(answer):
    length, = struct.unpack_from(">i", answer)
    return answer[4:4 + max(length, 0)]


def node_of(root, key):
    """The node that holds a key such as "/topics/abc"."""
    slash = key.find("/", 1)
    group, rest = ("", key) if slash < 0 else (key[:slash + 1], key[slash + 1:])
    cut = rest.find("/")
    bucket = _crc32c((rest if cut < 0 else rest[:cut]).encode()) & 0xFF
    return f"{root}/keys/{_escaped(group)}/{bucket:02X}/{_escaped(rest)}"


def key_of(group, rest):
    return _plain(group) + _plain(rest)


def _escaped(name):
    if not name:
        return "@"
    def one(match):
        return "".join(f"%{byte:02X}" for byte in match[0].encode())
    escaped = re.sub(r"[^A-Za-z0-9_\-./]", one, name).replace("/", "+")
    return "%2E" + escaped[1:] if escaped[0] == "." else escaped


def _plain(name):
    return "" if name == "@" else unquote_to_bytes(name.replace("+", "/")).decode()


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
