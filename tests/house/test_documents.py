"""Documents that say what the code says."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Documents(unittest.TestCase):
    def test_every_topic_setting_stands_in_its_document(self):
        source = (ROOT / "src/broker/topic_settings.cpp").read_text()
        names = set(re.findall(r'Row\{\{\.name = "([^"]+)"', source))
        self.assertGreater(len(names), 30)
        documented = set(re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/topic-settings.md").read_text(), re.M))
        self.assertEqual(names, documented)


if __name__ == "__main__":
    unittest.main()
