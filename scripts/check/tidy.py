"""clang-tidy-16 (.clang-tidy: bugprone and performance) over changed files, or over everything."""

import re
import subprocess

from compiling import Flags, Memory, configured
from tree import CPP, Finding

CHECK = "tidy"


def run(tree, pool, everything):
    sources = [f for f in tree.files if f.endswith(".cpp")]
    if not everything:
        changed = changed_files(tree)
        if changed is None:
            print("tidy: no earlier commit to compare with, so nothing counts as changed; make lint checks all files")
            return []
        sources = sorted(affected(tree, sources, changed))
    flags = Flags(tree, configured(tree))
    memory = Memory(tree, CHECK)
    sources = [s for s in sources if s in flags.by_file or not flags.by_file]
    configuration = tree.text(".clang-tidy") if ".clang-tidy" in tree.files else ""

    def tidy(source):
        compile_flags = flags.of(source)[1:]
        key = [configuration, *compile_flags]
        if memory.knows(source, key):
            return []
        done = subprocess.run(
            ["clang-tidy-16", "--quiet", "--warnings-as-errors=*", f"--header-filter=^{re.escape(str(tree.root))}/",
             source, "--", *compile_flags, "-Wno-unused-command-line-argument"],
            cwd=tree.root, capture_output=True, text=True)
        if done.returncode == 0:
            memory.remember(source, key, own_headers(tree, source))
            return []
        found = re.findall(r"^(.*?):(\d+):\d+: (?:fatal )?(?:error|warning): (.*)$", done.stdout, re.MULTILINE)
        if not found:
            return [Finding(source, 1, CHECK, (done.stdout + done.stderr).strip()[:300])]
        return [Finding(path.removeprefix(f"{tree.root}/"), int(line), CHECK, text) for path, line, text in found]

    findings = {f for found in pool.map(tidy, sources) for f in found}
    memory.save()
    return sorted(findings)


def own_headers(tree, path, seen=None):
    """`path` and every header of the tree that it includes, directly or not."""
    seen = seen if seen is not None else set()
    if path in seen:
        return seen
    seen.add(path)
    folder = path.rsplit("/", 1)[0]
    for _, name, _ in tree.includes(path):
        for candidate in (f"src/{name}", f"include/{name}", name, f"{folder}/{name}"):
            if candidate in tree.files:
                own_headers(tree, candidate, seen)
                break
    return seen


def affected(tree, sources, changed):
    """Changed sources; for a changed header, the source beside it, else the first one that includes it."""
    chosen = {f for f in changed if f in sources}
    for header in (f for f in changed if f.endswith((".h", ".hpp")) and f in tree.files):
        stem = header.rsplit(".", 1)[0]
        beside = [s for s in (f"{stem}.cpp", f"{stem}_test.cpp") if s in sources]
        chosen |= set(beside[:1] or [s for s in sources if header in own_headers(tree, s)][:1])
    return chosen


def changed_files(tree):
    """C++ files that differ from the merge base with origin/main (from the commit before, where that is here)."""

    def git(*words):
        done = subprocess.run(["git", *words], cwd=tree.root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    base = git("merge-base", "HEAD", "origin/main")
    if base is None or base == head:
        base = git("rev-parse", "--verify", "--quiet", "HEAD~")
    if not base:
        return None
    listed = (git("diff", "--name-only", base) or "") + "\n" + (git("ls-files", "-o", "--exclude-standard") or "")
    return [f for f in listed.splitlines() if f.endswith(CPP)]
