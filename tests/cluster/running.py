"""Performs scenarios one after the other, tells of each, and sums up."""

import time
import traceback
from pathlib import Path

from harness.runtimes import Unavailable
from world import World


def perform(sentence, function):
    """True where it passed, None where the machine lacks something."""
    began = time.monotonic()
    world = World()
    try:
        function(world)
        result = True
        print(f"ok: {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
    except Unavailable as why:
        result = None
        print(f"skipped: {sentence}: {why}", flush=True)
    except Exception as error:  # a scenario may fail in any way: it is told
        result = False
        where = traceback.extract_tb(error.__traceback__)
        steps = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(where[1:]))
        said = "\n".join(line[:300] for line in str(error).splitlines()[:40])
        print(f"FAILED: {sentence} ({time.monotonic() - began:.1f} s)\n  {type(error).__name__} at {steps}: {said}\n"
              f"  what the brokers said is in {world.keep_logs(sentence)}", flush=True)
    finally:
        world.close()
    return result


def run_scenarios(name, scenarios, total_seconds=None):
    """`scenarios`: (sentence, function). Where `total_seconds` are over, the rest is told as failed. Gives the exit code."""
    results, began = [], time.monotonic()
    for sentence, function in scenarios:
        if total_seconds and time.monotonic() - began > total_seconds:
            print(f"FAILED: {sentence}: not begun, for {total_seconds} s are over")
            results.append(False)
        else:
            results.append(perform(sentence, function))
    skipped = results.count(None)
    print(f"{name}: {results.count(True)} passed, {results.count(False)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if results and False not in results else 1
