"""What readers cost that ask for much and take little: a Fetch each by a connection of its own, and then a few bytes a second."""

import socket
import struct
import time


def _fetch(topic, partition_bytes):
    """A Fetch v4 of partition 0 from its beginning."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, 500, 1, 50 << 20, 0)
    body += struct.pack(">ih", 1, len(name)) + name + struct.pack(">iiqi", 1, 0, 0, partition_bytes)
    request = struct.pack(">hhih", 1, 4, 1, -1) + body
    return struct.pack(">i", len(request)) + request


def memory_of(server, topic, readers, seconds, partition_bytes=8 << 20):
    """The most megabytes that the server grew by while `readers` read 4 KiB a second each, and how many are still served."""
    host, port = server.address.rsplit(":", 1)
    before = server.resident_mb()
    sockets = []
    for _ in range(readers):
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(_fetch(topic, partition_bytes))
        connection.setblocking(False)
        sockets.append(connection)
    most, alive = before, readers
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive = 0
        for connection in sockets:
            try:
                alive += connection.recv(4096) != b""
            except BlockingIOError:
                alive += 1
            except OSError:
                pass
        most = max(most, server.resident_mb())
        time.sleep(1)
    for connection in sockets:
        connection.close()
    return most - before, alive
