#!/usr/bin/env python3
"""Counts the tests that ran.

  scripts/count_tests.py BUILD_DIR    from ctest's LastTest.log: gtest's own counts where a program gives them
  scripts/count_tests.py --text FILE  the sum of every line that ends in "N passed, N failed[, N skipped]"

Prints "PASSED FAILED SKIPPED". A program that ended badly without saying which test failed counts as one failure.
"""

import re
import sys
from pathlib import Path


def from_ctest(text):
    passed = failed = skipped = 0
    for section in re.split(r"^\d+/\d+ Testing: ", text, flags=re.MULTILINE)[1:]:
        good = re.search(r"^Test Passed\.$", section, re.MULTILINE) is not None
        counts = {word: int(n) for word, n in re.findall(r"^\[  (PASSED|FAILED|SKIPPED)  ?\] (\d+) tests?\b", section, re.MULTILINE)}
        # gtest ends with "[  PASSED  ] N tests."; a program without gtest is one test.
        passed += counts.get("PASSED", 1 if good else 0)
        failed += counts.get("FAILED", 0) if good else max(1, counts.get("FAILED", 0))
        skipped += counts.get("SKIPPED", 0)
    return passed, failed, skipped


def from_text(text):
    total = [0, 0, 0]
    for match in re.finditer(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", text, re.MULTILINE):
        total = [a + int(b or 0) for a, b in zip(total, match.groups())]
    return total


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--text":
        counts = from_text(Path(arguments[1]).read_text(errors="replace"))
    elif len(arguments) == 1:
        log = Path(arguments[0]) / "Testing" / "Temporary" / "LastTest.log"
        counts = from_ctest(log.read_text(errors="replace")) if log.exists() else (0, 0, 0)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print(*counts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
