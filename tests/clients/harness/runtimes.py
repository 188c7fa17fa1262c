"""Where the clients of each language come from: installed below build/clients/ at first use, kept as long as what
names their versions (and their sources) stays the same. What cannot be installed here raises Unavailable with the reason."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from .broker import REPOSITORY, godwit_tool
from .process import die_with_parent
from .program import Program

HERE = REPOSITORY / "tests/clients"
BUILD = REPOSITORY / "build/clients"
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

# Short-lived virtual machines: no second compiler, one collector thread.
JAVA_FLAGS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256M"]

_INSTALL_SECONDS = 300


class Unavailable(Exception):
    """This client cannot be had on this machine; the text says why."""


def _need(program, package):
    if shutil.which(program) is None:
        raise Unavailable(f"there is no {program} (Debian's {package} has it)")


def _build(command, directory=HERE, environment=None):
    """Compiles a program of this repository: that it does not compile is its fault, not the machine's."""
    try:
        return _run(command, directory, environment)
    except Unavailable as why:
        raise RuntimeError(str(why)) from why


def _run(command, directory=HERE, environment=None):
    try:
        done = subprocess.run([str(word) for word in command], cwd=directory, env={**os.environ, **(environment or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_INSTALL_SECONDS,
                              check=False, preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took longer than {_INSTALL_SECONDS} s to install") from None
    if done.returncode != 0:
        words = (done.stdout + done.stderr).strip().splitlines()
        raise Unavailable(f"'{Path(str(command[0])).name} {command[1]}' failed: " + " / ".join(words[-3:]))
    return done.stdout


def _installed(folder, sources, install):
    """Calls install(folder) unless it was done with just these `sources` before; gives the folder."""
    stamp = folder / ".installed"
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Clients of one language share a folder and run at the same time: one installs, the others wait for it.
    with open(folder.with_name(folder.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            install(folder)
            stamp.write_text(wanted)
    return folder


def python_environment():
    _need("python3", "python3")
    requirements = HERE / "python/requirements.txt"

    def install(folder):
        _run(["python3", "-m", "venv", folder])
        _run([folder / "bin/python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", requirements])

    return _installed(BUILD / "python", [requirements], install)


def java_jars():
    _need("java", "openjdk-17-jdk-headless")
    _need("javac", "openjdk-17-jdk-headless")
    _need("mvn", "maven")
    pom = HERE / "java/pom.xml"

    def install(folder):
        # What an earlier run fetched is in Maven's own repository: then no network is needed.
        copy = ["mvn", "-q", "-B", "-f", pom, MAVEN_COPY, f"-DoutputDirectory={folder}"]
        try:
            _run(copy + ["-o"])
        except Unavailable:
            _run(copy)

    return _installed(BUILD / "java-jars", [pom], install)


def java_program(name):
    """Compiles java/NAME.java; gives the command that runs it."""
    jars = java_jars()
    source = HERE / f"java/{name}.java"

    def install(folder):
        _build(["javac", "-d", folder, "-cp", f"{jars}/*", source])
        (folder / "log4j2.xml").write_text(
            '<Configuration><Appenders><Console name="c" target="SYSTEM_ERR"/></Appenders>'
            '<Loggers><Root level="warn"><AppenderRef ref="c"/></Root></Loggers></Configuration>')

    classes = _installed(BUILD / f"java-{name.lower()}", [source, HERE / "java/pom.xml"], install)
    return ["java", *JAVA_FLAGS, "-cp", f"{classes}:{jars}/*", name]


def _kcat():
    _need("kcat", "kcat")
    return Program("kcat", ["python3", HERE / "kcat/client.py"])


def _librdkafka():
    _need("clang-16", "clang-16")
    source = HERE / "librdkafka/client.c"

    def install(folder):
        _build(["clang-16", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-o", folder / "client", source,
              "-lrdkafka"])

    return Program("librdkafka", [_installed(BUILD / "librdkafka", [source], install) / "client"])


def _python(name):
    def make():
        program = name.replace("-", "_") + "_client.py"
        return Program(name, [python_environment() / "bin/python", HERE / "python" / program])
    return make


def _kafkajs():
    _need("node", "nodejs")
    _need("npm", "npm")
    sources = [HERE / "kafkajs/package.json", HERE / "kafkajs/package-lock.json"]

    def install(folder):
        for source in sources:
            shutil.copy(source, folder)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], folder)

    folder = _installed(BUILD / "kafkajs", sources, install)
    return Program("kafkajs", ["node", HERE / "kafkajs/client.js"], {"NODE_PATH": str(folder / "node_modules")})


def _java():
    return Program("java", java_program("Client"))


def _godwit_client():
    # The build leaves it beside the broker, as it does examples/orders.
    program = godwit_tool().resolve().with_name("godwit-client")
    if not program.exists():
        raise RuntimeError(f"there is no {program}: make build leaves it there")
    return Program("godwit-client", [program])


DEBIANS_GO = Path("/usr/lib/go-1.19/bin/go")


def _franz_go(name, go):
    def make():
        _need(go, "golang-go")
        environment = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        version = re.search(r"go(\d+)\.(\d+)", _run([go, "version"], environment=environment))
        needs = re.search(r"^go (\d+)\.(\d+)", (HERE / "franz-go/newest.mod").read_text(), re.MULTILINE)
        suffices = tuple(map(int, version.groups())) >= tuple(map(int, needs.groups()))
        names = ["newest.mod", "newest.sum"] if suffices else ["go.mod", "go.sum"]
        sources = [HERE / "franz-go/main.go"] + [HERE / "franz-go" / name for name in names]

        def install(folder):
            _run([go, "mod", "download", f"-modfile={names[0]}"], HERE / "franz-go", environment)
            _build([go, "build", f"-modfile={names[0]}", "-o", folder / "client", "."], HERE / "franz-go", environment)

        # Each Go has its folder: they run at the same time.
        return Program(name, [_installed(BUILD / name, sources, install) / "client"])
    return make


def _gos():
    """The Go that is found first, and Debian's where that is another."""
    first = shutil.which("go")
    gos = {"franz-go": _franz_go("franz-go", "go")}
    if DEBIANS_GO.exists() and (first is None or Path(first).resolve() != DEBIANS_GO.resolve()):
        gos["franz-go-debian"] = _franz_go("franz-go-debian", DEBIANS_GO)
    return gos


# In the order in which they run: the quick ones first.
CLIENTS = {
    "kcat": _kcat,
    "librdkafka": _librdkafka,
    "godwit-client": _godwit_client,
    "confluent-kafka": _python("confluent-kafka"),
    "kafka-python": _python("kafka-python"),
    "aiokafka": _python("aiokafka"),
    "kafkajs": _kafkajs,
    **_gos(),
    "java": _java,
}
