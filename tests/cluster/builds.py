"""A roll from one build to the next: `godwit_next` is the same program, one version and one feature level further."""

import json
import os
import subprocess
from pathlib import Path

from bad_input import ended
from clients_of_others import NAMED, begin
from cluster import Cluster
from load import Load
from rolls import roll_one_by_one
from scenario import scenario
from harness.broker import godwit_binary
from harness.journey import check


def next_build():
    program = Path(os.environ.get("GODWIT_NEXT_BINARY", godwit_binary().with_name("godwit_next")))
    if not program.exists():
        raise RuntimeError(f"there is no {program}: the build's target godwit_next makes it")
    return program


def version_of(program):
    return subprocess.run([program, "version"], capture_output=True, text=True, check=True, timeout=20).stdout.split()[1]


def levels(cluster):
    """The level at which the cluster works, and the highest that all its brokers take."""
    status = json.loads(cluster.say("cluster", "status", "--json"))
    return status["featureLevel"], status["featureLevelMax"]


@scenario("a roll from one build to the next under each client: the level stays until it is raised, then the old is refused")
def under_each_client(world):
    to_the_next(*begin(world, NAMED))


for _kind in ("zookeeper", "managed-etcd"):
    @scenario(f"{_kind}: a roll from one build to the next under load, back, and on; then the old is refused")
    def _with_another(world, kind=_kind):
        cluster = Cluster(world, kind)
        cluster.create("load")
        to_the_next(cluster, Load(cluster))


def to_the_next(cluster, loads):
    old, new = godwit_binary(), next_build()
    check(version_of(old) != version_of(new), "both are the same build")
    level, most = levels(cluster)
    check(most == level, f"the old build takes more than it is at: {level}, {most}")

    def take_the_new(member):
        refused = cluster.run("cluster", "upgrade", "--to", level + 1, seconds=10)
        check(refused.returncode != 0 and "level" in refused.stdout + refused.stderr, f"raised in the mix: {refused}")
        check(levels(cluster)[0] == level, "the level rose in the mix")
        member.program = new

    roll_one_by_one(cluster, loads, take_the_new)
    check(levels(cluster) == (level, level + 1), f"after the roll: {levels(cluster)}")

    # Until then there is a way back.
    first = cluster.members[0]
    restart(cluster, loads, first, old)
    restart(cluster, loads, first, new)
    cluster.say("cluster", "upgrade")
    check(levels(cluster) == (level + 1, level + 1), f"after the order: {levels(cluster)}")
    loads.goes_on()

    check(first.stop() == 0, f"it did not stop in order\n{first.words()}")
    first.program = old
    first.begin()
    ended(first, "too old")
    loads.goes_on()
    first.program = new
    first.start()
    cluster.await_full_isr(loads.topic)
    loads.finish()


def restart(cluster, loads, member, program):
    check(member.stop() == 0, f"it did not stop in order\n{member.words()}")
    member.program = program
    member.start()
    cluster.await_full_isr(loads.topic)
    loads.goes_on()
