"""bench/: what fails while it is measured is told, and takes nothing with it that was measured or can still be counted."""

import contextlib
import io
import subprocess
import sys
import types
import unittest
from unittest import mock

from house import REPOSITORY

sys.path.insert(1, str(REPOSITORY / "bench"))

import cluster_failover  # noqa: E402

OPTIONS = types.SimpleNamespace(part_seconds=60)
COUNTED = {path: {"acknowledged": 10, "lost": 0, "repeated": 0, "failed": 0} for path in cluster_failover.PATHS}


class Told:
    def __init__(self):
        self.rows = {}

    def add(self, what, value, goal="", met=None):
        self.rows[what] = value, goal, met


class Publishing:
    """`lost`: so many of each path. `why`: it cannot be counted."""

    def __init__(self, lost=0, why=None):
        self.lost, self.why, self.ended = lost, why, False

    def finish(self):
        if self.why:
            raise self.why
        return {path: {**counted, "lost": self.lost} for path, counted in COUNTED.items()}

    def end(self):
        self.ended = True


def failing_at(number, why):
    def blow(i):
        if i == number:
            raise why
        return {path: 70.0 for path in cluster_failover.PATHS}

    return blow


class Failover(unittest.TestCase):
    def rounds(self, publishing, blow, goals=cluster_failover.KILL_GOALS):
        told = Told()
        with contextlib.redirect_stdout(io.StringIO()):
            cluster_failover.rounds(told, "kill", OPTIONS, 5, publishing, goals, blow)
        self.assertTrue(publishing.ended)
        return told.rows

    def test_whatever_fails_what_came_before_is_told_and_what_is_lost_is_counted(self):
        for why in (RuntimeError("not in 60 s\nmore"), BrokenPipeError(32, "Broken pipe"), subprocess.TimeoutExpired("godwit", 10)):
            with self.subTest(type(why).__name__):
                rows = self.rounds(Publishing(lost=1), failing_at(2, why))
                self.assertEqual(rows["kill: FAILED after 2"], (str(why).splitlines()[0], "", False))
                self.assertEqual(rows["kill: acknowledged, of these lost"], ("30, 3", "0 lost", False))
                self.assertEqual(sum("longest of 2" in what for what in rows), 3)

    def test_what_cannot_be_counted_is_told(self):
        rows = self.rounds(Publishing(why=BrokenPipeError(32, "Broken pipe")), failing_at(None, None))
        self.assertEqual(rows["kill: acknowledged, of these lost: NOT COUNTED"], ("[Errno 32] Broken pipe", "0 lost", False))
        self.assertEqual(sum("longest of 5" in what for what in rows), 3)

    def test_a_kind_that_fails_does_not_take_the_others_with_it(self):
        told = Told()
        with mock.patch.object(cluster_failover, "Cluster", side_effect=BrokenPipeError("no etcd")):
            cluster_failover.failover(told, types.SimpleNamespace(path="."), types.SimpleNamespace(kills=1))
        self.assertEqual([value for value, _, _ in told.rows.values()], ["no etcd"] * 3)

    def test_a_broker_that_leads_nothing_has_goals_of_its_own_on_every_path(self):
        rows = self.rounds(Publishing(), failing_at(None, None), cluster_failover.REST_GOALS)
        goals = [(goal, met) for what, (_, goal, met) in rows.items() if "longest of 5" in what]
        self.assertEqual(goals, [("p99 <= 300", True)] * 3)


if __name__ == "__main__":
    unittest.main()
