"""Every header compiles alone: it includes what it uses. (The build's precompiled header is not used here.)"""

import re
import subprocess
import tempfile
from pathlib import Path

from compiling import Flags, Memory, configured, dependencies
from tree import Finding

CHECK = "headers"


def run(tree, pool):
    headers = [h for h in tree.headers() if h.startswith(("src/", "include/", "sim/", "bench/", "tests/", "chaos/"))]
    flags = Flags(tree, configured(tree))
    memory = Memory(tree, CHECK)

    def compile_alone(header):
        command = [*flags.of(header), "-fsyntax-only", "-fno-color-diagnostics", "-Wno-unused-command-line-argument"]
        if memory.knows(header, command):
            return []
        with tempfile.TemporaryDirectory() as scratch:
            rule = Path(scratch) / "deps"
            stub = f'#include "{tree.root / header}"\n'
            done = subprocess.run([*command, "-MD", "-MF", str(rule), "-x", "c++", "-"], input=stub, cwd=tree.root,
                                  capture_output=True, text=True)
            if done.returncode == 0:
                memory.remember(header, command, {header, *dependencies(tree.root, rule.read_text())})
                return []
        return [finding(tree, header, done.stderr)]

    findings = [f for found in pool.map(compile_alone, headers) for f in found]
    memory.save()
    return findings


def finding(tree, header, stderr):
    match = re.search(r"^(.*?):(\d+):\d+: (?:fatal )?error: (.*)$", stderr, re.MULTILINE)
    if not match:
        return Finding(header, 1, CHECK, "does not compile alone: " + stderr.strip()[:300])
    path = match.group(1).removeprefix(f"{tree.root}/")
    text = f"{match.group(3)} ({header} does not compile alone)"
    return Finding(path, int(match.group(2)), CHECK, text)
