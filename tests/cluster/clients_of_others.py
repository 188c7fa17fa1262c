"""Each real client publishes while a leader dies."""

from cluster import Cluster
from load import Load, client
from scenario import scenario


def publishes_through_a_kill(world, name):
    client(name)  # where it cannot be had, that is said before anything is started
    cluster = Cluster(world)
    cluster.create("load")
    load = Load(cluster, name=name)
    victim = cluster.leader("load", 0)
    victim.kill()
    load.goes_on(50)
    victim.start()
    cluster.await_full_isr("load")
    load.goes_on(50)
    load.finish()


# Two by default; librdkafka has scenarios of its own.
for _name, _long in [("kafka-python", False), ("franz-go", False), ("java", True), ("kafkajs", True),
                     ("confluent-kafka", True), ("aiokafka", True), ("kcat", True)]:
    @scenario(f"{_name} publishes through the kill -9 of a leader", long=_long)
    def _publishes(world, name=_name):
        publishes_through_a_kill(world, name)
