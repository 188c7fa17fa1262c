#!/bin/bash
# All tests, stage by stage; the first failure ends the run. At the end: the seconds of each stage, and the totals.
#
#   scripts/test.sh                     everything (make test)
#   scripts/test.sh check unit          only these stages
#   FUZZ_SECONDS=60 scripts/test.sh fuzz   seconds a fuzzer (default 10)
#
# Stages: setup build unit house end-to-end check asan fuzz tsan
#   end-to-end runs every executable tests/*/run in order; each prints its own "N passed, N failed" last.
# Where asan comes with other stages before it, what asan, fuzz and tsan need is compiled beside those (compile_ahead).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

ALL_STAGES=(setup build unit house end-to-end check asan fuzz tsan)
FUZZ_SECONDS="${FUZZ_SECONDS:-10}"
JOBS="${JOBS:-2}"
logs=build/test-logs
mkdir -p "$logs"

passed=0
failed=0
skipped=0
table=()

# count PASSED FAILED SKIPPED
count() { passed=$((passed + $1)); failed=$((failed + $2)); skipped=$((skipped + $3)); }

# quietly NAME COMMAND…: its output goes to a file and is shown only when it fails.
quietly() {
  local name=$1; shift
  "$@" >"$logs/$name.log" 2>&1 && return
  local code=$?
  grep -nE 'error|FAILED|fatal' "$logs/$name.log" | head -n 40
  tail -n 60 "$logs/$name.log"
  echo "$name failed (exit $code): the whole output is in $logs/$name.log"
  return "$code"
}

# configure PRESET
configure() { quietly "configure-$1" cmake --preset "$1"; }

# targets PRESET PATTERN: what can be built there and fits.
targets() { ninja -C "build/$1" -t targets all | sed -n 's/^\([A-Za-z0-9_]*\): phony$/\1/p' | grep -v '^cmake_' | grep -E "^($2)\$" | sort -u; }

# libraries_under SANITIZER as a pattern: base|model|…, by the table in docs/architecture.md.
libraries_under() { python3 scripts/check/check.py --libraries "$1" | paste -sd'|'; }

# run_ctest PRESET [ARGUMENT…]
run_ctest() {
  local preset=$1; shift
  rm -f "build/$preset/Testing/Temporary/LastTest.log"
  ctest --test-dir "build/$preset" -j"$JOBS" --no-tests=error --output-on-failure --timeout 600 "$@" \
    >"$logs/ctest-$preset.log" 2>&1 </dev/null
  local code=$?
  # shellcheck disable=SC2046  # three numbers
  count $(python3 scripts/count_tests.py "build/$preset")
  if [[ $code != 0 ]]; then
    cat "$logs/ctest-$preset.log"
    [[ $failed -gt 0 ]] || failed=1
  fi
  return "$code"
}

# sanitizer_tests PRESET: the tests of the libraries that the table puts under it.
sanitizer_tests() { targets "$1" "($(libraries_under "$1"))_test"; }

fuzzers() { targets asan '[a-z0-9_]+_fuzz'; }
seeded_fuzzers() { targets asan '[a-z0-9_]+_fuzz_seeded_bug'; }

# The stages that wait for servers and clocks leave half of the processors' time. What the sanitizers' stages compile is made in it,
# at idle priority, so that it takes nothing from the tests. It is no stage: whatever fails here fails again there, and is told.
ahead=
compile_ahead() {
  set -m  # a process group of its own
  (
    chrt --idle --pid 0 "$BASHPID" && configure asan && configure tsan &&
      mapfile -t asan < <(sanitizer_tests asan; fuzzers; seeded_fuzzers) &&
      mapfile -t tsan < <(sanitizer_tests tsan) &&
      cmake --build --preset asan -j"$JOBS" --target "${asan[@]}" && cmake --build --preset tsan -j"$JOBS" --target "${tsan[@]}"
  ) </dev/null >"$logs/ahead.log" 2>&1 &
  ahead=$!
  set +m
}

# What is not compiled yet is left to whoever needs it.
stop_ahead() {
  [[ -n $ahead ]] || return 0
  kill -INT -- "-$ahead" 2>/dev/null
  wait "$ahead" 2>/dev/null
  ahead=
}
trap stop_ahead EXIT

# sanitized PRESET: builds and runs the tests of the libraries that the table puts under it.
sanitized() {
  local preset=$1 libraries tests
  stop_ahead
  configure "$preset" || return
  libraries=$(libraries_under "$preset")
  mapfile -t tests < <(sanitizer_tests "$preset")
  if [[ ${#tests[@]} == 0 ]]; then echo "no library that belongs under $preset is there yet"; return; fi
  quietly "build-$preset" cmake --build --preset "$preset" -j"$JOBS" --target "${tests[@]}" || return
  # The contract of coordination on the plain engines alone: the same code reaches the others, which unit tests on all of them.
  local -x GTEST_FILTER='-EtcdWithTlsAndPassword/*:EtcdOfThreeMembers/*:ZookeeperWithDigest/*:ZookeeperEnsembleOfThree/*'
  # A suppression hides a finding: there are none.
  ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 run_ctest "$preset" -R "^($libraries)(_[0-9]+)?\$"
}

stage_setup() { scripts/setup.sh test; }

stage_build() { configure release && quietly build-release cmake --build --preset release -j"$JOBS"; }

# One more at a time than there are processors: the longest suites wait for real servers and for clocks.
stage_unit() { run_ctest release -j"$((JOBS + 1))"; }

# script_tests PROGRAM…: runs it, shows its output, adds what its last summary says.
script_tests() {
  local log
  log="$logs/$(tr / - <<<"$1").log"
  "$@" </dev/null 2>&1 | tee "$log"
  local code=${PIPESTATUS[0]} counts
  read -ra counts < <(python3 scripts/count_tests.py --text "$log")
  if [[ $code != 0 && ${counts[1]} == 0 ]]; then counts[1]=1; fi
  if [[ $code == 0 && ${counts[0]} == 0 && ${counts[1]} == 0 && ${counts[2]} == 0 ]]; then
    echo "$1 says nothing of tests that ran: its last line must be 'N passed, N failed'"
    counts[1]=1 code=1
  fi
  count "${counts[@]}"
  [[ $code == 0 && ${counts[1]} == 0 ]]
}

stage_house() { script_tests tests/house/run; }

stage_check() { script_tests scripts/check/check.py; }

stage_asan() { sanitized asan; }

# Each fuzzer goes on from src/<module>/fuzz_corpus/<fuzzer>/, which is kept in the repository. First those that are built
# with a bug on purpose (godwit_seeded_bug) have to find it: one that is declared and was neither built nor run is a failure.
stage_fuzz() {
  local fuzzers seeded declared before=$passed
  stop_ahead
  configure asan || return
  mapfile -t fuzzers < <(fuzzers)
  mapfile -t seeded < <(seeded_fuzzers)
  if [[ ${#fuzzers[@]} == 0 ]]; then echo "no fuzzer is there yet"; return; fi
  quietly build-fuzzers cmake --build --preset asan -j"$JOBS" --target "${fuzzers[@]}" "${seeded[@]}" || return
  declared=$(grep -rhE --include=CMakeLists.txt '^[[:space:]]*godwit_seeded_bug\(' src | wc -l)
  if [[ $declared != 0 ]]; then
    FUZZ_SECONDS="$FUZZ_SECONDS" run_ctest asan -R '_fuzz_finds_seeded_bug$' || return
    grep -h ': the seeded bug was found' build/asan/Testing/Temporary/LastTest.log
  fi
  if [[ $((passed - before)) != "$declared" ]]; then
    echo "$declared bugs are seeded (godwit_seeded_bug), and $((passed - before)) of them were looked for and found"
    failed=$((failed + 1))
    return 1
  fi
  printf '%s\n' "${fuzzers[@]}" | FUZZ_SECONDS="$FUZZ_SECONDS" xargs -P "$JOBS" -n 1 scripts/fuzz.sh >"$logs/fuzz.log" 2>&1
  cat "$logs/fuzz.log"
  # shellcheck disable=SC2046
  count $(python3 scripts/count_tests.py --text "$logs/fuzz.log")
  [[ $failed == 0 && $(grep -c ' passed, ' "$logs/fuzz.log") == "${#fuzzers[@]}" ]]
}

stage_tsan() { sanitized tsan; }

stage_end-to-end() {
  local program
  for program in tests/*/run; do
    [[ -x $program && $program != tests/house/run ]] || continue
    echo "-- $program"
    script_tests "$program" || return
  done
}

report() {
  printf '\n%-12s %8s\n' stage seconds
  local line stage spent verdict
  for line in "${table[@]}"; do
    read -r stage spent verdict <<<"$line"
    printf "%-12s %8s  %s\n" "$stage" "$spent" "$verdict"
  done
  printf '%-12s %8d\n' all "$SECONDS"
  if [[ $skipped -gt 0 ]]; then echo "$skipped skipped, for the reasons printed above"; fi
  echo "$passed passed, $failed failed"
}

main() {
  local stages=("$@") stage started code=0
  [[ ${#stages[@]} -gt 0 ]] || stages=("${ALL_STAGES[@]}")
  for stage in "${stages[@]}"; do
    if ! declare -F "stage_$stage" >/dev/null; then
      echo "test: no stage is called '$stage'; there are ${ALL_STAGES[*]}" >&2
      return 2
    fi
  done
  for stage in "${stages[@]}"; do
    echo "== $stage"
    started=$SECONDS
    if [[ $stage == unit && " ${stages[*]} " == *" asan "* ]]; then compile_ahead; fi
    "stage_$stage" || code=$?
    table+=("$stage $((SECONDS - started)) $([[ $code == 0 ]] && echo ok || echo FAILED)")
    if [[ $code != 0 ]]; then
      [[ $failed -gt 0 ]] || failed=1
      break
    fi
  done
  report
  [[ $code == 0 && $failed == 0 ]]
}

main "$@"
