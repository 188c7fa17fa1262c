"""The list of scenarios: a function, named by a sentence. `long`: only with --long. `alone`: it keeps both cores busy."""

import collections

Scenario = collections.namedtuple("Scenario", "sentence function long alone")
SCENARIOS = []


def scenario(sentence, long=False, alone=False):
    def enter(function):
        SCENARIOS.append(Scenario(sentence, function, long, alone))
        return function
    return enter
