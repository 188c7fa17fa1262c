"""A broker process of its own for a test, and the commands run against it."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("GODWIT_BINARY", REPOSITORY / "build/release/godwit")).resolve()
# The program refuses variables of its own prefix that it does not know.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GODWIT_")}


class Broker:
    """Serves from an empty folder on a free port until stop(). `arguments`: what it is told besides."""

    def __init__(self, *arguments):
        self.folder = Path(tempfile.mkdtemp(prefix="godwit-cli-"))
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data-dir", "data", "--kafka", "127.0.0.1:0", "--http", "off",
             "--diagnostics.format", "text", *arguments], cwd=self.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.address = None
        for line in self.process.stderr:
            if "broker.ready" in line:
                self.address = next(word.split("=", 1)[1] for word in line.split() if word.startswith("kafka="))
                break
        if self.address is None:
            raise RuntimeError(f"the broker did not start: exit code {self.process.wait()}")
        # Its diagnostics must not fill the pipe.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.drain.wait(10)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words, text="", timeout=60, code=0):
        """Runs a command; gives what it printed. `code`: what it has to end with; None: anything."""
        done = subprocess.run([BINARY, *words, "--brokers", self.address], input=text, capture_output=True, text=True,
                              timeout=timeout, env=ENVIRONMENT)
        if code is not None and done.returncode != code:
            raise AssertionError(f"godwit {' '.join(words)} ended with {done.returncode}, not {code}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr


def main(name, suite):
    """Runs the suite and prints the line that scripts/test.sh reads."""
    if not os.access(BINARY, os.X_OK):
        print(f"{name}: there is no {BINARY}: make build")
        print(f"{name}: 0 passed, 1 failed")
        return 1
    result = unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{name}: {max(0, result.testsRun - bad - len(result.skipped))} passed, {bad} failed")
    return 1 if bad or result.testsRun == 0 else 0
