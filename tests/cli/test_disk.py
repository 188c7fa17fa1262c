"""What a broker makes of its disk: full, failing, and written by a newer version."""

import os
import shutil
import struct
import subprocess
import unittest
from pathlib import Path

from program import ProgramTest, Server, until

BLOCK = 4096
MIB = 1 << 20


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Disk(ProgramTest):
    def kcat(self, server, *arguments, text=""):
        return subprocess.run(["kcat", "-b", server.ready["kafka"], "-t", "t", *arguments], input=text, text=True, capture_output=True,
                              timeout=60)

    def publish(self, server, text, patience=20000):
        return self.kcat(server, "-P", "-X", "acks=all", "-X", f"message.timeout.ms={patience}", text=text)

    def read(self, server):
        done = self.kcat(server, "-C", "-q", "-e", "-o", "beginning")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class NewerFormat(Disk):
    """Formats: docs/formats/durable.md and journal.md."""

    def setUp(self):
        super().setUp()
        server = self.serve().wait_ready()
        self.assertEqual(self.publish(server, "kept\n").returncode, 0)
        self.assertEqual(server.stop(), 0)

    def refused(self, path, *words):
        before = {p: p.read_bytes() for p in (self.folder / "d").rglob("*") if p.is_file() and p.name != "lock"}
        server = self.serve()
        told = server.wait_for("broker.not_started")
        for word in (str(path.relative_to(self.folder)), "newer version", "nothing was changed", *words):
            self.assertIn(word, told["text"])
        self.assertEqual(server.finish(), 1)
        self.assertEqual({p: p.read_bytes() for p in before}, before)

    def goes_on(self):
        server = self.serve().wait_ready()
        self.assertEqual(self.read(server), "kept\n")
        self.assertEqual(server.stop(), 0)

    def two_copies(self, name):
        path = self.folder / "d" / name
        if not path.exists():
            path = path.with_suffix(".b")
        old = path.read_bytes()
        rest = struct.pack("<I", 7) + old[16:64]
        path.write_bytes(old[:8] + struct.pack("<I", crc32c(old[:8] + rest)) + rest + old[64:])
        self.refused(path, "format 7")
        path.write_bytes(old)
        self.goes_on()

    def test_of_the_identity(self):
        self.two_copies("identity.a")

    def test_of_the_checkpoint(self):
        self.two_copies("checkpoint.a")

    def test_of_the_journal(self):
        path = next(p for p in sorted((self.folder / "d" / "journal").iterdir()) if p.read_bytes()[:8] == b"godwit-j")
        old = path.read_bytes()
        rest = struct.pack("<H", 2) + old[14:112]
        path.write_bytes(old[:8] + struct.pack("<I", crc32c(old[:8] + rest)) + rest + old[112:])
        self.refused(path)
        path.write_bytes(old)
        self.goes_on()


class Full(Disk):
    """On a file system of its own, in memory, which only the broker's process sees; we come by /proc/<pid>/root."""

    SIZE = 160 * MIB

    def serve_on_small_disk(self):
        mount = self.folder / "disk"
        mount.mkdir(exist_ok=True)
        namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        if subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", str(mount)], capture_output=True).returncode != 0:
            self.skipTest("no file system can be mounted here")
        shell = f'mount -t tmpfs -o size={self.SIZE} none "$0" && exec "$@"'
        server = Server(["--data-dir", "disk/d", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--memory.arena", "16MiB",
                         "--journal.file.bytes", "4MiB", "--journal.files", "4", "--disk.reserve.bytes", "32MiB"],
                        self.folder, prefix=[*namespace, "sh", "-c", shell, str(mount)])
        self.addCleanup(server.close)
        server.wait_ready()
        self.disk = Path(f"/proc/{server.process.pid}/root{mount}")
        return server

    def test_refuses_publishers_and_nothing_else_and_comes_back_by_itself(self):
        server = self.serve_on_small_disk()
        self.assertEqual(self.publish(server, "first\n").returncode, 0)
        filler = self.disk / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.disk).free - 8 * MIB)
        self.assertTrue(until(lambda: server.get("/readyz")[0] == 503), "the broker says that it takes no writes")
        refused = self.publish(server, "refused\n", patience=3000)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("timed out", refused.stderr, "the client was told to try again, and did until its patience ended")
        self.assertEqual(self.read(server), "first\n", "reading goes on")
        self.assertEqual(server.get("/healthz")[0], 200)
        filler.unlink()
        self.assertTrue(until(lambda: server.get("/readyz")[0] == 200), "it returns by itself")
        self.assertEqual(self.publish(server, "second\n").returncode, 0)
        self.assertEqual(self.read(server), "first\nsecond\n")
        self.assertEqual(server.stop(), 0, server.events)


# Makes the process's disk fail once a file called `switch` is there.
FAILING_DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
int fdatasync(int fd) {
  if (access("switch", F_OK) == 0) { errno = EIO; return -1; }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}
"""


class Failing(Disk):
    def test_ends_publishing_until_a_restart_and_keeps_what_was_acknowledged(self):
        (self.folder / "failing.c").write_text(FAILING_DISK)
        subprocess.run(["clang-16", "-shared", "-fPIC", "-o", "failing.so", "failing.c"], cwd=self.folder, check=True)
        server = self.serve(LD_PRELOAD=str(self.folder / "failing.so")).wait_ready()
        self.assertEqual(self.publish(server, "kept\n").returncode, 0)
        (self.folder / "switch").touch()
        refused = self.publish(server, "perhaps\n", patience=3000)
        self.assertNotEqual(refused.returncode, 0, "an acknowledgement would be a lie")
        self.assertTrue(until(lambda: server.get("/readyz")[0] == 503))
        self.assertEqual(self.read(server), "kept\n", "reading goes on")
        (self.folder / "switch").unlink()
        self.assertNotEqual(self.publish(server, "perhaps\n", patience=3000).returncode, 0,
                            "what a sync lost is not written again: only a restart knows what the disk has")
        server.stop()
        again = self.serve().wait_ready()
        self.assertEqual(self.read(again).splitlines()[0], "kept")
        self.assertEqual(self.publish(again, "second\n").returncode, 0)
        self.assertEqual(self.read(again).splitlines()[-1], "second")
        self.assertEqual(again.stop(), 0)


if __name__ == "__main__":
    unittest.main()
