"""Keeps the frames of a client's journey as goldens for tests/wire: what each client really sends, and what it is answered.

Of each request and version of a client one exchange is kept, the fullest that is not too large. What the frames say is told
by Kafka's own classes (java/Explain.java), not by ours.
"""

import importlib.util
import json
import re

from . import runtimes
from .broker import REPOSITORY
from .program import Program

WIRE = REPOSITORY / "tests/wire"
GOLDENS = WIRE / "goldens"

# Of one exchange, both frames together. The fullest below this is kept, or the smallest of all.
_EXCHANGE_BYTES = 1500

_EXPLAIN_SECONDS = 60

# Requests that clients send to Kafka and that godwit does not offer, so that they never come to it: ConsumerGroupDescribe,
# GetTelemetrySubscriptions, PushTelemetry.
_NOT_OFFERED = {69, 71, 72}


def _proxy_class():
    spec = importlib.util.spec_from_file_location("record_proxy", WIRE / "record_proxy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RecordProxy


class Recording:
    """Stands between the broker (which must not be started yet) and the client `name`."""

    def __init__(self, name, broker):
        self._name = name
        self._proxy = _proxy_class()(lambda: broker.address)
        self._proxy.start()
        broker.advertised = self._proxy.address

    def keep(self):
        """Writes the goldens anew; gives how many there are."""
        chosen = {}
        for exchange in self._proxy.stop():
            if exchange.response is None or exchange.key in _NOT_OFFERED or _is_too_new(exchange):
                continue
            size = len(exchange.request) + len(exchange.response)
            place = exchange.key, exchange.version
            held = chosen.get(place)
            if held is None or _rank(size) > _rank(held[0]):
                chosen[place] = size, exchange
        folder = GOLDENS / self._name
        folder.mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob("*.hex"), *folder.glob("*.expected")]:
            old.unlink()
        explained = _explain([exchange for _, exchange in chosen.values()])
        for (_, exchange), told in zip(chosen.values(), explained):
            stem = f"{told['name']}-v{exchange.version}"
            (folder / f"{stem}.hex").write_text(_wrapped(exchange.request) + "\n" + _wrapped(exchange.response))
            (folder / f"{stem}.expected").write_text(
                "".join(f"request {line}\n" for line in flatten(told["request"])) +
                "".join(f"response {line}\n" for line in flatten(told["response"])))
        return len(chosen)


def _is_too_new(exchange):
    """An ApiVersions that the broker does not know is answered in version 0 by UNSUPPORTED_VERSION (35)."""
    return exchange.key == 18 and exchange.response[4:6] == b"\0\x23"


def _rank(size):
    return (1, size) if size <= _EXCHANGE_BYTES else (0, -size)


def _wrapped(frame):
    digits = frame.hex()
    return "".join(digits[i:i + 96] + "\n" for i in range(0, len(digits), 96))


def _explain(exchanges):
    """Asks Kafka's classes what the frames say: [{"name": …, "request": {…}, "response": {…}}, …]."""
    explain = Program("explain", runtimes.java_program("Explain")).start("")
    for exchange in exchanges:
        explain.process.write(f"{exchange.request.hex()} {exchange.response.hex()}\n")
    explain.process.close_input()
    return explain.finish(_EXPLAIN_SECONDS)


def flatten(value, path=""):
    """{"topics": [{"name": "a"}]} → ["topics[0].name=a"], with names in snake_case; what is empty leaves no line."""
    if isinstance(value, dict):
        for name, inner in value.items():
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            yield from flatten(inner, f"{path}.{snake}" if path else snake)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{path}[{index}]")
    elif isinstance(value, str) and re.fullmatch(r"<\d+ bytes>", value):
        yield f"{path}={value}"
    else:
        yield f"{path}={json.dumps(value, ensure_ascii=False)}"
