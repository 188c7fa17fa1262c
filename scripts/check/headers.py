"""Every header compiles alone: it includes what it uses. (The build's precompiled headers are not used here.)

A header is proven by a compilation in which nothing comes before it but what it includes itself. So several are proven at
once, in chains: a, then b that includes a, then c that includes b. And what most of the first ones of chains include is
precompiled, for those that include all of it. Where a chain does not compile, each of its headers is compiled alone, and
that alone counts.
"""

import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from compiling import Flags, Memory, configured
from tidy import own_headers
from tree import Finding

CHECK = "headers"
PRECOMPILED = 4  # at most so many sets of includes, for files of the same flags
COST_OF_PRECOMPILING = 3  # times what it costs to include the same
WHAT_CLANG_SAYS = ["-fno-color-diagnostics", "-Wno-unused-command-line-argument"]


def run(tree, pool):
    headers = [h for h in tree.headers() if h.startswith(("src/", "include/", "sim/", "bench/", "tests/", "chaos/"))]
    flags = Flags(tree, configured(tree))
    memory = Memory(tree, CHECK)
    reached = reaches(tree, set(headers))
    by_flags = defaultdict(list)
    for header in headers:
        if not memory.knows(header, flags.of(header)):
            by_flags[tuple(flags.of(header))].append(header)

    def compiles(command, names):
        """What clang says against it, or None."""
        stub = "".join(f"#include {n}\n" if n.startswith("<") else f'#include "{tree.root / n}"\n' for n in names)
        kind = "c++-header" if "-emit-pch" in command else "c++"
        done = subprocess.run([*command, *WHAT_CLANG_SAYS, "-x", kind, "-"], input=stub, cwd=tree.root,
                              capture_output=True, text=True)
        return done.stderr if done.returncode != 0 else None

    def prove(job):
        command, chain, precompiled = job
        before = ["-Xclang", "-include-pch", "-Xclang", precompiled] if precompiled else []
        together = compiles([*command, *before, "-fsyntax-only"], chain)
        findings = []
        for header in chain:
            said = compiles([*command, "-fsyntax-only"], [header]) if together is not None else None
            if said is None:
                memory.remember(header, list(command), own_headers(tree, header))
            else:
                findings.append(finding(tree, header, said))
        return findings

    with tempfile.TemporaryDirectory() as scratch:
        jobs = []
        for command, members in by_flags.items():
            linked = chains(members, reached)
            files = {}
            for chain, includes in zip(linked, shared_includes([reached[chain[0]] for chain in linked])):
                if includes and includes not in files:
                    path = str(Path(scratch) / f"{len(jobs)}.pch")
                    failed = compiles([*command, "-Xclang", "-emit-pch", "-o", path], sorted(includes))
                    files[includes] = None if failed is not None else path
                jobs.append((command, chain, files.get(includes)))
        findings = [f for found in pool.map(prove, jobs) for f in found]
    memory.save()
    return findings


def reaches(tree, headers):
    """Per header what it includes above all else in it, and what that includes, and so on: "<name>", or a header's path."""

    def first_includes(header):
        code, folder = tree.code(header).splitlines(), header.rsplit("/", 1)[0]
        at_the_top = re.compile(r"\s*(#\s*(include|pragma once)\b|$)")
        above = next((n for n, line in enumerate(code, 1) if not at_the_top.match(line)), len(code) + 1)
        for number, name, quoted in tree.includes(header):
            ours = [c for c in (f"src/{name}", f"include/{name}", name, f"{folder}/{name}") if c in headers]
            if number < above and (ours or not quoted):
                yield ours[0] if ours else f"<{name}>"

    direct = {header: set(first_includes(header)) for header in headers}
    reached = {}
    for header in headers:
        found, ahead = set(), [header]
        while ahead:
            new = direct.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        reached[header] = frozenset(found)
    return reached


def chains(headers, reached):
    """As few chains as cover all headers, in each of which a header reaches those before it (by augmenting paths)."""
    later = {a: [b for b in headers if a in reached[b] and b not in reached[a]] for a in headers}
    before = {}

    def link(header, tried):
        for other in later[header]:
            if other not in tried:
                tried.add(other)
                if other not in before or link(before[other], tried):
                    before[other] = header
                    return True
        return False

    for header in sorted(headers, key=lambda h: (-len(reached[h]), h)):
        link(header, set())
    after = {earlier: header for header, earlier in before.items()}
    covering = []
    for header in headers:
        if header not in before:
            chain = [header]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            covering.append(chain)
    return covering


def shared_includes(sets):
    """Per set of includes the largest one that is worth precompiling and lies within it; an empty one where there is none."""
    chosen = [frozenset()] * len(sets)
    for _ in range(PRECOMPILED):
        def gain(candidate):
            saved = sum(max(0, len(candidate) - len(chosen[i])) for i, s in enumerate(sets) if candidate <= s)
            return saved - COST_OF_PRECOMPILING * len(candidate)
        best = max(sorted(set(sets), key=sorted), key=gain, default=frozenset())
        if gain(best) <= 0:
            break
        chosen = [best if best <= s and len(best) > len(chosen[i]) else chosen[i] for i, s in enumerate(sets)]
    return chosen


def finding(tree, header, stderr):
    match = re.search(r"^(.*?):(\d+):\d+: (?:fatal )?error: (.*)$", stderr, re.MULTILINE)
    if not match:
        return Finding(header, 1, CHECK, "does not compile alone: " + stderr.strip()[:300])
    path = match.group(1).removeprefix(f"{tree.root}/")
    text = f"{match.group(3)} ({header} does not compile alone)"
    return Finding(path, int(match.group(2)), CHECK, text)
