"""Each fuzzer has a bug that it must find, and scripts/test.sh builds and runs all of them: none can drop out unnoticed."""

import os
import re
import shutil
import subprocess

from house import REPOSITORY, HouseTest
from test_fuzzing import DECODER

CMAKE = """cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES CXX)
enable_testing()
add_library(godwit_flags INTERFACE)
target_compile_options(godwit_flags INTERFACE -fsanitize=address,fuzzer-no-link)
target_link_options(godwit_flags INTERFACE -fsanitize=address)
function(godwit_use_pch)
endfunction()
include(cmake/godwit_module.cmake)
add_subdirectory(src/net)
"""
MODULE = """godwit_module(NAME net)
godwit_seeded_bug(NAME net_decoder_fuzz DEFINE SEEDED_BUG SOURCES decoder_fuzz.cpp LIBRARIES godwit_flags)
"""
SEEDED = DECODER.replace(" SLACK", """
#ifdef SEEDED_BUG
    + 1
#endif
    """)


class SeededBugs(HouseTest):
    def setUp(self):
        self.root = self.tree({"CMakeLists.txt": CMAKE, "src/net/CMakeLists.txt": MODULE, "src/net/decoder_fuzz.cpp": SEEDED,
                               "src/net/fuzz_corpus/net_decoder_fuzz/seed": "GWIT\x01abc"})
        shutil.copy(REPOSITORY / "CMakePresets.json", self.root)
        for folder in ("scripts", "cmake"):
            shutil.copytree(REPOSITORY / folder, self.root / folder, ignore=shutil.ignore_patterns("__pycache__"))

    def fuzz(self, module=MODULE, seconds=1):
        (self.root / "src/net/CMakeLists.txt").write_text(module)
        return subprocess.run([str(self.root / "scripts/test.sh"), "fuzz"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "FUZZ_SECONDS": str(seconds), "JOBS": "2"})

    def test_they_are_built_and_run_and_must_be_found(self):
        done = self.fuzz(seconds=5)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"fuzz net_decoder_fuzz_seeded_bug: the seeded bug was found at input \d+: 1 passed, 0 failed")
        self.assertTrue(done.stdout.endswith("2 passed, 0 failed\n"), done.stdout)

        done = self.fuzz(MODULE.replace("SEEDED_BUG", "SOMETHING_ELSE"))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the seeded bug was not found in 1 s: 0 passed, 1 failed", done.stdout)
        self.assertTrue(done.stdout.endswith("0 passed, 1 failed\n"), done.stdout)

        done = self.fuzz(MODULE.replace("SOURCES", 'FINDS "another fault" SOURCES'), seconds=5)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the seeded bug was not found", done.stdout)

    def test_one_that_no_pattern_fits_is_a_failure(self):
        done = self.fuzz(MODULE + MODULE.split("\n")[1].replace("decoder_fuzz DEFINE", "decoder DEFINE") + "\n", seconds=5)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("2 bugs are seeded (godwit_seeded_bug), and 1 of them", done.stdout)

    def test_every_fuzzer_of_the_repository_has_one(self):
        sources = [path for end in ("*.cpp", "*.h") for path in (REPOSITORY / "src").rglob(end)]
        code = "\n".join(path.read_text() for path in sources)
        declared = {}
        for path in (REPOSITORY / "src").rglob("CMakeLists.txt"):
            for name, define in re.findall(r"^godwit_seeded_bug\(NAME (\w+) DEFINE (\w+)", path.read_text(), re.MULTILINE):
                declared[name] = define
                self.assertTrue(any((path.parent / "fuzz_corpus" / name).iterdir()), f"{name} has no seeds")
                self.assertRegex(code, rf"(?m)^#if(n?def {define}| (!)?defined\({define}\))", "nothing is wrong with it")
        fuzzers = {f"{path.relative_to(REPOSITORY / 'src').parts[0]}_{path.stem}" for path in sources
                   if path.name.endswith("_fuzz.cpp")}
        self.assertEqual(set(declared), fuzzers)
