"""All C++ is as clang-format-16 writes it."""

import re
import subprocess

from tree import Finding

CHECK = "format"
BATCH = 20


def run(tree, pool):
    paths = tree.cpp()
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)]

    def check(batch):
        done = subprocess.run(["clang-format-16", "--dry-run", "-Werror", "-ferror-limit=0", *batch], cwd=tree.root,
                              capture_output=True, text=True)
        findings = {}
        for path, line in re.findall(r"^(.*?):(\d+):\d+: error:", done.stderr, re.MULTILINE):
            findings.setdefault(path, Finding(path, int(line), CHECK, f"not formatted: clang-format-16 -i {path}"))
        if done.returncode != 0 and not findings:
            findings[""] = Finding(batch[0], 1, CHECK, done.stderr.strip()[:300] or "clang-format-16 failed")
        return findings.values()

    return [f for found in pool.map(check, batches) for f in found]
