"""A broker that stops without dying."""

from cluster import Cluster
from frames import fetch_later
from load import Load
from scenario import scenario
from stores import STORES
from harness.deadline import wait_until
from harness.journey import check


def leader(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    led = cluster.led_by("load", victim)
    others = [partition for partition in range(3) if partition not in led]
    victim.pause()
    # How soon is for bench/run to say (part hang).
    load.goes_on(1, 30, partitions=led)
    load.goes_on(20, partitions=others)
    victim.resume()
    load.goes_on(100)
    cluster.await_full_isr("load")
    load.finish()


def controller(world, kind):
    cluster = Cluster(world, kind)
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.controller()
    victim.pause()
    wait_until(lambda: cluster.controller() is not victim, 20, "nobody takes the office")
    # The one that hangs may be taken for dead already: two are there for certain.
    cluster.create("meanwhile", replicas=2)
    victim.resume()
    cluster.await_full_isr("meanwhile")
    cluster.await_full_isr("load")
    check(cluster.controller() is not victim, "the one that hung is in office again")
    load.goes_on(100)
    load.finish()


for _kind in STORES:
    @scenario(f"SIGSTOP of a leader with {_kind}: writes go on elsewhere, after SIGCONT nothing diverges")
    def _leader(world, kind=_kind):
        leader(world, kind)

    @scenario(f"SIGSTOP of the controller with {_kind}: another takes the office, and the one that wakes up gives way")
    def _controller(world, kind=_kind):
        controller(world, kind)


@scenario("a leader that wakes up does not tell a reader that what was published meanwhile is out of range")
def wakes_up(world):
    cluster = Cluster(world)
    cluster.create("load", partitions=1)
    load = Load(cluster, hang_ms=4000)
    victim = cluster.leader("load")
    victim.pause()
    known = max(ack["offset"] for ack in load.acked)
    load.goes_on(200, 30)
    end = max(ack["offset"] for ack in load.acked)
    check(cluster.leader("load") is not victim, "nobody else leads")
    check(end > known + 100, f"it may have all up to {end} itself: it had {known} when it stopped")
    # These lie in its sockets, and it reads them in its first moment, when it does not know yet that another leads.
    answers = [fetch_later(victim.address, "load", 0, end) for _ in range(20)]
    victim.resume()
    codes = {answer() for answer in answers}
    # 1 is OFFSET_OUT_OF_RANGE, upon which a client begins anew at the beginning, or goes on at the end.
    check(1 not in codes and codes <= {0, 6, 78}, f"it answers {codes}")
    cluster.await_full_isr("load")
    load.finish()
