"""Small trees for the tests of the checks: made, checked, thrown away."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CHECK = REPOSITORY / "scripts" / "check" / "check.py"

# Lines 4 to 14; the tests name some of them.
TABLE = """# a small house

<!-- table: libraries -->
| row | library | where | kind | under | may include |
|---:|---|---|---|---|---|
| 0 | `base` | `src/base/` | plain | asan | – |
| 1 | `model` | `src/model/` | pure | asan | – |
| 1 | `runtime` | `src/runtime/` | door | tsan | – |
| 1 | `runtime_real` | `src/runtime/real/` | door | tsan | runtime |
| 1 | `runtime_sim` | `src/runtime/sim/` | door | | runtime |
| 2 | `net` | `src/net/` | plain | | runtime |
| 3 | `groups` | `src/groups/` | pure | | model |
| 8 | `app` | `src/app/` | edge | | everything |

<!-- table: external -->
| header | may be included by |
|---|---|
| `boost/asio` | `src/runtime/real/*` |
| `grpc` | `src/app/*.cpp` |
"""

HEADERS = {
    "src/base/bytes.h": "#pragma once\n",
    "src/model/topic.h": '#pragma once\n#include "base/bytes.h"\n',
    "src/runtime/clock.h": "#pragma once\n",
    "src/runtime/real/loop.h": "#pragma once\n",
    "src/runtime/sim/world.h": "#pragma once\n",
    "src/net/server.h": "#pragma once\n",
}


class HouseTest(unittest.TestCase):
    def tree(self, files, table=TABLE):
        """A folder with the table, a few good headers and `files`."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name).resolve()
        for path, text in {"docs/architecture.md": table, **HEADERS, **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root

    def check(self, name, root, *more):
        return subprocess.run([sys.executable, str(CHECK), "--root", str(root), "--only", name, *more],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def refuses(self, name, files, *expected, table=TABLE):
        """Exactly the findings `expected` ("path:line", or with words after it) come back, and exit code 1."""
        done = self.check(name, self.tree(files, table))
        findings = [line for line in done.stdout.splitlines() if f": {name}: " in line]
        self.assertEqual(len(findings), len(expected), f"\n{done.stdout}{done.stderr}")
        for finding, wanted in zip(findings, expected):
            place, _, words = wanted.partition(" ")
            self.assertTrue(finding.startswith(f"{place}: {name}: "), f"{finding}\nwanted {wanted}")
            self.assertIn(words, finding)
        self.assertEqual(done.returncode, 1)

    def accepts(self, name, files, table=TABLE):
        done = self.check(name, self.tree(files, table))
        self.assertEqual(done.returncode, 0, f"\n{done.stdout}{done.stderr}")
