"""Documents that say what the code says."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = "src/broker/topic_settings_table.cpp"
WORDS = {
    "honoured": "honoured",
    "in_part": "honoured in part",
    "without_effect": "accepted without effect",
    "refused": "refused unless it is the default",
}
ABOUT = WORDS["without_effect"] + ": "


def topic_settings(source):
    """The rows of the table in the code as docs/topic-settings.md has them: name, default, what becomes of it, what it is."""
    constants = dict(re.findall(r'constexpr std::string_view (k\w+) = "([^"]*)";', source))
    rows = []
    for row in re.findall(r"\bRow\{(.*?Effect::\w+)\}", source, re.S):
        name = re.search(r'\.name = "([^"]+)"', row)[1]
        literal = re.search(r'\.fallback = (?:"([^"]*)"|(k\w+))', row)
        fallback = (constants[literal[2]] if literal[2] else literal[1]) if literal else ""
        words = re.search(r'\.automatic = "([^"]*)"', row)
        doc = "".join(re.findall(r'"([^"]*)"', re.search(r'\.doc =((?:\s*"[^"]*")+)', row)[1]))
        effect = re.search(r"Effect::(\w+)", row)[1]
        shown = f"`{fallback}`" if fallback else words[1] if words else ""
        rows.append((name, shown, WORDS[effect], doc.removeprefix(ABOUT)))
    return rows


class Documents(unittest.TestCase):
    def test_the_table_of_topic_settings_is_that_of_the_code(self):
        rows = topic_settings((ROOT / TABLE).read_text())
        self.assertGreater(len(rows), 30)
        text = (ROOT / "docs/topic-settings.md").read_text()
        documented = [
            (name, *(cell.strip() for cell in rest.split("|"))) for name, rest in re.findall(r"^\| `([^`]+)` \|(.*)\|$", text, re.M)
        ]
        self.assertEqual(rows, documented)

    def test_every_row_of_the_code_is_found(self):
        source = (ROOT / TABLE).read_text()
        self.assertEqual([row[0] for row in topic_settings(source)], re.findall(r'\.name = "([^"]+)"', source))

    def test_what_a_topics_settings_become_is_gone_by(self):
        """A field that is filled from a setting and that nothing reads is a setting without effect."""
        files = [p for p in (ROOT / "src").rglob("*") if p.suffix in (".h", ".cpp") and not re.search(r"_(test|fuzz|testing)\.", p.name)]
        setters = {"src/broker/topic_settings.cpp", "src/storage/log_config.h"}
        readers = "\n".join(p.read_text() for p in files if p.relative_to(ROOT).as_posix() not in setters)
        filled = set(re.findall(r"\b(?:log|settings)\.(\w+) =", (ROOT / "src/broker/topic_settings.cpp").read_text()))
        self.assertGreater(len(filled), 20)
        self.assertEqual(set(), {field for field in filled if not re.search(rf"[.>]{field}\b", readers)})

    def code(self):
        """All sources, without comments and tests."""
        files = [p for p in (ROOT / "src").rglob("*") if p.suffix in (".h", ".cpp") and not re.search(r"_(test|fuzz|testing)\.", p.name)]
        return "\n".join(re.sub(r"^\s*//.*$", "", p.read_text(), flags=re.M) for p in files)

    def rows(self, text):
        """What stands first in the rows of its tables: `a.b`, `.c` is short for `a.b`, `a.c`."""
        names = set()
        for row in re.findall(r"^\| (`[^|]*) \|", text, re.M):
            first = ""
            for name in re.findall(r"`([a-z_.]+)`", row):
                first = first if name.startswith(".") else name.rpartition(".")[0]
                names.add(first + name if name.startswith(".") else name)
        return names

    def test_every_warning_and_error_is_explained(self):
        code = self.code()
        said = set(re.findall(r'Severity::(?:warning|error),\s*"([a-z_.]+)"', code))
        self.assertGreater(len(said), 60)
        explained = self.rows((ROOT / "docs/operations.md").read_text() + (ROOT / "docs/diagnostics.md").read_text())
        self.assertEqual(set(), said - explained, "docs/diagnostics.md, or the events of docs/operations.md, say what it means and what to do")
        told = set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', code))
        listed = set(re.findall(r"`([a-z_]+\.[a-z_.]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs/diagnostics.md").read_text(), re.M))))
        self.assertEqual(set(), listed - told, "nothing says these any more")

    def test_every_event_of_the_controller_stands_in_the_manual(self):
        code = (ROOT / "src/cluster/event_kind.cpp").read_text()
        kinds = set(re.findall(r'\{EventKind::\w+, Severity::\w+, "([a-z_.]+)"\}', code))
        self.assertEqual(len(kinds), len(re.findall(r"\bEventKind::\w+, Severity", code)))
        self.assertGreater(len(kinds), 30)
        manual = (ROOT / "docs/operations.md").read_text()
        told = self.rows(manual)
        self.assertEqual(set(), kinds - told, "docs/operations.md, under Events, says what it means")
        events = self.rows(manual[manual.index("\n## Events\n"):])
        self.assertGreater(len(events), len(kinds))
        self.assertEqual(set(), events - set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)"', self.code())), "nothing says these any more")

    def test_the_table_of_metrics_is_that_of_the_code(self):
        files = [p for p in (ROOT / "src").rglob("*.[ch]*") if not re.search(r"_(test|fuzz|testing)\.", p.name)]
        made = {name for p in files for name in re.findall(r'"(godwit_[a-z_]+)"', p.read_text()) if not name.startswith("godwit_fuzz")}
        text = (ROOT / "docs/metrics.md").read_text()
        rows = set(re.findall(r"`(godwit_[a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", text, re.M))))
        self.assertGreater(len(made), 30)
        self.assertEqual(made, rows)


if __name__ == "__main__":
    unittest.main()
