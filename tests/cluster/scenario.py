"""The list of scenarios: a function, named by a sentence. `long`: only where the run is told --long."""

import collections

Scenario = collections.namedtuple("Scenario", "sentence function long")
SCENARIOS = []


def scenario(sentence, long=False):
    def enter(function):
        SCENARIOS.append(Scenario(sentence, function, long))
        return function
    return enter
