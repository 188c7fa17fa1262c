"""What the three Python clients share: the contract's arguments in, its events out, and the stop by a closed input."""

import json
import os
import sys
import threading

PADDING = "x" * 100


def parse(arguments):
    """Gives (verb, {name: value})."""
    return arguments[0], dict(word.split("=", 1) for word in arguments[1:])


def tell(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def key_of(options, number):
    return f"k{number % int(options['keys'])}"


def value_of(options, codec, number):
    return f"{options['prefix']}.{codec}.{number:06d}.{PADDING}"


def spans(text):
    """"0@17+5,2@t1700000000000+end" → [(partition, offset or None, time or None, count or None)]."""
    for index, span in enumerate(text.split(",")):
        partition, rest = span.split("@")
        where, count = rest.split("+")
        time = int(where[1:]) if where.startswith("t") else None
        yield (index, int(partition), None if time is not None else int(where), time,
               None if count == "end" else int(count))


def stopped():
    """An Event that is set when standard input is closed."""
    event = threading.Event()

    def watch():
        while os.read(0, 4096):
            pass
        event.set()

    threading.Thread(target=watch, daemon=True).start()
    return event
