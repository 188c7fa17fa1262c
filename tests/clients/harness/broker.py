"""A broker process under test: started, killed with -9, started again on its data directory and its port, stopped.

    with GodwitBroker(Path("/tmp/x")) as broker:
        broker.start()
        client.run("create", brokers=broker.address, …)
        broker.kill()
        broker.start()
"""

import json
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from .deadline import wait_until
from .process import Process

REPOSITORY = Path(__file__).resolve().parents[3]

_READY_SECONDS = 30
_STOP_SECONDS = 20


def godwit_binary():
    return Path(os.environ.get("GODWIT_BINARY", REPOSITORY / "build/release/godwit"))


def godwit_tool():
    """The program whose commands ask and order: the brokers', unless that is one under which librdkafka does not run."""
    return Path(os.environ.get("GODWIT_TOOL_BINARY", godwit_binary()))


def free_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """What the journeys use; the subclasses say how their program starts.

    `address`: HOST:PORT for clients, once started. `diagnostics`: every line that the process wrote, over all its lives.
    `advertised`: HOST:PORT that clients are told instead of the own address, for a proxy in between.
    """

    def __init__(self, directory=None, advertised=None):
        self._own_directory = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="godwit-clients-"))
        self.advertised = advertised
        self.address = None
        self.diagnostics = []
        self.process = None
        self.starts = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        """Starts the process and waits until it serves: on a free port the first time, on the same port afterwards."""
        self.starts += 1
        self._launch()

    def kill(self):
        """kill -9."""
        self.process.kill()

    def stop(self, seconds=_STOP_SECONDS):
        """SIGTERM, as an operator stops it; gives the exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def client_address(self):
        """What a client is given to begin with."""
        return self.advertised or self.address

    def _launch(self):
        raise NotImplementedError

    def _await(self, condition, what):
        def look():
            if not self.process.alive:
                raise RuntimeError(f"the broker ended with {self.process.code}\n" + "\n".join(self.diagnostics[-30:]))
            return condition()

        return wait_until(look, _READY_SECONDS, lambda: what + "\n" + "\n".join(self.diagnostics[-30:]))


class GodwitBroker(Broker):
    """`settings`: further settings by name, as flags. `http`: HOST:PORT of its HTTP port, once started."""

    name = "godwit"

    def __init__(self, directory=None, advertised=None, settings=None):
        super().__init__(directory, advertised)
        self.settings = settings or {}
        self.http = None
        self._ready = None

    def _launch(self):
        self._ready = None
        command = [godwit_binary(), "serve", "--data-dir", self.directory / "data",
                   "--kafka", self.address or "127.0.0.1:0", "--http", "127.0.0.1:0", "--diagnostics.format", "json"]
        if self.advertised:
            command += ["--advertised.listeners", f"PLAINTEXT://{self.advertised}"]
        for name, value in self.settings.items():
            command += [f"--{name}", str(value)]
        self.process = Process(command, "godwit", on_complaint=self._heed)
        fields = self._await(lambda: self._ready, "godwit does not say that it is ready")
        self.address, self.http = fields["kafka"].split(",")[0], fields["http"]

    def _heed(self, line):
        self.diagnostics.append(line)
        try:
            event = json.loads(line)
        except ValueError:
            return
        if event.get("event") == "broker.ready":
            self._ready = event["fields"]

    def errors(self):
        """Diagnostics of severity error: in a journey where only the broker is killed there are none."""
        found = []
        for line in self.diagnostics:
            try:
                if json.loads(line).get("severity") == "error":
                    found.append(line)
            except ValueError:
                found.append(line)
        return found


class KafkaBroker(Broker):
    """Apache Kafka from its jars, the peer by which a journey shows whether the test or the broker is wrong."""

    name = "kafka"

    def __init__(self, jars, directory=None, advertised=None):
        super().__init__(directory, advertised)
        self._java = ["java", "-Xmx512M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                      f"-Dlog4j2.configurationFile={self.directory}/log4j2.xml", "-cp", f"{jars}/*"]

    def _launch(self):
        if self.address is None:
            self._format()
        self.process = Process(self._java + ["kafka.Kafka", self.directory / "server.properties"], "kafka",
                               on_line=self.diagnostics.append, on_complaint=self.diagnostics.append)
        self._await(self._answers, "Kafka does not open its port")

    def _format(self):
        self.address, controller = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        (self.directory / "log4j2.xml").write_text(
            '<Configuration><Appenders><Console name="c"/></Appenders>'
            '<Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers></Configuration>')
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.client_address}",
            "controller.listener.names": "CONTROLLER", "log.dirs": self.directory / "data", "num.partitions": 3,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 3,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 3, "group.initial.rebalance.delay.ms": 300,
        }
        (self.directory / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        storage = Process(self._java + ["kafka.tools.StorageTool", "format", "-t", "IyZb5pnXQkyMo4bMlcqLMw", "-c",
                                        self.directory / "server.properties"], "kafka-storage")
        if storage.wait(_READY_SECONDS) != 0:
            raise RuntimeError("Kafka does not format its directory\n" + storage.last_words())

    def _answers(self):
        host, port = self.address.rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), 1):
                return True
        except OSError:
            return False

    def errors(self):
        return []
