#!/usr/bin/env python3
"""The checks of `make check`: each refuses with path:line, and has a test in tests/house.

  scripts/check/check.py                     all of them, clang-tidy on changed files
  scripts/check/check.py --all-files         all of them, clang-tidy on every file (make lint)
  scripts/check/check.py --only layers,tidy  some
  scripts/check/check.py --libraries pure    prints the libraries of that kind, or under that sanitizer
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import formatting  # noqa: E402
import headers  # noqa: E402
import layers  # noqa: E402
import links  # noqa: E402
import purity  # noqa: E402
import shape  # noqa: E402
import sleeping  # noqa: E402
import tidy  # noqa: E402
from architecture import Architecture  # noqa: E402
from tree import Tree  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]


def checks(tree, pool, all_files):
    return {
        "shape": lambda: shape.run(tree),
        "links": lambda: links.run(tree),
        "layers": lambda: layers.run(tree),
        "purity": lambda: purity.run(tree),
        "sleeping": lambda: sleeping.run(tree),
        "format": lambda: formatting.run(tree, pool),
        "headers": lambda: headers.run(tree, pool),
        "tidy": lambda: tidy.run(tree, pool, all_files),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=REPOSITORY, help="the checkout to look at (default: this one)")
    parser.add_argument("--only", help="names of checks, separated by commas")
    parser.add_argument("--all-files", action="store_true", help="clang-tidy on every file, not only changed ones")
    parser.add_argument("--libraries", metavar="KIND", help="print libraries of this kind or under this sanitizer")
    arguments = parser.parse_args()

    tree = Tree(arguments.root)
    if arguments.libraries:
        for library in Architecture(tree).libraries.values():
            if arguments.libraries == library.kind or arguments.libraries in library.under:
                print(library.name)
        return 0

    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        offered = checks(tree, pool, arguments.all_files)
        chosen = arguments.only.split(",") if arguments.only else list(offered)
        unknown = [name for name in chosen if name not in offered]
        if unknown:
            parser.error(f"no check is called {', '.join(unknown)}; there are {', '.join(offered)}")
        refused = 0
        for name in chosen:
            start = time.monotonic()
            findings = sorted(set(offered[name]()))
            for finding in findings:
                print(finding)
            print(f"check {name}: {'ok' if not findings else f'{len(findings)} refused'} "
                  f"({time.monotonic() - start:.1f} s)", flush=True)
            refused += bool(findings)
    print(f"checks: {len(chosen) - refused} passed, {refused} failed")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
