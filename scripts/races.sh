#!/usr/bin/env bash
# Runs scenarios of tests/cluster with brokers that ThreadSanitizer watches. Fails when it told of anything.
#
#   scripts/races.sh [WORD…]     those whose sentence has one of these words (default: all)
#
# A watched broker is slower by ten or so, and scenarios have limits: one that fails for that alone does not count here.
set -u
cd "$(dirname "$0")/.." || exit
mkdir -p build
cmake --preset release >build/configure.log 2>&1 && cmake --build --preset release --target godwit >/dev/null || exit
cmake --preset tsan >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
cmake --build --preset tsan --target godwit || exit
told="$PWD/build/races"  # one file a process that told of something
ran="$PWD/build/races.log"
rm -rf "$told" build/cluster-logs && mkdir -p "$told"
# librdkafka starts its threads in a way that ThreadSanitizer does not see, and ends under it: the commands are the usual program's.
GODWIT=build/tsan/godwit GODWIT_TOOL_BINARY=$PWD/build/release/godwit TSAN_OPTIONS="log_path=$told/told exitcode=0 second_deadlock_stack=1 suppressions=$PWD/scripts/races.supp" \
  tests/cluster/run --jobs 1 "$@" | tee "$ran"
found=$(grep -lE 'WARNING: ThreadSanitizer|broken invariant' -r "$told" build/cluster-logs 2>/dev/null)
if [[ -n $found ]]; then
  printf 'told of:\n%s\n' "$found"
  grep -h -A 12 -m 1 'WARNING: ThreadSanitizer' $found | head -80
  exit 1
fi
grep -q '^ok: ' "$ran" || { echo "no scenario came to its end: nothing was shown"; exit 1; }
echo "ThreadSanitizer told of nothing"
