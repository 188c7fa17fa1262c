"""Replicas that move from broker to broker, held to a rate, while publishing goes on."""

import json
import re
import time
import urllib.request
from types import SimpleNamespace

from cluster import Cluster
from load import Load
from scenario import scenario
from harness import runtimes
from harness.console_tools import ConsoleTools
from harness.deadline import wait_until
from harness.journey import check

RATE = 3_000_000
RECORDS, SIZE = 18_000, 1000
MOVE_SECONDS = 60


def moved_in(member):
    """Bytes that came to the broker for replicas that are on their way, as it counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/metrics", timeout=10) as page:
        found = re.search(r'^godwit_replication_moved_bytes_total\{direction="in"\} (\d+)', page.read().decode(), re.M)
    check(found, f"broker {member.number} does not count what is moved")
    return int(found[1])


def filled(world):
    """A cluster of four, a topic with RECORDS on three of them, and who is to have it: the fourth in place of a follower."""
    cluster = Cluster(world, brokers=4)
    # Everybody has a share: nobody is a newcomer, to whom replicas would be moved unasked.
    cluster.create("even", partitions=12)
    cluster.create("filled", partitions=1)
    cluster.create("load")
    cluster.say("bench", "produce", "filled", "--records", RECORDS, "--size", SIZE, seconds=60)
    replicas = cluster.describe("filled")[0]["replicas"]
    target = next(m for m in cluster.members if m.number not in replicas)
    return cluster, target, [*replicas[:2], target.number]


class Watch:
    """Measures what came to a broker from now on."""

    def __init__(self, member):
        self.member, self.before, self.began = member, moved_in(member), time.monotonic()

    def check_rate(self):
        moved = moved_in(self.member) - self.before
        rate = moved / (time.monotonic() - self.began)
        check(moved > 0.9 * RECORDS * SIZE, f"only {moved} bytes were counted")
        check(rate <= 1.2 * RATE, f"{moved} bytes came at {rate:.0f} a second, {RATE} were allowed")


def arrived(cluster, replicas):
    found = cluster.describe("filled")
    return found and found[0]["replicas"] == replicas and sorted(found[0]["inSync"]) == sorted(replicas)


@scenario("a throttled move keeps to its rate, tells how far it is, and publishing goes on")
def throttled_move(world):
    cluster, target, replicas = filled(world)
    load = Load(cluster)
    watch = Watch(target)
    cluster.say("topic", "reassign", "filled", "--partition", 0, "--replicas", ",".join(map(str, replicas)), "--throttle",
                f"{RATE}")
    lags, progress = [], []

    def lag():
        """What the new replica lacks; None before it has heard its leader."""
        return next((one["lagRecords"] for found in cluster.describe("filled") for one in found["state"]
                     if one["broker"] == target.number), None)

    def looked():
        lags.append(lag())
        progress.append(json.loads(cluster.say("cluster", "status", "--json")))
        return arrived(cluster, replicas)

    wait_until(looked, MOVE_SECONDS, lambda: f"it does not move: {cluster.describe('filled')}\n{cluster.words()}")
    watch.check_rate()
    check(any(lags), f"the new replica never lagged: {lags}")
    wait_until(lambda: lag() == 0, 10, lambda: f"it lags in the end: {cluster.describe('filled')}")
    under_way = [one for one in progress if one["moving"] == 1 and one.get("secondsLeft") is not None]
    check(under_way, f"no estimate was told: {progress}")
    check(all(0 < one["bytesCopied"] < one["bytesToCopy"] for one in under_way), f"{under_way}")
    load.goes_on(50)
    load.finish()


@scenario("kafka-reassign-partitions --throttle moves at that rate, --verify takes the throttle back")
def kafkas_tool(world):
    tools = runtimes.java_program("Tools")
    cluster, target, replicas = filled(world)
    tool = ConsoleTools(tools, SimpleNamespace(client_address=cluster.brokers))
    wish = world.folder / "wish.json"
    wish.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "filled", "partition": 0, "replicas": replicas, "log_dirs": ["any"] * 3}]}))
    watch = Watch(target)
    tool.reassign("--reassignment-json-file", str(wish), "--execute", "--throttle", str(RATE),
                  says="Successfully started partition reassignment")
    told = cluster.say("topic", "config", "filled")
    check("follower.replication.throttled.replicas" in told, f"the tool set no throttle: {told}")
    wait_until(lambda: arrived(cluster, replicas), MOVE_SECONDS,
               lambda: f"it does not move: {cluster.describe('filled')}\n{cluster.words()}")
    watch.check_rate()
    told = tool.reassign("--reassignment-json-file", str(wish), "--verify")
    check("is completed" in told and "Clearing broker-level throttles" in told, told)
    told = cluster.say("topic", "config", "filled")
    check("throttled.replicas" not in told, f"the throttle is not taken back: {told}")


@scenario("a broker is drained under load: nothing is left there, nothing is lost")
def drained(world):
    cluster = Cluster(world, brokers=4)
    cluster.create("load", partitions=8)
    load = Load(cluster)
    leaving = cluster.leader("load", 0)
    cluster.say("cluster", "drain", leaving.number, "--wait", "--throttle", "20MB/s", seconds=MOVE_SECONDS)
    for found in cluster.describe("load"):
        check(leaving.number not in found["replicas"], f"it is not empty: {found}")
    load.goes_on(50)
    check(leaving.stop() == 0, f"it did not end well\n{leaving.words()}")
    load.goes_on(50)
    cluster.await_full_isr("load")
    load.finish()
