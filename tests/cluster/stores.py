"""Coordination services, as processes: started, killed, emptied, started again on the same port."""

import json
import shutil
import socket
import urllib.request
from base64 import b64decode, b64encode

from harness.deadline import wait_until
from harness.process import Process

from world import free_ports, processes_of
from zookeeper_nodes import Nodes, key_of, node_of

# Under which a cluster named as the scenarios' has its keys.
ROOT = "/godwit/scenario"

_JARS = ":".join(f"/usr/share/java/{name}.jar" for name in [
    "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "netty-all", "metrics-core", "snappy-java", "commons-cli",
    "commons-io"])
_START_SECONDS = 30


class Store:
    """`address`: what --coordination is given."""

    name = ""

    def __init__(self, world):
        self.folder = world.folder / self.name
        self.port = free_ports(2)
        self.process = None
        world.keep(self)

    def start(self):
        self.process = Process(self._command(), self.name)
        wait_until(self._answers, _START_SECONDS, lambda: f"{self.name} does not start\n{self.process.last_words()}")
        return self

    def kill(self):
        if self.process:
            self.process.kill()

    def wipe(self):
        """While it is dead: it forgets everything."""
        shutil.rmtree(self.folder)

    def _command(self):
        raise NotImplementedError

    def _answers(self):
        raise NotImplementedError


class Etcd(Store):
    name = "etcd"

    @property
    def address(self):
        return f"etcd://127.0.0.1:{self.port}"

    def _command(self):
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port + 1}"
        return ["etcd", "--name", "one", "--data-dir", self.folder, "--listen-client-urls", client,
                "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"one={peer}", "--heartbeat-interval", "50", "--election-timeout", "500"]

    def _answers(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, ValueError):
            return False

    def ask(self, call, **fields):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v3/kv/{call}", json.dumps(fields).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def keys(self, prefix=""):
        """{key: value} of this cluster's keys that begin with `prefix`, such as "/topics/"; values as bytes."""
        found = self.all_keys(f"{ROOT}{prefix or '/'}")
        return {key[len(ROOT):]: value for key, value in found.items()}

    def all_keys(self, start):
        """The same, of whatever begins with `start`."""
        start = start.encode()
        end = start[:-1] + bytes([start[-1] + 1])
        found = self.ask("range", key=b64encode(start).decode(), range_end=b64encode(end).decode())
        return {b64decode(kv["key"]).decode(): b64decode(kv.get("value", "")) for kv in found.get("kvs", [])}

    def put(self, key, value):
        self.put_any(ROOT + key, value)

    def put_any(self, name, value):
        """A key that need not be this cluster's."""
        self.ask("put", key=b64encode(name.encode()).decode(), value=b64encode(value).decode())

    def remove(self, key):
        self.ask("deleterange", key=b64encode((ROOT + key).encode()).decode())

    def foreign_names(self):
        """Names that are nobody's: beside the cluster, in it, and among its keys."""
        return ["/elsewhere", "/godwit/note", f"{ROOT}x/topics/a", f"{ROOT}/unknown/thing", f"{ROOT}/note", f"{ROOT}//"]

    def get_any(self, name):
        return self.all_keys(name).get(name)


class Zookeeper(Store):
    name = "zookeeper"

    @property
    def address(self):
        return f"zookeeper://127.0.0.1:{self.port}/godwit"

    def _command(self):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "zoo.cfg").write_text(
            f"tickTime=500\ndataDir={self.folder}/data\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\n")
        return ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", _JARS,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.folder / "zoo.cfg"]

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(b"ruok")
                return connection.recv(4) == b"imok"
        except OSError:
            return False


    def keys(self, prefix=""):
        """{key: value} of this cluster's keys that begin with `prefix`, such as "/topics/"; values as bytes."""
        found = {}
        with Nodes(self.port) as nodes:
            for group in nodes.children(f"{ROOT}/keys"):
                for bucket in nodes.children(f"{ROOT}/keys/{group}"):
                    for rest in nodes.children(f"{ROOT}/keys/{group}/{bucket}"):
                        found[key_of(group, rest)] = nodes.get(f"{ROOT}/keys/{group}/{bucket}/{rest}")
        return {key: value for key, value in found.items() if key.startswith(prefix)}

    def put(self, key, value):
        self.put_any(node_of(ROOT, key), value)

    def put_any(self, name, value):
        """A node that need not be this cluster's."""
        with Nodes(self.port) as nodes:
            nodes.put(name, value)

    def remove(self, key):
        with Nodes(self.port) as nodes:
            nodes.remove(node_of(ROOT, key))

    def foreign_names(self):
        """Nodes that are nobody's: beside the cluster, in it, and among its keys."""
        return ["/elsewhere", "/godwit/note", f"{ROOT}/note", f"{ROOT}/keys/note", f"{ROOT}/keys/+topics+/zz",
                f"{ROOT}/keys/+topics+/00/%zz", f"{ROOT}/keys/+unknown+/00/thing"]

    def get_any(self, name):
        with Nodes(self.port) as nodes:
            return nodes.get(name)


class ManagedEtcd:
    """Each broker starts its own member; nothing is started here."""

    name = "managed-etcd"

    def __init__(self, world, brokers=3):
        members = [(number, free_ports(2)) for number in range(1, brokers + 1)]
        self.address = "managed-etcd://" + ",".join(f"{number}@127.0.0.1:{port}" for number, port in members)

    def start(self):
        return self

    def kill(self):
        pass


STORES = {"etcd": Etcd, "zookeeper": Zookeeper, "managed-etcd": ManagedEtcd}


def etcd_member(world, member):
    """The id of the etcd process that the broker manages."""
    def found():
        ids = processes_of(world.folder, f"/{member.directory.name}/etcd")
        return ids[0] if len(ids) == 1 else None

    return wait_until(found, 10, lambda: f"broker {member.number} has no etcd of its own: {processes_of(world.folder)}")
