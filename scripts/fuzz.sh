#!/bin/bash
# Runs one fuzzer of the asan build for FUZZ_SECONDS, so that any failure is one:
#   scripts/fuzz.sh record_record_fuzz
# or one that was built with a bug on purpose, which has to find it within that time; it must say one of WORDS (a pattern):
#   scripts/fuzz.sh record_record_fuzz_seeded_bug --finds 'heap-buffer-overflow'
# Seeds: src/*/fuzz_corpus/<fuzzer>/. What it finds new is kept in build/fuzz/<fuzzer>/; an input that fails is
# named, and stays in build/fuzz/findings/. Of a seeded bug nothing is kept: each run begins with the seeds alone.
# Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
name="${1:?which fuzzer?}"
words=""
if [[ ${2:-} == --finds ]]; then words="${3:?what must it find?}"; fi
seconds="${FUZZ_SECONDS:-10}"
program=$(find build/asan -type f -name "$name" -perm -u+x | head -n 1)
[[ -n $program ]] || { echo "fuzz $name: not built; cmake --build --preset asan --target $name"; echo "fuzz $name: 0 passed, 1 failed"; exit 1; }
found="build/fuzz/$name"
findings=build/fuzz/findings
if [[ -n $words ]]; then
  found=$(mktemp -d) && findings=$found || exit 2
  trap 'rm -rf "$found"' EXIT
fi
mkdir -p "$found" "$findings"
seeds=()
for folder in src/*/fuzz_corpus/"${name%_seeded_bug}"; do [[ -d $folder ]] && seeds+=("$folder"); done

# fuzz [OPTION…]
fuzz() {
  "$program" "$@" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 \
    -print_final_stats=1 -artifact_prefix="$findings/$name-" "$found" "${seeds[@]}" 2>&1 </dev/null
}
# runs OUTPUT: how many inputs were tried.
runs() { sed -n 's/^stat::number_of_executed_units: *//p' <<<"$1"; }

if [[ -n $words ]]; then
  # Always the same inputs in the same order.
  output=$(fuzz -seed=1)
  if [[ $? == 0 ]] || ! grep -qE -- "$words" <<<"$output"; then
    tail -n 60 <<<"$output"
    echo "fuzz $name: the seeded bug was not found in $seconds s: 0 passed, 1 failed"
    exit 1
  fi
  echo "fuzz $name: the seeded bug was found at input $(runs "$output"): 1 passed, 0 failed"
  exit 0
fi

output=$(fuzz)
code=$?
if [[ $code != 0 ]]; then
  tail -n 60 <<<"$output"
  echo "fuzz $name: 0 passed, 1 failed"
  exit 1
fi
tried=$(runs "$output")
echo "fuzz $name: ${tried:-?} inputs in $seconds s: 1 passed, 0 failed"
