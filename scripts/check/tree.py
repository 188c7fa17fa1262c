"""The files of a checkout, and what a check says about them."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CPP = (".h", ".cpp", ".cc", ".hpp", ".c")
PRUNED = {".git", "build", "node_modules", "target", ".venv", "venv", "__pycache__", ".cache"}


@dataclass(frozen=True, order=True)
class Finding:
    """A refusal: printed as path:line: check: text."""

    path: str
    line: int
    check: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.check}: {self.text}"


class Tree:
    """A checkout, or any folder that looks like one (the tests make small ones)."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        self._texts = {}
        self._codes = {}
        self.files = sorted(self._list())

    def _list(self):
        if (self.root / ".git").exists():
            listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"],
                                    cwd=self.root, capture_output=True, check=True).stdout
            return [name for name in listed.decode().split("\0") if name and (self.root / name).is_file()]
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in PRUNED]
            found += [str((Path(folder) / name).relative_to(self.root)) for name in names]
        return found

    def cpp(self):
        return [f for f in self.files if f.endswith(CPP)]

    def headers(self):
        return [f for f in self.files if f.endswith((".h", ".hpp"))]

    def text(self, path):
        """A file's text; bytes that are not UTF-8 are replaced."""
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def code(self, path):
        """A C++ file's text with comments and the insides of literals blanked; lines keep their numbers."""
        if path not in self._codes:
            self._codes[path] = blank(self.text(path))
        return self._codes[path]

    def includes(self, path):
        """(line, name, is_quoted) of each #include."""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
            if match:
                yield number, match.group(1) or match.group(2), match.group(1) is not None


TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def blank(text):
    """Comments and literals become spaces; an #include's name stays."""

    def spaces(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if re.match(r"\s*#\s*include\s*$", text[start:match.start()]):
            return match.group(0)
        return re.sub(r"[^\n]", " ", match.group(0))

    return TOKEN.sub(spaces, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def is_unit_test(path):
    """Tests, fuzzers, what only they include (*_testing.h), and contract suites that every implementation runs."""
    return path.endswith(("_test.cpp", "_fuzz.cpp", "_testing.h", "_testing.cpp")) or "/contract/" in path


def is_bench(path):
    return path.endswith("_bench.cpp")
