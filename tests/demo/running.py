"""Runs the scenarios that were entered (tests/cluster/scenario.py), tells of each, and sums up."""

import time
import traceback
from pathlib import Path

from harness.runtimes import Unavailable
from scenario import SCENARIOS
from world import World


def run_scenarios(name, words):
    """The exit code. `words`: only scenarios whose sentence has one of these; none: all."""
    passed = failed = skipped = 0
    for sentence, function, _ in SCENARIOS:
        if words and not any(word in sentence for word in words):
            continue
        began = time.monotonic()
        world = World()
        try:
            function(world)
            passed += 1
            print(f"ok: {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
        except Unavailable as why:
            skipped += 1
            print(f"skipped: {sentence}: {why}", flush=True)
        except Exception as error:  # a scenario may fail in any way: it is told
            failed += 1
            steps = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}"
                               for frame in reversed(traceback.extract_tb(error.__traceback__)[1:]))
            print(f"FAILED: {sentence} ({time.monotonic() - began:.1f} s)\n  {type(error).__name__} at {steps}: {error}", flush=True)
        finally:
            world.close()
    print(f"{name}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1
