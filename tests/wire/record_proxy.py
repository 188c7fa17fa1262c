"""A proxy between a client and a broker that keeps what they say to each other, frame by frame.

    proxy = RecordProxy(upstream=lambda: broker.address)
    proxy.start()                    # proxy.address is what the client is told, and what the broker must advertise
    …
    exchanges = proxy.stop()         # [Exchange(key, version, request, response), …], frames without their length

It knows of the protocol only the length of a frame, and of a request the first eight bytes (key, version, correlation id).
"""

import asyncio
import dataclasses
import struct
import threading

_FRAME_MAX = 64 << 20
_START_SECONDS = 10


@dataclasses.dataclass
class Exchange:
    """One request with its response (None where none came: acks=0, or the connection broke). Frames without length."""

    key: int
    version: int
    request: bytes
    response: bytes | None = None


class RecordProxy:
    """`upstream()` gives HOST:PORT of the broker whenever a client connects: it may have been started again."""

    def __init__(self, upstream, port=0):
        self._upstream = upstream
        self._port = port
        self._exchanges = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server = None
        self.address = None

    def start(self):
        self._thread.start()
        self._server = self._on_loop(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        self.address = "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]

    def stop(self):
        """Closes the port; gives what was seen so far."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        return list(self._exchanges)

    def _on_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_START_SECONDS)

    async def _serve(self, client_in, client_out):
        host, port = self._upstream().rsplit(":", 1)
        # While the broker is away its port refuses; here one can only let the client wait.
        end = self._loop.time() + _START_SECONDS
        while True:
            try:
                broker_in, broker_out = await asyncio.open_connection(host, int(port))
                break
            except OSError:
                if self._loop.time() > end:
                    client_out.close()
                    return
                await asyncio.sleep(0.05)  # sleep-ok: looks again until the deadline
        waiting = {}
        await asyncio.gather(self._pass(client_in, broker_out, lambda frame: self._asked(waiting, frame)),
                             self._pass(broker_in, client_out, lambda frame: self._answered(waiting, frame)))

    def _asked(self, waiting, frame):
        key, version, correlation = struct.unpack_from(">hhi", frame)
        exchange = Exchange(key, version, frame)
        waiting[correlation] = exchange
        self._exchanges.append(exchange)

    @staticmethod
    def _answered(waiting, frame):
        (correlation,) = struct.unpack_from(">i", frame)
        if correlation in waiting:
            waiting.pop(correlation).response = frame

    @staticmethod
    async def _pass(source, target, heed):
        """Hands frames on until one side is gone, then closes the other."""
        try:
            while True:
                head = await source.readexactly(4)
                (size,) = struct.unpack(">i", head)
                if not 0 <= size <= _FRAME_MAX:
                    break
                frame = await source.readexactly(size)
                heed(frame)
                target.write(head + frame)
                await target.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            target.close()
