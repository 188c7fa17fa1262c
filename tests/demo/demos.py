"""The demo, with one etcd and with managed etcd: it counts right, and leaves nothing behind however it ends."""

import os
import re
import signal

from harness.broker import godwit_binary
from harness.deadline import wait_until
from harness.journey import check
from harness.process import Process
from scenario import scenario
from world import processes_of

UP_SECONDS = 60
DOWN_SECONDS = 40
KINDS = {"one etcd": [], "managed etcd": ["--coordination", "managed-etcd"]}


class Demo:
    """A running demo with a data directory, or (`data_dir=None`) a temporary one, in the scenario's folder."""

    def __init__(self, world, *words, data_dir="data"):
        self.folder = world.folder
        more = ["--data-dir", world.folder / data_dir] if data_dir else []
        self.process = world.keep(Process([godwit_binary(), "demo", "--rate", "500", *more, *words], "demo",
                                          {"TMPDIR": str(world.folder)}))

    @property
    def text(self):
        return "\n".join(self.process.lines + list(self.process.complaints))

    def says(self, pattern, seconds=UP_SECONDS):
        """Waits until it says this; gives the match."""
        def look():
            found = re.search(pattern, self.text)
            if not found and not self.process.alive:
                raise RuntimeError(f"the demo ended with {self.process.code} and never said '{pattern}':\n{self.text}")
            return found

        return wait_until(look, seconds, lambda: f"the demo does not say '{pattern}':\n{self.text}")

    def is_up(self):
        """It publishes; gives the ids of its brokers and of what keeps their state."""
        self.says(r"acknowledged [1-9]\d\d+ ")
        brokers, stores = self.processes("serve"), self.processes("etcd ")
        check(len(brokers) == 3, f"brokers: {brokers}")
        return brokers, stores

    def processes(self, *words):
        return processes_of(self.folder, *words)

    def ends(self, code=0):
        """It ends by itself, and nothing is left of it."""
        ended = self.process.wait(DOWN_SECONDS)
        check(ended == code, f"it ended with {ended}:\n{self.text}")
        # A demo that was killed has its guard do it.
        wait_until(lambda: not self.processes(), 20, lambda: f"these are left behind: {self.processes()}")

    def counts(self):
        """What it says at last: {sent, acknowledged, received, missing, out, twice}."""
        found = self.says(r"sent (\d+), acknowledged (\d+), given up (\d+); received (\d+): (\d+) missing, (\d+) out of "
                          r"order, (\d+) there twice", 1)
        return dict(zip(("sent", "acknowledged", "failed", "received", "missing", "disordered", "twice"), map(int, found.groups())))


def kills(world, kind, seconds):
    demo = Demo(world, "--kill-every", "3s", "--for", f"{seconds}s", *KINDS[kind])
    demo.process.wait(UP_SECONDS + seconds + DOWN_SECONDS)
    demo.ends()
    counts = demo.counts()
    check(counts["acknowledged"] > 1000 and counts["failed"] == 0, f"{counts}\n{demo.text}")
    check(counts["missing"] == counts["disordered"] == counts["twice"] == 0, f"{counts}\n{demo.text}")
    died = int(demo.says(r"(\d+) brokers died", 1)[1])
    check(died >= 2, f"{died} brokers died\n{demo.text}")
    gaps = re.findall(r"was acknowledged again after (\d+) ms", demo.text)
    check(len(gaps) >= died - 1, f"the gaps of {died} deaths: {gaps}\n{demo.text}")
    if kind == "managed etcd":
        check("etcd member of broker" in demo.text, f"no etcd member was killed\n{demo.text}")
    check("the data stays in" in demo.text, f"it does not say where its data is\n{demo.text}")
    check((world.folder / "data/broker-1").is_dir(), "the data is gone")


def stops_at(world, kind, number):
    demo = Demo(world, *KINDS[kind], data_dir=None)
    demo.is_up()
    demo.process.signal(number)
    demo.ends()
    counts = demo.counts()
    check(counts["missing"] == counts["disordered"] == counts["twice"] == 0, f"{counts}\n{demo.text}")
    left = [path.name for path in world.folder.iterdir() if path.name.startswith("godwit-demo")]
    check(not left, f"its temporary folder is left: {left}")


def killed(world, kind):
    demo = Demo(world, *KINDS[kind], data_dir=None)
    _, stores = demo.is_up()
    check(len(stores) == (3 if kind == "managed etcd" else 1), f"what keeps their state: {stores}")
    # Only itself: a blow at the whole process group would prove nothing.
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.ends(-signal.SIGKILL)
    wait_until(lambda: not [p for p in world.folder.iterdir() if p.name.startswith("godwit-demo")], 10,
               "the temporary folder of a demo that was killed is left")


for _kind, _seconds in [("one etcd", 15), ("managed etcd", 10)]:
    @scenario(f"godwit demo --kill-every 3s --for {_seconds}s with {_kind}: nothing is missing or out of order, and it ends "
              "with 0", long=_kind != "one etcd")
    def _kills(world, kind=_kind, seconds=_seconds):
        kills(world, kind, seconds)


for _kind in KINDS:
    @scenario(f"kill -9 of a demo with {_kind}: no process and no temporary folder is left")
    def _killed(world, kind=_kind):
        killed(world, kind)


for _kind, _signal in [("one etcd", signal.SIGINT), ("managed etcd", signal.SIGTERM)]:
    @scenario(f"{_signal.name} ends a demo with {_kind} in order: it counts, and leaves no process and no folder")
    def _stops(world, kind=_kind, number=_signal):
        stops_at(world, kind, number)


@scenario("a second signal leaves at once, and still leaves no process")
def impatient(world):
    demo = Demo(world, *KINDS["managed etcd"], data_dir=None)
    demo.is_up()
    demo.process.signal(signal.SIGTERM)
    demo.says("once more leaves at once")
    demo.process.signal(signal.SIGTERM)
    code = demo.process.wait(DOWN_SECONDS)
    # It may have come to its end between the two.
    check(code in (0, 128 + signal.SIGTERM), f"it ended with {code}\n{demo.text}")
    demo.ends(code)


@scenario("a broker that somebody kills is started again, and the demo goes on; its data can be used by the next demo",
          long=True)
def by_hand(world):
    for first in (True, False):
        demo = Demo(world, *KINDS["managed etcd"])
        brokers, _ = demo.is_up()
        if first:
            os.kill(brokers[0], signal.SIGKILL)
            demo.says(r"broker \d is back: all replicas are in sync again", 30)
        demo.process.signal(signal.SIGINT)
        demo.ends()
        counts = demo.counts()
        check(counts["missing"] == counts["disordered"] == counts["twice"] == 0, f"{counts}\n{demo.text}")


@scenario("a mistake in the demo's command line is told, and nothing is started")
def mistakes(world):
    for words, said in [(["--kafka", "127.0.0.1:1"], "--kafka"), (["--kill-every", "soon"], "--kill-every"),
                        (["--rate", "0"], "--rate")]:
        process = world.keep(Process([godwit_binary(), "demo", *words], "demo"))
        code = process.wait(10)
        text = "\n".join(process.complaints)
        check(code == 2 and said in text, f"{words}: {code}: {text}")
