#!/bin/bash
# Runs one fuzzer of the asan build for FUZZ_SECONDS: scripts/fuzz.sh record_batch_fuzz
# Seeds: src/*/fuzz_corpus/<fuzzer>/. What it finds new is kept in build/fuzz/<fuzzer>/; an input that fails is
# named, and stays in build/fuzz/findings/. Last line: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
name="${1:?which fuzzer?}"
program=$(find build/asan -type f -name "$name" -perm -u+x | head -n 1)
[[ -n $program ]] || { echo "fuzz $name: not built; cmake --build --preset asan --target $name"; echo "fuzz $name: 0 passed, 1 failed"; exit 1; }
found="build/fuzz/$name"
mkdir -p "$found" build/fuzz/findings
seeds=()
for folder in src/*/fuzz_corpus/"$name"; do [[ -d $folder ]] && seeds+=("$folder"); done

output=$("$program" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 \
  -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" "$found" "${seeds[@]}" 2>&1 </dev/null)
code=$?
if [[ $code != 0 ]]; then
  tail -n 60 <<<"$output"
  echo "fuzz $name: 0 passed, 1 failed"
  exit 1
fi
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' <<<"$output")
echo "fuzz $name: ${runs:-?} inputs in ${FUZZ_SECONDS:-10} s: 1 passed, 0 failed"
