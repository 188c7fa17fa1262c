"""haproxy -c, nginx -t, systemd-analyze verify and godwit config read what deploy/ gives to operators."""

import re
import shutil
import subprocess

from harness.broker import godwit_binary
from harness.journey import check
from harness.runtimes import Unavailable
from scenario import scenario
from world import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def run(program, *words, folder=None):
    """The finished process; Unavailable where there is no such program."""
    found = program if "/" in str(program) else shutil.which(program, path=PATH)
    if found is None:
        raise Unavailable(f"there is no {program}")
    return subprocess.run([str(found), *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)


def accepts(done):
    check(done.returncode == 0, f"it is refused ({done.returncode}): {done.stdout}{done.stderr}")


def refuses(done, word):
    check(done.returncode != 0 and word in done.stdout + done.stderr, f"a mistake is not noticed: {done}")


def changed(world, path, old, new):
    """A copy of the file in which `old` reads `new`."""
    text = path.read_text()
    check(old in text, f"{path} does not say '{old}'")
    copy = world.folder / path.name
    copy.write_text(text.replace(old, new))
    return copy


@scenario("haproxy understands its configuration, without a warning")
def haproxy(world):
    path = DEPLOY / "haproxy/haproxy.cfg"
    done = run("haproxy", "-c", "-f", path)
    accepts(done)
    check("WARNING" not in done.stdout + done.stderr, f"it warns: {done.stdout}{done.stderr}")
    refuses(run("haproxy", "-c", "-f", changed(world, path, "default_backend brokers", "default_backend others")), "others")


def nginx_reads(world, path):
    modules = world.folder / "modules"
    if not modules.exists():
        modules.symlink_to("/usr/lib/nginx/modules")
    return run("nginx", "-t", "-p", world.folder, "-c", path, "-g", f"pid {world.folder}/pid; error_log stderr;")


@scenario("nginx understands its configuration, without a warning")
def nginx(world):
    path = DEPLOY / "nginx/nginx.conf"
    done = nginx_reads(world, path)
    accepts(done)
    check("[warn]" not in done.stderr, f"it warns: {done.stderr}")
    refuses(nginx_reads(world, changed(world, path, "proxy_pass brokers", "proxy_pass_to brokers")), "proxy_pass_to")


@scenario("systemd understands the unit, and it is as closed as it says")
def systemd(world):
    path = DEPLOY / "systemd/godwit.service"
    unit = changed(world, path, "/usr/bin/godwit", str(godwit_binary()))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    accepts(done)
    check(not done.stderr.strip(), f"it warns: {done.stderr}")
    # Of 10 (nothing is held back): the unit's comments promise that it needs nothing of the machine but data and network.
    accepts(run("systemd-analyze", "security", "--offline=true", "--threshold=25", unit))
    done = run("systemd-analyze", "verify", "--man=no", changed(world, unit, "Restart=on-failure", "Restart=perhaps"))
    check("perhaps" in done.stderr, f"a mistake is not noticed: {done}")


@scenario("godwit understands its configuration file, and every setting that it names holds")
def configuration(world):
    path = DEPLOY / "godwit.toml"
    done = run(godwit_binary(), "config", "--config", path)
    accepts(done)
    for line in path.read_text().splitlines():
        named = re.match(r"([a-z.]+) = ", line)
        if named:
            held = re.search(rf"^{re.escape(named[1])} .*godwit\.toml:\d+", done.stdout, re.MULTILINE)
            check(held, f"{named[1]} does not hold: {done.stdout}")
    refuses(run(godwit_binary(), "config", "--config", changed(world, path, "broker.rack", "broker.rak")), "broker.rack")
