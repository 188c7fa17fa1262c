"""HAProxy and nginx in front of the brokers: they are where clients begin, and nothing that clients need to go on."""

import shutil
import socket
from pathlib import Path

from cluster import Cluster
from load import Load, publish
from scenario import scenario
from world import REPOSITORY, free_ports
from harness.deadline import wait_until
from harness.process import Process
from harness.journey import check
from harness.runtimes import Unavailable

_NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def _adapted(path, port, cluster):
    """A file of deploy/ for this cluster: what operators are given is what is tested."""
    text = (REPOSITORY / "deploy" / path).read_text()
    changes = [(f"10.0.0.{m.number}:9092 port 8080", f"{m.address} port {m.http_port}") for m in cluster.members]
    changes += [(f"10.0.0.{m.number}:9092", m.address) for m in cluster.members]
    changes += [(f"10.0.0.{m.number}:8080", f"127.0.0.1:{m.http_port}") for m in cluster.members]
    # As many descriptors as a whole machine has are not for a test.
    changes += [("maxconn 50000", "maxconn 200")]
    changes += [("bind :9192", f"bind 127.0.0.1:{port}"), ("listen 9192", f"listen 127.0.0.1:{port}"),
                ("listen 9180", f"listen 127.0.0.1:{free_ports()}")]
    for old, new in changes:
        text = text.replace(old, new)
    check("10.0.0." not in text and ":9192" not in text, f"{path} has changed: this test must follow")
    return text


def haproxy(folder, port, cluster):
    (folder / "haproxy.cfg").write_text(_adapted("haproxy/haproxy.cfg", port, cluster))
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


def nginx(folder, port, cluster):
    if not _NGINX_STREAM.exists():
        raise Unavailable("nginx has no stream module (Debian's libnginx-mod-stream)")
    (folder / "modules").symlink_to(_NGINX_STREAM.parent)
    (folder / "nginx.conf").write_text(_adapted("nginx/nginx.conf", port, cluster))
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-g",
            f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;"]


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def behind(world, name, configure):
    if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        raise Unavailable(f"there is no {name} (Debian's {name} has it)")
    cluster = Cluster(world)
    cluster.create("load")
    port = free_ports()
    command = [shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"), *configure(world.folder, port, cluster)[1:]]
    balancer = world.keep(Process(command, name))
    wait_until(lambda: _answers(port), 10, lambda: f"{name} does not open its port\n{balancer.last_words()}")
    front = f"127.0.0.1:{port}"
    # Ready is asked by the balancer itself, which takes a moment.
    wait_until(lambda: publish(cluster, "load", "first", brokers=front), 10, f"{name} leads to no broker")
    load = Load(cluster, brokers=front)
    victim = cluster.leader("load", 0)
    victim.kill()
    load.goes_on(50)
    for number in range(4):  # more often than there are brokers behind it
        check(publish(cluster, "load", f"around {number}", brokers=front), f"{name} led to a broker that is dead")
    victim.start()
    cluster.await_full_isr("load")
    balancer.kill()
    load.goes_on(100, 10)
    other = cluster.leader("load", 1)
    other.kill()
    load.goes_on(100)
    check(publish(cluster, "load", "without"), "clients that know the brokers cannot publish")
    load.finish()


@scenario("HAProxy: a broker dies behind it, then it dies itself; clients go on")
def behind_haproxy(world):
    behind(world, "haproxy", haproxy)


@scenario("nginx: a broker dies behind it, then it dies itself; clients go on")
def behind_nginx(world):
    behind(world, "nginx", nginx)
