"""The list of scenarios: a function, named by a sentence. `long`: only with --long."""

SCENARIOS = []


def scenario(sentence, long=False):
    def enter(function):
        SCENARIOS.append((sentence, function, long))
        return function
    return enter
