"""A coordination service that lets only those in who show who they are: TLS, user and password. What is secret stays so."""

import json
import ssl
import subprocess
import urllib.request
from base64 import b64encode

from cluster import Cluster
from crashes import kill_under_load
from load import Load
from scenario import scenario
from stores import Etcd, Zookeeper
from zookeeper_nodes import Nodes
from harness.broker import godwit_binary
from harness.deadline import wait_until
from harness.journey import check
from harness.process import _inherited

USER = "godwit"
SECRET = "Tr4g-niemand-3in"
WRONG = "Un6eheuer-f4lsch"
_ROOT_SECRET = "r00t-nur-im-Test"


def certificate(folder, name):
    """NAME.pem and NAME.key below the folder: its own authority, for the loopback address; gives the path without ending."""
    folder.mkdir(exist_ok=True)
    stem = folder / name
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{stem}.key", "-out",
                    f"{stem}.pem"], check=True, capture_output=True, timeout=60)
    return stem


def tls_settings(stem):
    return {"engine.tls.ca": f"{stem}.pem", "engine.tls.certificate": f"{stem}.pem", "engine.tls.key": f"{stem}.key"}


class EtcdWithUsers(Etcd):
    """A user that may use what is below /godwit, and nothing else."""

    def start(self):
        super().start()
        for call, fields in [
                ("auth/user/add", {"name": "root", "password": _ROOT_SECRET}),
                ("auth/role/add", {"name": "root"}), ("auth/user/grant", {"user": "root", "role": "root"}),
                ("auth/user/add", {"name": USER, "password": SECRET}), ("auth/role/add", {"name": "brokers"}),
                ("auth/role/grant", {"name": "brokers", "perm": {
                    "permType": "READWRITE", "key": b64encode(b"/godwit/").decode(),
                    "range_end": b64encode(b"/godwit0").decode()}}),
                ("auth/user/grant", {"user": USER, "role": "brokers"}), ("auth/enable", {})]:
            self._post(call, fields)
        return self

    def _post(self, call, fields):
        request = urllib.request.Request(f"{self.url}/v3/{call}", json.dumps(fields).encode())
        urllib.request.urlopen(request, timeout=5, context=self.context).close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    context = None


class EtcdWithTls(EtcdWithUsers):
    """The same, and only who shows a certificate that it knows may speak at all."""

    def __init__(self, world):
        super().__init__(world)
        self.stem = certificate(world.folder / "certificates", "ours")
        self.context = ssl.create_default_context(cafile=f"{self.stem}.pem")
        self.context.load_cert_chain(f"{self.stem}.pem", f"{self.stem}.key")

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def _command(self):
        words = list(super()._command())
        for option in ("--listen-client-urls", "--advertise-client-urls"):
            words[words.index(option) + 1] = self.url
        return words + ["--cert-file", f"{self.stem}.pem", "--key-file", f"{self.stem}.key", "--trusted-ca-file",
                        f"{self.stem}.pem", "--client-cert-auth"]

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1, context=self.context) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, ValueError):
            return False


def answers(url, context):
    try:
        urllib.request.urlopen(url, timeout=5, context=context).close()
        return True
    except OSError:
        return False


def said_by(member):
    """All that the broker has told anybody: its diagnostics, its metrics."""
    said = list(member.diagnostics)
    if member.process.alive and member._ready:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.http_port}/metrics", timeout=10) as page:
            said.append(page.read().decode())
    return "\n".join(said)


def check_secret(cluster, members, *secrets):
    """Nothing of it stands where somebody reads who need not know."""
    said = "\n".join(map(said_by, members)) + cluster.say("cluster", "events", "--json") + cluster.say("cluster", "config")
    for member in cluster.members:
        said += cluster.say("cluster", "config", "--broker", member.number)
    for secret in (*secrets, b64encode(SECRET.encode()).decode()):
        check(secret not in said, "a secret is told: " + next((l for l in said.splitlines() if secret in l), ""))


def wants(member, way, world, **settings):
    """Tells the broker who it is on the command line, in the environment or in its file, as `way` says."""
    if way == "flags":
        member.settings.update(settings)
    elif way == "environment":
        member.environment.update({f"GODWIT_{name.upper().replace('.', '_')}": value for name, value in settings.items()})
    else:
        path = world.folder / f"godwit{member.number}.toml"
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
        member.settings["config"] = path


def works(world, store, **settings):
    """A cluster of which each broker is told in another way who it is: it comes up, and goes on over a kill."""
    cluster = Cluster(world, store, start=False)
    store.start()
    for member, way in zip(cluster.members, ("flags", "environment", "file")):
        wants(member, way, world, **settings)
    cluster.begin_all()
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.controller()
    victim.kill()
    load.goes_on(50)
    victim.start()
    cluster.await_full_isr("load")
    return cluster, load


def refused(cluster, world, words, name, **settings):
    """A further broker that says who it is: it says one of `words` and does not join, the others are not disturbed."""
    stranger = cluster.new_member(9, name)
    wants(stranger, "flags", world, **settings)
    stranger.begin()

    def complains():
        told = [line for line in list(stranger.diagnostics) if '"warning"' in line or '"error"' in line]
        return any(word in line for line in told for word in words)

    wait_until(complains, 20, lambda: f"it does not say what is wrong\n{stranger.words()}")
    check(not stranger.told("broker.ready"), f"it serves\n{stranger.words()}")
    told = json.loads(cluster.say("cluster", "status", "--json"))
    check(9 not in [broker["id"] for broker in told["brokers"]], "it has joined")
    return stranger


@scenario("etcd with user and password: a cluster comes up; a wrong password, or none, is told as that; no secret is told")
def etcd_users(world):
    store = EtcdWithUsers(world)
    told = {"engine.user": USER, "engine.password": SECRET}
    cluster, load = works(world, store, **told)
    strangers = [
        refused(cluster, world, ["password", "auth"], "wrong", **{**told, "engine.password": WRONG}),
        refused(cluster, world, ["user", "permission", "auth"], "nobody")]
    # The token that each broker has is forgotten by an etcd that dies: they ask for another.
    store.kill()
    load.goes_on(50)
    Etcd.start(store)
    wait_until(lambda: cluster.run("topic", "create", "afterwards", "--if-not-exists", seconds=5).returncode == 0, 20,
               lambda: f"no topic is created although the store is back\n{cluster.words()}")
    check_secret(cluster, [*cluster.members, *strangers], SECRET, WRONG, _ROOT_SECRET)
    load.goes_on(50)
    load.finish()


@scenario("etcd with TLS, certificates of brokers, user and password: a cluster comes up; what is not trusted is named")
def etcd_tls(world):
    store = EtcdWithTls(world)
    told = {**tls_settings(store.stem), "engine.user": USER, "engine.password": SECRET}
    cluster, load = works(world, store, **told)
    other = certificate(world.folder / "certificates", "other")
    unreached = ["coordination.unreachable", "certificate", "TLS", "handshake"]
    strangers = [
        refused(cluster, world, unreached, "other", **{**told, "engine.tls.ca": f"{other}.pem"}),
        refused(cluster, world, unreached, "foreign", **{**told, **tls_settings(other), "engine.tls.ca": f"{store.stem}.pem"}),
        refused(cluster, world, unreached, "plain", **{"engine.user": USER, "engine.password": SECRET})]
    keys = [line for line in (store.stem.with_suffix(".key")).read_text().splitlines() if "-----" not in line]
    check_secret(cluster, [*cluster.members, *strangers], SECRET, *keys)
    load.goes_on(50)
    load.finish()


@scenario("managed etcd with TLS: its members speak it among themselves and with brokers, and to nobody who has no certificate")
def managed_tls(world):
    stem = certificate(world.folder / "certificates", "ours")
    cluster = Cluster(world, "managed-etcd", **tls_settings(stem))
    cluster.create("load")
    load = Load(cluster)
    victim = cluster.leader("load", 0)
    kill_under_load(cluster, load, victim, cluster.led_by("load", victim))
    endpoint = cluster.store.address.split("@")[1].split(",")[0]
    known, stranger = (ssl.create_default_context(cafile=f"{stem}.pem") for _ in range(2))
    known.load_cert_chain(f"{stem}.pem", f"{stem}.key")
    check(answers(f"https://{endpoint}/health", known), "a member does not answer who is known")
    check(not answers(f"https://{endpoint}/health", stranger), "a member answers a stranger")
    check(not answers(f"http://{endpoint}/health", None), "a member speaks without TLS")
    load.finish()


@scenario("ZooKeeper with digest authentication: a cluster comes up, its nodes are its own; a wrong password is told as that")
def zookeeper_digest(world):
    store = Zookeeper(world)
    told = {"engine.user": USER, "engine.password": SECRET}
    cluster, load = works(world, store, **told)
    try:
        with Nodes(store.port) as nodes:
            check(not nodes.children("/godwit/scenario/keys"), "a stranger can read what is there")
    except RuntimeError as why:
        check("-102" in str(why), f"{why}")  # ZNOAUTH
    strangers = [
        refused(cluster, world, ["permission", "rights", "auth"], "wrong", **{**told, "engine.password": WRONG}),
        refused(cluster, world, ["permission", "rights", "auth"], "nobody")]
    check_secret(cluster, [*cluster.members, *strangers], SECRET, WRONG)
    load.goes_on(50)
    load.finish()


@scenario("who is told a user or a certificate that its coordination has no use for says so and ends")
def of_no_use(world):
    cluster = Cluster(world, "zookeeper", brokers=0, start=False)
    stem = certificate(world.folder / "certificates", "ours")
    for number, (coordination, setting, value) in enumerate([
            ("local", "engine.user", USER), ("local", "engine.tls.ca", f"{stem}.pem"),
            (cluster.store.address, "engine.tls.ca", f"{stem}.pem"),
            ("managed-etcd://1@127.0.0.1:1,2@127.0.0.1:3,3@127.0.0.1:5", "engine.user", USER)]):
        member = cluster.new_member(1, f"broker-{number}")
        member.settings.update({"coordination": coordination, setting: value})
        member.begin()
        code = member.process.wait(20)
        check(code not in (0, None) and setting in "\n".join(member.diagnostics), f"{code}\n{member.words()}")
    shown = subprocess.run([godwit_binary(), "config", "--engine.user", USER, "--engine.password", SECRET], env=_inherited(),
                           capture_output=True, text=True, timeout=20, check=True)
    check("engine.password" in shown.stdout and SECRET not in shown.stdout + shown.stderr, "godwit config shows the password")
