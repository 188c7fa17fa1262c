"""scripts/fuzz.sh finds a bug that was put there on purpose within the time that a fuzzer has, and keeps the input."""

import os
import shutil
import subprocess

from house import REPOSITORY, HouseTest

# Trusts a length that the input chose, behind a magic number; with SLACK, one byte too far: what a lying batch header looks like.
DECODER = """#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 6 || std::memcmp(data, "GWIT", 4) != 0) return 0;
  const std::vector<uint8_t> bytes(data + 5, data + size);
  const size_t length = data[4];
  if (length > bytes.size() SLACK) return 0;
  volatile uint8_t last = length > 0 ? bytes.data()[length - 1] : 0;
  return last == 0 ? 0 : 0;
}
"""


class Fuzzing(HouseTest):
    def fuzz(self, decoder, seconds):
        root = self.tree({"decoder_fuzz.cpp": decoder, "src/net/fuzz_corpus/net_decoder_fuzz/seed": "GWIT\x01abc"})
        shutil.copytree(REPOSITORY / "scripts", root / "scripts")
        (root / "build/asan").mkdir(parents=True)
        subprocess.run(["clang++-16", "-std=c++2b", "-O1", "-g1", "-fsanitize=fuzzer,address", "decoder_fuzz.cpp", "-o",
                        "build/asan/net_decoder_fuzz"], cwd=root, check=True)
        done = subprocess.run([str(root / "scripts/fuzz.sh"), "net_decoder_fuzz"], capture_output=True, text=True,
                              env={**os.environ, "FUZZ_SECONDS": str(seconds)})
        return done, os.listdir(root / "build/fuzz/findings")

    def test_a_seeded_bug_is_found_and_its_input_kept(self):
        done, findings = self.fuzz(DECODER.replace(" SLACK", " + 1"), 10)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("heap-buffer-overflow", done.stdout)
        self.assertTrue(done.stdout.endswith("fuzz net_decoder_fuzz: 0 passed, 1 failed\n"), done.stdout)
        self.assertEqual(len(findings), 1)

    def test_a_good_decoder_passes(self):
        done, findings = self.fuzz(DECODER.replace(" SLACK", ""), 1)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.endswith(": 1 passed, 0 failed\n"), done.stdout)
        self.assertEqual(findings, [])

    def test_a_fuzzer_that_was_not_built(self):
        root = self.tree({})
        shutil.copytree(REPOSITORY / "scripts", root / "scripts")
        done = subprocess.run([str(root / "scripts/fuzz.sh"), "gone_fuzz"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("0 passed, 1 failed", done.stdout)
