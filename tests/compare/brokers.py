"""Starts the brokers that are compared, on loopback, each with a directory of its own, and ends them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

KAFKA_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={directory}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
LOG4J = """<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process, seconds, log):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)  # sleep-ok: polls until the port answers
    sys.exit(f"compare: no broker at port {port}; its output:\n{log.read_text()[-3000:]}")


@contextlib.contextmanager
def running(command, port, directory, seconds):
    log = directory / "output.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, process, seconds, log)
        yield f"127.0.0.1:{port}"
        if process.poll() is not None:
            sys.exit(f"compare: the broker ended by itself; its output:\n{log.read_text()[-3000:]}")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def jars(root):
    """Kafka's class path; fetched by Maven where it is not there yet."""
    libraries = root / "build/kafka/libs"
    if not list(libraries.glob("kafka_2.13-4.3.1.jar")):
        subprocess.run(["mvn", "-q", "-B", "-f", str(root / "tests/compare/pom.xml"), "dependency:copy-dependencies",
                        f"-DoutputDirectory={libraries}"], check=True)
    return f"{libraries}/*"


@contextlib.contextmanager
def Kafka(root, directory):
    port = free_port()
    properties = directory / "server.properties"
    properties.write_text(KAFKA_PROPERTIES.format(port=port, controller=free_port(), directory=directory))
    (directory / "log4j2.xml").write_text(LOG4J)
    java = ["java", "-Xmx512M", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={directory}/log4j2.xml", "-cp", jars(root)]
    new_id = subprocess.run([*java, "kafka.tools.StorageTool", "random-uuid"], check=True, capture_output=True, text=True).stdout.split()[-1]
    subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", new_id, "-c", str(properties)], check=True, capture_output=True)
    with running([*java, "kafka.Kafka", str(properties)], port, directory, 60) as address:
        yield address


@contextlib.contextmanager
def Godwit(root, directory):
    program = Path(os.environ.get("GODWIT", root / "build/release/godwit"))
    if not program.exists():
        sys.exit(f"compare: {program} is not there: make build")
    port = free_port()
    command = [str(program), "serve", "--data-dir", str(directory / "data"), "--kafka", f"127.0.0.1:{port}",
               "--http", f"127.0.0.1:{free_port()}", "--group.initial.rebalance.delay.ms=0"]
    with running(command, port, directory, 20) as address:
        yield address


def compare_answers(root):
    built = [root / f"build/{preset}/tests/compare/compare_answers" for preset in ("release", "debug")]
    program = max((p for p in built if p.exists()), key=lambda p: p.stat().st_mtime, default=None)
    if program is None:
        sys.exit("compare: compare_answers is not built: cmake --build --preset release --target compare_answers")
    return program


def ask(root, address, families):
    return subprocess.run([str(compare_answers(root)), address, *families], check=True, stdout=subprocess.PIPE, text=True).stdout


def api_names(root):
    """{API key: the name that its cases begin with}."""
    listed = subprocess.run([str(compare_answers(root)), "--apis"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {int(key): name for key, _, name in (line.partition(" ") for line in listed.splitlines())}
