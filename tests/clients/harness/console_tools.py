"""Kafka's own console tools against a broker, in one Java process: what an operator types on an ordinary day."""

import json
import re

from .journey import Wrong, check
from .program import Program

TOPIC = "ledger"
GROUP = "clerks"
OFFSETS_TOPIC = "__consumer_offsets"
LINES = [f"account{i % 5}:entry {i}" for i in range(40)]

_TOOL_SECONDS = 60

_CLASSES = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}


def java_hash(text):
    """By which brokers choose the partition of a group: String.hashCode without its sign."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return value if value < 1 << 31 else (1 << 32) - value


class ConsoleTools:
    """Steps in order, as a Journey has them. `command` starts java/Tools.java."""

    STEPS = [
        ("creates, alters, lists and describes a topic", "topics"),
        ("changes and describes settings of topics and brokers", "configs"),
        ("publishes and reads from the console", "console"),
        ("lists and describes groups", "groups"),
        ("reads the group and its commits from __consumer_offsets", "offsets_topic"),
        ("finds topics, settings and commits again after a kill -9", "restart"),
        ("resets the offsets of a group, and reads again from there", "reset"),
        ("deletes records before an offset and lists offsets", "records"),
        ("tells log directories, cluster id and API versions", "cluster"),
        ("places replicas, and elects preferred leaders, where all is as it should be", "replicas"),
        ("takes back a group's commits", "delete_offsets"),
        ("deletes a group and a topic", "delete"),
        ("stops in order", "stop"),
    ]

    # The tools are independent of each other: what follows a failed step is tried all the same.
    GOES_ON = True

    def __init__(self, command, broker):
        self.broker = broker
        self._program = Program("console-tools", command)
        self._running = None

    def topics(self):
        self.broker.start()
        self._topics("--create", "--topic", TOPIC, "--partitions", "2", "--replication-factor", "1", "--config",
                     "retention.ms=3600000")
        self._topics("--create", "--topic", TOPIC, code=1, says="already exists")
        self._topics("--create", "--topic", TOPIC, "--if-not-exists")
        self._topics("--alter", "--topic", TOPIC, "--partitions", "4")
        self._topics("--create", "--topic", "bad name", code=1, says="'.', '_' and '-'")
        self._topics("--create", "--topic", "x", "--config", "retention.ms=soon", code=1, says="retention.ms")
        check(TOPIC in self._topics("--list").split(), "the topic is not listed")
        self._described()

    def _described(self):
        told = self._topics("--describe", "--topic", TOPIC)
        for expected in ["PartitionCount: 4", "ReplicationFactor: 1", "retention.ms=3600000", "Leader: 1", "Isr: 1"]:
            check(expected in told, f"'{expected}' is missing in: {told}")

    def configs(self):
        entity = ("--entity-type", "topics", "--entity-name", TOPIC)
        self._configs("--alter", *entity, "--add-config", "max.message.bytes=200000,cleanup.policy=[compact,delete]")
        told = self._configs("--describe", *entity)
        check("max.message.bytes=200000" in told and "cleanup.policy=compact,delete" in told, told)
        self._configs("--alter", *entity, "--delete-config", "cleanup.policy")
        told = self._configs("--describe", *entity)
        check("cleanup.policy" not in told and "retention.ms=3600000" in told, told)
        told = self._configs("--describe", *entity, "--all")
        check(re.search(r"cleanup.policy=delete .*DEFAULT_CONFIG", told), told)
        self._configs("--alter", *entity, "--add-config", "no.such.setting=1", code=1, says="no.such.setting")
        told = self._configs("--describe", "--entity-type", "brokers", "--entity-name", "1", "--all")
        check("num.partitions=3" in told, told)

    def console(self):
        self._tool("kafka-console-producer", "--topic", TOPIC, "--reader-property", "parse.key=true",
                   "--reader-property", "key.separator=:", "--compression-codec", "zstd",
                   stdin="".join(line + "\n" for line in LINES))
        self._check_consumed()

    def _check_consumed(self):
        """The group reads everything from where it stands, and commits."""
        told = self._tool("kafka-console-consumer", "--topic", TOPIC, "--group", GROUP, "--from-beginning",
                          "--max-messages", str(len(LINES)), "--timeout-ms", "20000", "--formatter-property",
                          "print.key=true", "--formatter-property", "key.separator=:")
        read = [line for line in told.splitlines() if line.startswith("account")]
        check(sorted(read) == sorted(LINES), f"read {len(read)} of {len(LINES)}: {told[-500:]}")
        for account in range(5):
            mine = [line for line in read if line.startswith(f"account{account}:")]
            check(mine == [line for line in LINES if line in mine], f"out of order: {mine}")

    def groups(self):
        check(GROUP in self._groups("--list").split(), "the group is not listed")
        check("Empty" in self._groups("--describe", "--group", GROUP, "--state"), "the group is not empty")
        self._check_lag(0)
        self._groups("--describe", "--group", "nobody", says="GroupIdNotFoundException")

    def _check_lag(self, lag):
        told = self._groups("--describe", "--group", GROUP)
        rows = re.findall(rf"^{GROUP}\s+{TOPIC}\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", told, re.MULTILINE)
        check(rows, told)
        check(sum(int(row[2]) for row in rows) == len(LINES), f"the ends do not sum up: {told}")
        check(sum(int(row[3]) for row in rows) == lag, f"the lag is not {lag}: {told}")

    def offsets_topic(self):
        """As Kafka's own formatters decode it: keys, values and the place of a group are Kafka's."""
        commits = [r for r in self._decoded("OffsetsMessageFormatter") if r["key"]["data"]["group"] == GROUP]
        last = {r["key"]["data"]["partition"]: r["value"]["data"]["offset"] for r in commits
                if r["key"]["data"]["topic"] == TOPIC and r["value"]["data"]}
        # The partitions without a record may have a commit at 0 or none.
        check({p: o for p, o in last.items() if o} == {p: o for p, o in self._offsets("latest").items() if o},
              f"the commits of {GROUP} are {commits}")
        told = [r["value"]["data"] for r in self._decoded("GroupMetadataMessageFormatter") if r["key"]["data"]["group"] == GROUP]
        check(told and told[-1]["protocolType"] == "consumer" and told[-1]["members"] == [],
              f"the group that everybody left is {told[-1:]}")
        check(any(state["members"] for state in told if state), f"the group's member never stood there: {told}")

    def _decoded(self, formatter):
        ends = self._offsets("latest", OFFSETS_TOPIC)
        place = java_hash(GROUP) % len(ends)
        told = self._tool("kafka-console-consumer", "--topic", OFFSETS_TOPIC, "--partition", str(place), "--from-beginning",
                          "--max-messages", str(ends[place]), "--timeout-ms", "20000",
                          "--formatter", f"org.apache.kafka.tools.consumer.{formatter}")
        check("{" in told, f"{formatter} found nothing: {told}")
        records, told = [], told[told.index("{"):]  # written without anything in between
        while told.startswith("{"):
            record, end = json.JSONDecoder().raw_decode(told)
            records.append(record)
            told = told[end:]
        return records

    def restart(self):
        self.broker.kill()
        self.broker.start()
        self._described()
        check("max.message.bytes=200000" in self._topics("--describe", "--topic", TOPIC), "a setting is gone")
        self._check_lag(0)

    def reset(self):
        told = self._groups("--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-earliest", "--execute")
        check(len(re.findall(rf"{GROUP}\s+{TOPIC}\s+\d+\s+0\b", told)) == 4, told)
        self._check_lag(len(LINES))
        self._check_consumed()
        self._groups("--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--shift-by", "-1", "--execute")

    def records(self):
        ends = self._offsets("latest")
        check(sum(ends.values()) == len(LINES), f"the ends are {ends}")
        fullest = max(ends, key=ends.get)
        wish = self.broker.directory / "delete-records.json"
        wish.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": TOPIC, "partition": fullest, "offset": 3}]}))
        told = self._tool("kafka-delete-records", "--offset-json-file", str(wish))
        check(f"partition: {TOPIC}-{fullest}\tlow_watermark: 3" in told, told)
        check(self._offsets("earliest") == {p: 3 if p == fullest else 0 for p in ends}, "records are not deleted")
        check(self._offsets("latest") == ends, "the ends moved")
        wish.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": TOPIC, "partition": fullest, "offset": 10_000}]}))
        self._tool("kafka-delete-records", "--offset-json-file", str(wish), code=None, says="OffsetOutOfRange")

    def cluster(self):
        told = self._tool("kafka-log-dirs", "--describe", "--topic-list", TOPIC)
        described = json.loads([line for line in told.splitlines() if line.startswith("{")][-1])
        partitions = [p for b in described["brokers"] for d in b["logDirs"] for p in d["partitions"]]
        check({p["partition"] for p in partitions} == {f"{TOPIC}-{i}" for i in range(4)}, told)
        check(sum(p["size"] for p in partitions) > 0, "the partitions are said to be empty")
        told = self._tool("kafka-cluster", "--bootstrap-server", self.broker.client_address, first="cluster-id")
        check(re.search(r"Cluster ID: [\w-]{22}\b", told), told)
        told = self._tool("kafka-broker-api-versions")
        for expected in [r"Produce\(0\): \d+ to \d+", r"Fetch\(1\): 4 to \d+", r"JoinGroup\(11\): 0 to \d+"]:
            check(re.search(expected, told), f"{expected} is missing: {told[:2000]}")

    def replicas(self):
        """With one broker nothing moves: what does is in tests/cluster."""
        wish = self.broker.directory / "wish.json"
        wish.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": TOPIC, "partition": p, "replicas": [1], "log_dirs": ["any"]} for p in range(4)]}))
        self.reassign("--reassignment-json-file", str(wish), "--execute", says="Successfully started partition reassignment")
        told = self.reassign("--reassignment-json-file", str(wish), "--verify")
        check(told.count("is completed") == 4, told)
        self.reassign("--list", says="No partition reassignments found")
        wish.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": TOPIC, "partition": 0, "replicas": [77], "log_dirs": ["any"]}]}))
        self.reassign("--reassignment-json-file", str(wish), "--execute", code=1, says="77")
        told = self._tool("kafka-leader-election", "--election-type", "preferred", "--topic", TOPIC, "--partition", "0")
        check(f"Valid replica already elected for partitions {TOPIC}-0" in told, told)
        self._tool("kafka-leader-election", "--election-type", "preferred", "--topic", "nowhere", "--partition", "0", code=1,
                   says="not")

    def delete_offsets(self):
        told = self._groups("--delete-offsets", "--group", GROUP, "--topic", f"{TOPIC}:0")
        check("Request succeed" in told and re.search(rf"{TOPIC}\s+0\s+Successful", told), told)
        told = self._groups("--describe", "--group", GROUP)
        check(re.search(rf"{TOPIC}\s+1\s+\d+", told) and not re.search(rf"{TOPIC}\s+0\s+\d+", told), told)

    def delete(self):
        told = self._groups("--delete", "--group", GROUP)
        check("Deletion of requested consumer groups" in told and "successful" in told, told)
        check(GROUP not in self._groups("--list").split(), "the group is still there")
        self._topics("--delete", "--topic", TOPIC)
        check(TOPIC not in self._topics("--list").split(), "the topic is still there")
        self._topics("--delete", "--topic", TOPIC, code=1, says="does not exist")

    def stop(self):
        self._running.stop()
        code = self.broker.stop()
        check(code in ([0] if self.broker.name == "godwit" else [0, 143]), f"the broker ended with {code}")
        check(not self.broker.errors(), "the broker told of errors:\n" + "\n".join(self.broker.errors()[:5]))

    def reassign(self, *arguments, **more):
        """For clusters: kafka-reassign-partitions; gives what it wrote."""
        return self._tool("kafka-reassign-partitions", *arguments, **more)

    # What the steps are made of.

    def _topics(self, *arguments, **more):
        return self._tool("kafka-topics", *arguments, **more)

    def _configs(self, *arguments, **more):
        return self._tool("kafka-configs", *arguments, **more)

    def _groups(self, *arguments, **more):
        return self._tool("kafka-consumer-groups", *arguments, **more)

    def _offsets(self, time, topic=TOPIC):
        told = self._tool("kafka-get-offsets", "--topic", topic, "--time", time)
        return {int(p): int(o) for p, o in re.findall(rf"^{topic}:(\d+):(\d+)$", told, re.MULTILINE)}

    def _tool(self, name, *arguments, stdin="", code=0, says=None, first=None):
        """Runs a tool; gives what it wrote. `code`: how it must end (None: either way); `says`: what it must say."""
        if self._running is None:
            self._running = self._program.start("")
        words = list(arguments)
        if first:
            words.insert(0, first)
        else:
            words += ["--bootstrap-server", self.broker.client_address]
        before = len(self._running.of("ran"))
        self._running.process.write("\t".join([_CLASSES[name], stdin.replace("\n", "\\n"), *words]) + "\n")
        self._running.wait_for(lambda: len(self._running.of("ran")) > before, _TOOL_SECONDS,
                               f"{name} {' '.join(arguments)} came to its end")
        ran = self._running.of("ran")[-1]
        if code is not None and ran["code"] != code:
            raise Wrong(f"{name} {' '.join(arguments)} ended with {ran['code']}: {ran['out'][-1500:]}")
        if says is not None and says not in ran["out"]:
            raise Wrong(f"{name} {' '.join(arguments)} does not say '{says}': {ran['out'][-1500:]}")
        return ran["out"]
