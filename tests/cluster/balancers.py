"""HAProxy and nginx in front of the brokers: they are where clients begin, and nothing that clients need to go on."""

import shutil
import socket
from pathlib import Path

from cluster import Cluster
from load import Load, publish
from scenario import scenario
from world import free_ports
from harness.deadline import wait_until
from harness.process import Process
from harness.journey import check
from harness.runtimes import Unavailable

_NGINX_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def haproxy(folder, port, cluster):
    servers = "\n".join(f"  server b{m.number} {m.address} check port {m.http_port} inter 200 fall 1 rise 1"
                        for m in cluster.members)
    (folder / "haproxy.cfg").write_text(
        "global\n  maxconn 200\ndefaults\n  mode tcp\n  timeout connect 500ms\n  timeout client 60s\n  timeout server 60s\n"
        f"  retries 3\n  option redispatch\nlisten kafka\n  bind 127.0.0.1:{port}\n  balance roundrobin\n"
        f"  option httpchk GET /readyz\n{servers}\n")
    return ["haproxy", "-db", "-f", folder / "haproxy.cfg"]


def nginx(folder, port, cluster):
    if not _NGINX_STREAM.exists():
        raise Unavailable("nginx has no stream module (Debian's libnginx-mod-stream)")
    servers = " ".join(f"server {m.address} max_fails=1 fail_timeout=1s;" for m in cluster.members)
    (folder / "nginx.conf").write_text(
        f"load_module {_NGINX_STREAM};\ndaemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr;\n"
        "events { worker_connections 200; }\n"
        f"stream {{ upstream brokers {{ {servers} }} server {{ listen 127.0.0.1:{port}; proxy_pass brokers; "
        "proxy_connect_timeout 500ms; proxy_timeout 60s; } }\n")
    return ["nginx", "-p", folder, "-c", folder / "nginx.conf"]


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
