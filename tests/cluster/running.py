"""Performs scenarios, two at a time, tells of each, and sums up.

Most of a scenario is waiting: for a lease to run out, for a client to ask again. So two clusters run side by side, each in
a process of its own with ports of its own.
"""

import os
import sys
import time
import traceback
from pathlib import Path

from harness.broker import godwit_binary, godwit_tool
from harness.deadline import wait_until
from harness.process import Process
from harness.runtimes import Unavailable
from world import PORTS_VARIABLE, World, ports_of

PASSED, FAILED, SKIPPED = 0, 1, 3
# Longer than everything that waits inside: what hangs is ended all the same.
_SCENARIO_SECONDS = 400


def _processor_seconds():
    """Of this process and of all children that have ended and were waited for."""
    return sum(os.times()[:4])


def perform(sentence, function):
    """Performs one scenario here; PASSED, FAILED, or SKIPPED where the machine lacks something."""
    began, busy = time.monotonic(), _processor_seconds()
    world = World()
    try:
        function(world)
        result = PASSED
        seconds = time.monotonic() - began
    except Unavailable as why:
        result = SKIPPED
        print(f"skipped: {sentence}: {why}", flush=True)
    except Exception as error:  # a scenario may fail in any way: it is told
        result = FAILED
        where = traceback.extract_tb(error.__traceback__)
        steps = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(where[1:]))
        said = "\n".join(line[:300] for line in str(error).splitlines()[:40])
        print(f"FAILED: {sentence} ({time.monotonic() - began:.1f} s)\n  {type(error).__name__} at {steps}: {said}\n"
              f"  what the brokers said is in {world.keep_logs(sentence)}", flush=True)
    finally:
        world.close()
    if result == PASSED:
        # What is short of the time was spent waiting.
        print(f"ok: {sentence} ({seconds:.1f} s, {_processor_seconds() - busy:.1f} s of processor)", flush=True)
    return result


class Lanes:
    """`jobs` scenarios at a time, each in a process that `command(sentence)` starts.

    Where `total_seconds` are over, what has not begun is told as failed.
    """

    def __init__(self, command, jobs, total_seconds=None):
        self._command = command
        self._free = list(range(jobs))
        self._jobs = jobs
        self._total_seconds = total_seconds
        self._running = {}  # lane: (scenario, process)
        self._results = []

    def run(self, scenarios):
        """The codes of all."""
        began = time.monotonic()
        for scenario in scenarios:
            self._await_room(1)
            if self._total_seconds and time.monotonic() - began > self._total_seconds:
                print(f"FAILED: {scenario.sentence}: not begun, for {self._total_seconds} s are over")
                self._results.append(FAILED)
                continue
            self._start(scenario)
        self._await_room(self._jobs)
        return self._results

    def _start(self, scenario):
        lane = self._free.pop(0)
        process = Process(self._command(scenario.sentence), scenario.sentence,
                          environment={PORTS_VARIABLE: ports_of(lane, self._jobs),
                                       "GODWIT_BINARY": str(godwit_binary()),
                                       "GODWIT_TOOL_BINARY": str(godwit_tool())})
        process.close_input()
        self._running[lane] = scenario, process

    def _await_room(self, count):
        def room():
            for lane in [lane for lane, (_, process) in self._running.items() if not process.alive]:
                self._end(lane)
            return len(self._free) >= count

        wait_until(room, _SCENARIO_SECONDS,
                   lambda: "these do not end: " + "; ".join(one.sentence for one, _ in self._running.values()))

    def _end(self, lane):
        scenario, process = self._running.pop(lane)
        self._free.append(lane)
        code = process.wait(10)
        print("\n".join([*process.lines, *process.complaints]), flush=True)
        if code not in (PASSED, SKIPPED) and not any(line.startswith("FAILED") for line in process.lines):
            print(f"FAILED: {scenario.sentence}: its process ended with {code}")
        self._results.append(code)


def sum_up(name, results):
    """Prints the last line; gives the exit code."""
    passed, skipped = results.count(PASSED), results.count(SKIPPED)
    failed = len(results) - passed - skipped
    print(f"{name}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if results and not failed else 1


def run_scenarios(name, scenarios):
    """Performs them here, one after the other, and sums up; gives the exit code."""
    return sum_up(name, [perform(one.sentence, one.function) for one in scenarios])


def this_program(*words):
    return [sys.executable, sys.argv[0], *words]
