"""A reader that says in which rack it stands (KIP-392)."""

import subprocess
import urllib.request

from cluster import Cluster
from scenario import scenario
from harness.deadline import wait_until
from harness.journey import check
from harness.process import _inherited, die_with_parent

RECORDS = 3000


def sent(member):
    """Bytes of its answers so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith("godwit_bytes_out_total")))


def read(cluster, rack):
    """How many records kcat (librdkafka) finds."""
    done = subprocess.run(["kcat", "-C", "-q", "-t", "near", "-p", "0", "-o", "beginning", "-e", "-b", cluster.brokers,
                           "-X", f"client.rack={rack}", "-X", "check.crcs=true"],
                          capture_output=True, text=True, timeout=60, env=_inherited(), preexec_fn=die_with_parent)
    check(done.returncode == 0, f"kcat ended with {done.returncode}: {done.stderr}")
    return len(done.stdout.splitlines())


@scenario("librdkafka reads from the replica in its rack, and from the leader once that replica is dead")
def near(world):
    cluster = Cluster(world, start=False)
    for member in cluster.members:
        member.settings["broker.rack"] = f"rack{member.number}"
    cluster.store.start()
    cluster.begin_all()
    cluster.create("near", partitions=1)
    text = "".join(f"{n:04}{'x' * 500}\n" for n in range(RECORDS))
    cluster.say("produce", "near", text=text)
    leader = cluster.leader("near")
    replica = next(member for member in cluster.members if member is not leader)
    before = sent(leader), sent(replica)
    check(read(cluster, f"rack{replica.number}") == RECORDS, "the replica in its rack gave it another number of records")
    by_leader, by_replica = sent(leader) - before[0], sent(replica) - before[1]
    check(by_replica > RECORDS * 500 > 4 * by_leader, f"the replica sent {by_replica} bytes, the leader {by_leader}")
    check(read(cluster, f"rack{leader.number}") == RECORDS and read(cluster, "elsewhere") == RECORDS, "the leader did not")
    replica.kill()
    # librdkafka 2.0.2 stays with a replica that it was sent to, also where that one refuses it: so the leader must know first.
    wait_until(lambda: [found for found in cluster.describe("near") if replica.number not in found["inSync"]], 20,
               lambda: f"the dead replica is in sync: {cluster.describe('near')}")
    check(read(cluster, f"rack{replica.number}") == RECORDS, "without the replica it found another number of records")
    replica.start()
    cluster.await_full_isr("near")
    check(read(cluster, f"rack{replica.number}") == RECORDS, "once the replica was back it found another number of records")
