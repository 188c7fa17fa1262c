"""The judge himself: what he is to notice, he notices. And who is judged."""

import contextlib
import io

from load import available, judge
from scenario import scenario
from harness import runtimes
from harness.journey import Wrong, check
from harness.runtimes import Unavailable


def _log(count):
    return [{"partition": 0, "offset": number, "key": "k0", "value": f"load.none.{number:06d}.x"} for number in range(count)]


def _complains(acked, records):
    """What he says; nothing where he is content."""
    try:
        judge(acked, records, "load")
    except Wrong as wrong:
        return str(wrong)
    return ""


@scenario("the judge passes a sound log, and notices loss, repetition, a wrong place and a wrong order")
def notices(_):
    sound = _log(5)
    check(not _complains(sound, sound), "a sound log does not pass")
    check(not _complains(sound[:3], sound), "what was written but never acknowledged is no fault")
    check(_complains(sound, sound[:4]), "the end is lost")
    check(_complains(sound, sound[:2] + sound[3:]), "a record in the middle is lost")
    check(_complains(sound + sound[:1], sound), "an offset was handed out twice")
    again = {**sound[2], "offset": 5}
    check(_complains(sound, sound + [again]), "a record is there twice")
    nine = _log(9)
    said = _complains(nine, nine + [{**record, "offset": record["offset"] + 9} for record in nine])
    check("9 records are there twice" in said and said.count("[(0, ") == 3 and "[(0, 0), (0, 9)]" in said,
          f"of what is there twice not every place is named: {said}")
    nowhere = {**sound[2], "offset": -1001}
    check(not _complains([nowhere], sound), "what is acknowledged without its place is there")
    check(_complains([nowhere], sound[:2] + sound[3:]), "what is acknowledged without its place is lost")
    moved = [{**record, "offset": record["offset"] + 1} for record in sound]
    check(_complains(sound, moved), "records are not where they were acknowledged")
    swapped = [sound[0], {**sound[2], "offset": 1}, {**sound[1], "offset": 2}]
    check(_complains(swapped, swapped), "two records of a key changed places")


@scenario("a client that cannot be had is left out alone, and why is told; without any the scenario is left out")
def left_out(_):
    def missing():
        raise Unavailable("there is no node")

    real, runtimes.CLIENTS = runtimes.CLIENTS, {"here": lambda: "here", "not-here": missing, "nor-here": missing}
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            check(available(["not-here", "here"]) == ["here"], "not just the one that is missing is left out")
        check("not-here" in said.getvalue() and "there is no node" in said.getvalue(), f"it says: {said.getvalue()}")
        try:
            with contextlib.redirect_stdout(said):
                names = available(["not-here", "nor-here"])
            check(False, f"of two that are missing there are {names}")
        except Unavailable as why:
            check("not-here" in str(why) and "nor-here" in str(why), f"it says: {why}")
    finally:
        runtimes.CLIENTS = real
