"""Reads the rule: the two tables of docs/architecture.md."""

import fnmatch
import re
from dataclasses import dataclass, field

from tree import Finding

DOCUMENT = "docs/architecture.md"
KINDS = {"pure", "plain", "door", "edge", "free"}
SANITIZERS = {"asan", "tsan"}


@dataclass
class Library:
    name: str
    row: int
    where: str
    kind: str
    under: set
    line: int
    may: set = field(default_factory=set)

    def holds(self, path):
        """Whether `path` lies in this library: below its folder, or its file with any ending."""
        if self.where.endswith("/"):
            return path.startswith(self.where)
        return path.startswith((self.where + ".", self.where + "/"))

    @property
    def top(self):
        """The folder of the module, which sub-libraries share: src/runtime/sim/ is in src/runtime/."""
        return "/".join(self.where.split("/")[:2])


class Architecture:
    def __init__(self, tree):
        self.findings = []
        self.libraries = {}
        self.external = []  # (header prefix, patterns)
        if DOCUMENT not in tree.files:
            self._refuse(1, "is missing: it holds the table of libraries")
            return
        text = tree.text(DOCUMENT)
        rows = list(table(text, "libraries"))
        if not rows:
            self._refuse(1, "has no table after '<!-- table: libraries -->'")
        allowed = {}
        for line, cells in rows:
            if len(cells) != 6 or not cells[0].isdigit():
                self._refuse(line, "a line of the table has six cells, the first a row number")
                continue
            row, name, where, kind, under, may = (c.strip("` ") for c in cells)
            under = {u.strip() for u in under.split(",") if u.strip()}
            if kind not in KINDS:
                self._refuse(line, f"'{kind}' is no kind; there are {', '.join(sorted(KINDS))}")
            if under - SANITIZERS:
                self._refuse(line, f"'{', '.join(sorted(under - SANITIZERS))}' is no sanitizer")
            self.libraries[name] = Library(name, int(row), where, kind, under, line)
            allowed[name] = may
        for name, may in allowed.items():
            library = self.libraries[name]
            library.may = self._expand(library, may)
            self._check_order(library)
        for line, cells in table(text, "external"):
            if len(cells) != 2:
                self._refuse(line, "a line of the table has two cells")
                continue
            self.external.append((cells[0].strip("` "), re.findall(r"`([^`]+)`", cells[1])))

    def owner(self, path):
        """The library that a file belongs to, or None."""
        holding = [lib for lib in self.libraries.values() if lib.holds(path)]
        return max(holding, key=lambda lib: len(lib.where), default=None)

    def external_rule(self, header):
        """(prefix, patterns) of the longest prefix that fits `header`, or None."""
        fitting = [rule for rule in self.external if header.startswith(rule[0])]
        return max(fitting, key=lambda rule: len(rule[0]), default=None)

    def _refuse(self, line, text):
        self.findings.append(Finding(DOCUMENT, line, "layers", text))

    def _expand(self, library, may):
        but = set()
        if " but " in may:
            may, excluded = may.split(" but ", 1)
            but = set(self._names(library, excluded))
        granted = set()
        for part in (p.strip() for p in may.split(",")):
            rows = re.fullmatch(r"rows (\d+)[–-](\d+)", part)
            if part in ("–", "-", ""):
                continue
            if part == "everything":
                granted |= set(self.libraries) - {n for n, l in self.libraries.items()
                                                  if l.row >= library.row and l.name != library.name}
            elif rows:
                low, high = int(rows.group(1)), int(rows.group(2))
                granted |= {n for n, l in self.libraries.items() if low <= l.row <= high}
            else:
                granted |= set(self._names(library, part))
        return granted - but - {library.name}

    def _names(self, library, text):
        for name in (n.strip("` ") for n in text.split(",")):
            if name in self.libraries:
                yield name
            else:
                self._refuse(library.line, f"'{name}' is no library of this table")

    def _check_order(self, library):
        for name in sorted(library.may):
            other = self.libraries[name]
            if other.row > library.row or (other.row == library.row and other.top != library.top):
                self._refuse(library.line, f"{library.name} (row {library.row}) may not be let include "
                                           f"{name} (row {other.row}): only rows below")


def table(text, name):
    """(line, cells) of each row of the Markdown table that follows <!-- table: NAME -->."""
    lines = text.splitlines()
    marker = f"<!-- table: {name} -->"
    if marker not in lines:
        return
    for number in range(lines.index(marker) + 1, len(lines)):
        line = lines[number].strip()
        if not line.startswith("|"):
            return
        cells = [c.strip() for c in line.strip("|").split("|")]
        if number <= lines.index(marker) + 2:  # heading and rule
            continue
        yield number + 1, cells


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)
