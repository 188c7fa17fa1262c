"""The judge himself: what he is to notice, he notices."""

from load import judge
from scenario import scenario
from harness.journey import Wrong, check


def _log(count):
    return [{"partition": 0, "offset": number, "key": "k0", "value": f"load.none.{number:06d}.x"} for number in range(count)]


def _complains(acked, records):
    try:
        judge(acked, records, "load")
    except Wrong:
        return True
    return False


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
    moved = [{**record, "offset": record["offset"] + 1} for record in sound]
    check(_complains(sound, moved), "records are not where they were acknowledged")
    swapped = [sound[0], {**sound[2], "offset": 1}, {**sound[1], "offset": 2}]
    check(_complains(swapped, swapped), "two records of a key changed places")
