"""Every real client publishes, idempotently, while brokers are killed, hang and roll: all of them at once."""

from cluster import Cluster
from load import Loads, available
from rolls import roll_one_by_one
from scenario import scenario

NAMED = ["librdkafka", "java", "kafkajs", "franz-go", "kafka-python"]
OTHERS = ["confluent-kafka", "aiokafka", "kcat"]


def begin(world, names, **settings):
    names = available(names)  # installed before anything is started
    cluster = Cluster(world, **settings)
    cluster.create("load")
    return cluster, Loads(cluster, names)


def through_kills(world, names):
    cluster, loads = begin(world, names)
    for partition in range(2):
        victim = cluster.leader("load", partition)
        victim.kill()
        loads.goes_on()
        victim.start()
        cluster.await_full_isr("load")
        loads.goes_on()
    loads.finish()


def through_a_roll(world, names):
    cluster, loads = begin(world, names)
    roll_one_by_one(cluster, loads)
    loads.finish()


def through_a_hang(world, names):
    cluster, loads = begin(world, names)
    victim = cluster.leader("load", 0)
    led = cluster.led_by("load", victim)
    victim.pause()
    # A client that waits for the answer of a broker that hangs does so for its own request timeout: that of franz-go and
    # kafka-python (30 s) is the longest.
    loads.goes_on(seconds=100, partitions=led)
    victim.resume()
    cluster.await_full_isr("load")
    loads.goes_on()
    loads.finish()


for _names in [NAMED, OTHERS]:
    _who = ", ".join(_names[:-1]) + " and " + _names[-1]

    @scenario(f"{_who} publish through kill -9 of one leader after the other")
    def _kills(world, names=_names):
        through_kills(world, names)

    @scenario(f"{_who} publish through a rolling restart")
    def _rolls(world, names=_names):
        through_a_roll(world, names)

    # aiokafka has one bound for a request and for a record that waits: when the broker that hangs has used it up, its
    # records have failed.
    _patient = [name for name in _names if name != "aiokafka"]

    @scenario(f"{', '.join(_patient[:-1])} and {_patient[-1]} publish through SIGSTOP of a leader, and SIGCONT")
    def _hangs(world, names=tuple(_patient)):
        through_a_hang(world, names)
