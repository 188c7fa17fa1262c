"""Tests do not sleep: they wait for an event, or live in virtual time.

`co_await` of a runtime's timer is not sleeping. In other languages than C++ (end-to-end tests that poll a process with
a deadline) a line may say why: `time.sleep(0.05)  # sleep-ok: polls until the port answers`.
"""

import re

from tree import CPP, Finding, is_unit_test, line_of

CHECK = "sleeping"
IN_CPP = re.compile(r"\bthis_thread::sleep_\w+|(?<![\w.:>])(?:::|std::)?(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(")
ELSEWHERE = re.compile(r"\b(?:time\.|asyncio\.|Thread\.|timers?\.)?[sS]leep\s*\(|^\s*sleep\s+[\d.$\"]", re.MULTILINE)
SCRIPTS = (".py", ".sh", ".go", ".java", ".js", ".mjs")


def run(tree):
    findings = []
    for path in tree.files:
        if path.endswith(CPP) and (is_unit_test(path) or path.startswith("tests/")):
            code = tree.code(path)
            for match in IN_CPP.finditer(code):
                line = line_of(code, match.start())
                if "co_await" not in code.splitlines()[line - 1]:
                    findings.append(Finding(path, line, CHECK, "a test sleeps; wait for the event or use virtual time"))
        elif path.startswith("tests/") and (path.endswith(SCRIPTS) or path.endswith("/run")):
            if path.startswith("tests/house/"):  # holds bad examples
                continue
            lines = tree.text(path).splitlines()
            for number, line in enumerate(lines, 1):
                if ELSEWHERE.search(line) and not re.search(r"sleep-ok: \S+", line):
                    findings.append(Finding(path, number, CHECK, "a test sleeps; wait for the event, "
                                            "or say why not: sleep-ok: reason"))
    return findings
