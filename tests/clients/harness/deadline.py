"""Waiting for something with an end to it."""

import time


class TooLate(Exception):
    """What was waited for did not happen in time."""


def wait_until(condition, seconds, what):
    """Gives what `condition()` gives as soon as that is true; TooLate, naming `what`, after `seconds`.

    `what` may be a function, asked when it is too late: what stands then is what somebody wants to read.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TooLate(f"{what() if callable(what) else what} (waited {seconds:g} s)")
        time.sleep(0.01)  # sleep-ok: looks again until the deadline
