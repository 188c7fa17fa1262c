"""The checks that look at single files: format, headers, clang-tidy, sleeping, shape."""

import subprocess

from house import REPOSITORY, HouseTest

GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
MOVED_TWICE = """#include <string>
#include <utility>
std::string twice(std::string text) {
  std::string first = std::move(text);
  return first + text;
}
"""


class Format(HouseTest):
    def test_a_file_that_is_not_formatted(self):
        style = {".clang-format": (REPOSITORY / ".clang-format").read_text()}
        self.refuses("format", {**style, "src/net/a.cpp": "int a;\nint  b ;\n"}, "src/net/a.cpp:2 clang-format-16 -i")
        self.accepts("format", {**style, "src/net/a.cpp": "int a;\nint b;\n"})


class Headers(HouseTest):
    def test_a_header_that_leans_on_who_includes_it(self):
        self.refuses("headers", {"src/net/a.h": "#pragma once\n\ninline std::string name();\n"},
                     "src/net/a.h:3 does not compile alone")

    def test_a_header_that_stands_alone_and_is_remembered_until_it_changes(self):
        root = self.tree({"src/net/a.h": '#pragma once\n#include "net/b.h"\nusing C = B;\n',
                          "src/net/b.h": "#pragma once\nusing B = int;\n"})
        self.assertEqual(self.check("headers", root).returncode, 0)
        self.assertEqual(self.check("headers", root).returncode, 0)
        (root / "src/net/b.h").write_text("#pragma once\n")  # what a.h needs is gone; a.h itself is as before
        done = self.check("headers", root)
        self.assertIn("src/net/a.h:3: headers: ", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_a_header_that_leans_on_what_the_one_that_includes_it_included_before(self):
        self.refuses("headers", {"src/net/a.h": "#pragma once\ninline std::string name();\n",
                                 "src/net/b.h": '#pragma once\n#include <string>\n#include "net/a.h"\n',
                                 "src/net/c.h": '#pragma once\n#include "net/b.h"\n'},
                     "src/net/a.h:2 does not compile alone")

    def test_a_header_that_leans_on_what_most_others_include(self):
        others = {f"src/net/other{n}.h": f"#pragma once\n#include <string>\ninline std::string f{n}();\n" for n in range(12)}
        self.refuses("headers", {**others, "src/net/a.h": "#pragma once\ninline std::string name();\n"},
                     "src/net/a.h:2 does not compile alone")
        self.refuses("headers", {**others, "src/net/a.h": "#pragma once\ninline std::string name();\n#include <string>\n"},
                     "src/net/a.h:2 does not compile alone")


class Tidy(HouseTest):
    def repository(self, files):
        root = self.tree({".clang-tidy": (REPOSITORY / ".clang-tidy").read_text(), **files})
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
            subprocess.run([*GIT, *words], cwd=root, check=True)
        subprocess.run([*GIT, "commit", "-qm", "second", "--allow-empty"], cwd=root, check=True)
        return root

    def test_a_changed_file_that_uses_what_was_moved(self):
        root = self.repository({})
        (root / "src/net/a.cpp").write_text(MOVED_TWICE)
        done = self.check("tidy", root)
        self.assertIn("src/net/a.cpp:5: tidy: 'text' used after it was moved", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_a_changed_header_is_looked_at_through_who_includes_it(self):
        root = self.repository({"src/net/a.cpp": '#include "a.h"\n', "src/net/a.h": "#pragma once\n"})
        (root / "src/net/a.h").write_text("#pragma once\n" + MOVED_TWICE.replace("std::string twice", "inline std::string twice"))
        done = self.check("tidy", root)
        self.assertIn("src/net/a.h:6: tidy: ", done.stdout)

    def test_unchanged_files_wait_for_lint(self):
        root = self.repository({"src/net/a.cpp": MOVED_TWICE})
        self.assertEqual(self.check("tidy", root).returncode, 0)
        self.assertEqual(self.check("tidy", root, "--all-files").returncode, 1)


class Sleeping(HouseTest):
    def test_a_unit_test_that_sleeps(self):
        for line in ("std::this_thread::sleep_for(1ms);", "this_thread::sleep_until(t);", "usleep(5);", "::sleep(1);",
                     "sleep(1);", "nanosleep(&t, nullptr);"):
            with self.subTest(line):
                self.refuses("sleeping", {"src/net/a_test.cpp": f"\n{line}\n"}, "src/net/a_test.cpp:2")
                self.refuses("sleeping", {"tests/e2e/a.cpp": f"\n{line}\n"}, "tests/e2e/a.cpp:2")

    def test_a_script_says_why_or_is_refused(self):
        self.refuses("sleeping", {"tests/e2e/a.py": "import time\ntime.sleep(1)\n"}, "tests/e2e/a.py:2")
        self.refuses("sleeping", {"tests/e2e/run": "#!/bin/sh\nsleep 1\n"}, "tests/e2e/run:2")
        self.refuses("sleeping", {"tests/e2e/A.java": "Thread.sleep(5);\n"}, "tests/e2e/A.java:1")
        self.accepts("sleeping", {"tests/e2e/a.py": "time.sleep(0.01)  # sleep-ok: polls until the port answers\n"})

    def test_timers_of_the_runtime_are_no_sleep(self):
        self.accepts("sleeping", {"src/net/a_test.cpp": "co_await sleep_for(shard, 5ms);\nclock.sleep(1);\n// sleep(1)\n"})


class Shape(HouseTest):
    readmes = {f"src/{m}/README.md": "# x\n" for m in ("base", "model", "runtime", "net")}

    def test_a_module_without_a_readme(self):
        self.refuses("shape", {**self.readmes, "src/groups/a.h": ""}, "src/groups/README.md:1 is missing")

    def test_a_file_above_600_lines(self):
        self.refuses("shape", {**self.readmes, "src/net/a.cpp": "\n" * 601}, "src/net/a.cpp:601 has 601 lines")
        self.accepts("shape", {**self.readmes, "src/net/a.cpp": "\n" * 600})


class Links(HouseTest):
    def test_a_link_that_leads_nowhere(self):
        self.refuses("links", {"README.md": "see\n[there](docs/gone.md)\n"}, "README.md:2 docs/gone.md leads nowhere")

    def test_links_to_files_folders_sections_and_the_web(self):
        self.accepts("links", {"README.md": "[a](docs/architecture.md#rows) [b](docs/) [c](https://x.test/) [d](#here)\n",
                               "docs/x.md": "[up](../README.md) `[no](link.md)`\n"})
