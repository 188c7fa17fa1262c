"""scripts/test.sh and scripts/count_tests.py: a failure is never counted away."""

import shutil
import subprocess
import sys

from house import REPOSITORY, HouseTest

LOG = """Start testing
1/3 Testing: base
[  PASSED  ] 9 tests.
Test Passed.
2/3 Testing: model
[  SKIPPED ] 1 test, listed below:
[  PASSED  ] 4 tests.
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.b
Test Failed.
3/3 Testing: storage
[ RUN      ] Crash.now
Test Failed.
"""


class Running(HouseTest):
    def count(self, *arguments):
        return subprocess.run([sys.executable, "-B", str(REPOSITORY / "scripts/count_tests.py"), *map(str, arguments)],
                              capture_output=True, text=True).stdout.strip()

    def test_a_crashed_program_counts_as_a_failure(self):
        root = self.tree({"Testing/Temporary/LastTest.log": LOG})
        self.assertEqual(self.count(root), "13 3 1")
        self.assertEqual(self.count(root / "nowhere"), "0 0 0")

    def test_summaries_are_added(self):
        root = self.tree({"log": "a: 3 passed, 1 failed\nnoise 5 passed\nb: 2 passed, 0 failed, 4 skipped\n"})
        self.assertEqual(self.count("--text", root / "log"), "5 1 4")

    def run_stages(self, programs, *stages):
        root = self.tree(programs)
        shutil.copytree(REPOSITORY / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for program in programs:
            (root / program).chmod(0o755)
        return subprocess.run([str(root / "scripts/test.sh"), *stages], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def test_the_first_failure_ends_the_run_with_table_and_totals(self):
        done = self.run_stages({"tests/a/run": "#!/bin/sh\necho 'a: 3 passed, 0 failed'\n",
                                "tests/b/run": "#!/bin/sh\necho 'b: 1 passed, 2 failed'\n",
                                "tests/c/run": "#!/bin/sh\necho 'never seen'\n"}, "end-to-end")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("never seen", done.stdout)
        self.assertRegex(done.stdout, r"end-to-end +\d+ +FAILED")
        self.assertTrue(done.stdout.endswith("4 passed, 2 failed\n"), done.stdout)

    def test_a_program_that_dies_or_says_nothing_is_a_failure(self):
        for text in ("#!/bin/sh\necho '7 passed, 0 failed'\nexit 3\n", "#!/bin/sh\ntrue\n"):
            done = self.run_stages({"tests/a/run": text}, "end-to-end")
            self.assertEqual(done.returncode, 1)
            self.assertIn(", 1 failed", done.stdout)

    def test_good_programs_pass(self):
        done = self.run_stages({"tests/a/run": "#!/bin/sh\necho 'a: 3 passed, 0 failed, 1 skipped'\n"}, "end-to-end")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.endswith("3 passed, 0 failed\n"), done.stdout)

    def test_an_unknown_stage(self):
        self.assertEqual(self.run_stages({}, "sleep").returncode, 2)
