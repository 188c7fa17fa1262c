"""Client programs that fulfil the contract of tests/clients/README.md: verbs with name=value, JSON lines out."""

import json

from .deadline import TooLate, wait_until
from .process import Process


class ProgramFailed(Exception):
    """A client program ended badly, or said what the contract does not know."""


class Running:
    """A client program at work. `events`: what it told so far, in order."""

    def __init__(self, command, name, verb, arguments, environment):
        self.events = []
        self.noise = []
        words = list(command) + [verb] + [f"{key}={value}" for key, value in arguments.items()]
        self.process = Process(words, name, environment=environment, on_line=self._heed)

    def _heed(self, line):
        try:
            self.events.append(json.loads(line))
        except ValueError:
            self.noise.append(line)

    def of(self, kind):
        return [event for event in list(self.events) if event["event"] == kind]

    def last(self, kind):
        found = self.of(kind)
        return found[-1] if found else None

    def wait_for(self, condition, seconds, what):
        """Waits until `condition()`. ProgramFailed when the program ends before; TooLate when it takes longer. `what`: the
        condition in words, or a function that gives them when they are needed."""
        def words():
            return what() if callable(what) else what

        def look():
            value = condition()
            if not value and not self.process.alive:
                raise ProgramFailed(f"{self.process.name} ended with {self.process.code} before {words()}\n" + self.words())
            return value

        return wait_until(look, seconds, lambda: f"{self.process.name}: not {words()}\n{self.words()}")

    def stop(self, seconds=40):
        """Closes its input, which tells it to finish its work and leave in order; gives its events."""
        self.process.close_input()
        return self.finish(seconds)

    def finish(self, seconds):
        """Waits for its end; gives its events. ProgramFailed when it did not end well."""
        try:
            code = self.process.wait(seconds)
        except TooLate:
            self.process.kill()
            raise
        if code != 0 or self.noise:
            noise = "\n".join(self.noise[-10:])
            raise ProgramFailed(f"{self.process.name} ended with {code} {noise}\n{self.words()}")
        return self.events

    def words(self):
        return self.process.last_words()


class Program:
    """`command`: what starts it. Its features beyond the contract are attributes, see harness/programs.py."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self._command = command
        self._environment = environment or {}

    def start(self, verb, label="", **arguments):
        return Running(self._command, f"{self.name} {verb}{label and ' ' + label}", verb, arguments, self._environment)

    def run(self, verb, seconds=60, **arguments):
        """One verb from start to end; gives its events."""
        running = self.start(verb, **arguments)
        running.process.close_input()
        return running.finish(seconds)
