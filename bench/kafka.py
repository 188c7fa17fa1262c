"""Apache Kafka as the peer to measure against: one broker from its jars, with the flags that it usually has."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from processes import ROOT, Measured, free_port, start

VERSION = "4.3.1"
JARS = ROOT / "build" / "kafka" / "jars"
JVM = ["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>godwit</groupId><artifactId>kafka-jars</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.24.3</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
</dependencies></project>
"""


def missing():
    """Why Kafka cannot be measured here, or None. Fetches its jars at the first use."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if JARS.exists() and any(JARS.glob("kafka_2.13-*.jar")):
        return None
    JARS.mkdir(parents=True, exist_ok=True)
    (JARS.parent / "pom.xml").write_text(POM)
    done = subprocess.run(["mvn", "-q", "-f", JARS.parent / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"],
                          capture_output=True, text=True)
    return None if done.returncode == 0 else "its jars cannot be had: " + done.stdout.strip()[-300:]


_JAVA = ["java", *JVM, "-cp", f"{JARS}/*"]


def _new_id():
    made = subprocess.run([*_JAVA, "kafka.tools.StorageTool", "random-uuid"], capture_output=True, text=True, check=True)
    return made.stdout.split()[-1]


class Kafka(Measured):
    """A broker (KRaft, combined mode), alone unless `voters` (of all: id, port of the controller) say otherwise.
    `fsync`: flush.interval.messages=1. Does not wait for it where there are others: Kafkas does."""

    def __init__(self, directory, fsync, node=1, voters=None, cluster_id=None):
        directory = Path(directory)
        directory.mkdir(parents=True)
        port = free_port()
        alone = voters is None
        voters = voters or {node: free_port()}
        config = directory / "server.properties"
        config.write_text("\n".join([
            "process.roles=broker,controller", f"node.id={node}",
            "controller.quorum.voters=" + ",".join(f"{id}@127.0.0.1:{at}" for id, at in voters.items()),
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{voters[node]}", "controller.listener.names=CONTROLLER",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}", f"log.dirs={directory / 'logs'}",
            "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            *(["log.flush.interval.messages=1"] if fsync else []), ""]))
        subprocess.run([*_JAVA, "kafka.tools.StorageTool", "format", "-t", cluster_id or _new_id(), "-c", config],
                       capture_output=True, check=True)
        process = start([*_JAVA, "kafka.Kafka", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().__init__(process, f"127.0.0.1:{port}", directory)
        if alone:
            self.await_ready()

    def await_ready(self):
        host, port = self.address.split(":")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError("Kafka was not ready within 60 s")


class Kafkas:
    """Three brokers, as a server to measure."""

    def __init__(self, folder, fsync, count=3):
        voters = {node: free_port() for node in range(1, count + 1)}
        cluster_id = _new_id()
        self.brokers = [Kafka(folder.new(f"kafka{node}"), fsync, node, voters, cluster_id) for node in voters]
        for broker in self.brokers:
            broker.await_ready()
        self.address = ",".join(broker.address for broker in self.brokers)

    def cpu_seconds(self):
        return sum(broker.cpu_seconds() for broker in self.brokers)

    def discard(self):
        for broker in self.brokers:
            broker.process.terminate()
        for broker in self.brokers:
            broker.discard()
