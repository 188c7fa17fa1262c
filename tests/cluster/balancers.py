"""HAProxy and nginx in front of the brokers: they are where clients begin, and nothing that clients need to go on."""

import http.server
import shutil
import socket
import threading
import urllib.error
import urllib.request
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


class NotReady:
    """A server that takes every connection and says nothing, and whose HTTP port answers as a broker's does that is not ready:
    503 to /readyz, 200 to all else. `asked`: how often /readyz was. `taken`: how many connections were."""

    def __init__(self):
        self.asked, self.taken, self._open = 0, 0, []
        self._listener = socket.create_server(("127.0.0.1", free_ports()))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        outer = self

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                ready = self.path == "/readyz"
                outer.asked += ready
                self.send_response(503 if ready else 200)
                self.end_headers()

            do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *_):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", free_ports()), Answers)
        self.http_port = self._http.server_port
        for work in (self._take, self._http.serve_forever):
            threading.Thread(target=work, daemon=True).start()

    def _take(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.taken += 1

    def kill(self):
        if self._http is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._http = None


def _adapted(path, port, http_port, backends):
    """A file of deploy/ for these three, each (address, HTTP port): what operators are given is what is tested."""
    text = (REPOSITORY / "deploy" / path).read_text()
    changes = [(f"10.0.0.{n}:9092 port 8080", f"{address} port {http}") for n, (address, http) in enumerate(backends, 1)]
    changes += [(f"10.0.0.{n}:9092", address) for n, (address, _) in enumerate(backends, 1)]
    changes += [(f"10.0.0.{n}:8080", f"127.0.0.1:{http}") for n, (_, http) in enumerate(backends, 1)]
    # As many descriptors as a whole machine has are not for a test.
    changes += [("maxconn 50000", "maxconn 200")]
    changes += [("bind :9192", f"bind 127.0.0.1:{port}"), ("listen 9192", f"listen 127.0.0.1:{port}"),
                ("listen 9180", f"listen 127.0.0.1:{http_port}")]
    for old, new in changes:
        text = text.replace(old, new)
    check("10.0.0." not in text and ":9192" not in text, f"{path} has changed: this test must follow")
    return text


def haproxy(folder, port, _, backends):
    (folder / "haproxy.cfg").write_text(_adapted("haproxy/haproxy.cfg", port, 0, backends))
    return ["-db", "-f", folder / "haproxy.cfg"]


def nginx(folder, port, http_port, backends):
    if not _NGINX_STREAM.exists():
        raise Unavailable("nginx has no stream module (Debian's libnginx-mod-stream)")
    (folder / "modules").symlink_to(_NGINX_STREAM.parent)
    (folder / "nginx.conf").write_text(_adapted("nginx/nginx.conf", port, http_port, backends))
    return ["-p", folder, "-c", folder / "nginx.conf", "-g",
            f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;"]


def balance(world, configure, backends, http_port=0):
    """Starts the balancer before `backends`, which are members or others with an address and an http_port; gives its process, and
    where clients begin."""
    name = configure.__name__
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise Unavailable(f"there is no {name} (Debian's {name} has it)")
    port = free_ports()
    options = configure(world.folder, port, http_port or free_ports(), [(one.address, one.http_port) for one in backends])
    balancer = world.keep(Process([program, *options], name))
    wait_until(lambda: _answers(port), 10, lambda: f"{name} does not open its port\n{balancer.last_words()}")
    return balancer, f"127.0.0.1:{port}"


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def behind(world, configure):
    name = configure.__name__
    cluster = Cluster(world)
    cluster.create("load")
    balancer, front = balance(world, configure, cluster.members)
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
    behind(world, haproxy)


@scenario("nginx: a broker dies behind it, then it dies itself; clients go on")
def behind_nginx(world):
    behind(world, nginx)


@scenario("HAProxy leaves a broker out that takes connections and says that it is not ready")
def not_ready(world):
    cluster = Cluster(world, brokers=2)
    cluster.create("load", replicas=2)
    stranger = world.keep(NotReady())
    _, front = balance(world, haproxy, [*cluster.members, stranger])
    # It counts as ready until two checks have failed. The third begins after the second.
    wait_until(lambda: stranger.asked >= 3, 10, "it is not asked whether it is ready")
    before = stranger.taken
    for number in range(6):
        check(publish(cluster, "load", f"around {number}", brokers=front), "a publish was led to who is not ready")
    check(stranger.taken == before, f"{stranger.taken - before} connections were led to who is not ready")


def readiness(port):
    """The status with which /readyz is answered there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


@scenario("nginx passes /readyz on: 200 while a broker is ready, whoever else is not, and an error once none is there")
def readiness_behind_nginx(world):
    cluster = Cluster(world, brokers=2)
    stranger = world.keep(NotReady())
    port = free_ports()
    balance(world, nginx, [*cluster.members, stranger], port)

    def each(times=6):  # more often than there are who may be asked first
        return [readiness(port) for _ in range(times)]

    answers = each()
    check(answers == [200] * 6, f"with two that are ready it answers {answers}")
    check(stranger.asked > 0, "the one that is not ready was never asked")
    cluster.members[0].kill()
    answers = each()
    check(answers == [200] * 6, f"with one that is ready it answers {answers}")
    cluster.members[1].kill()
    answers = each()
    check(all(status in (502, 503, 504) for status in answers), f"with none that is ready it answers {answers}")
    stranger.kill()
    answers = each()
    check(all(status in (502, 503, 504) for status in answers), f"with nobody there it answers {answers}")
