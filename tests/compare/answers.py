"""Reads what compare_answers prints, and finds where two of them differ."""

import fnmatch
import re
from dataclasses import dataclass, field

VERSIONS = re.compile(r"^v(-?\d+)-(-?\d+)$")
OFFERED = re.compile(r"^api_keys\[(\d+)\]\.(min|max)_version$")


def parse(text):
    """{case: {version: {path: value}}}, in the order of the text."""
    cases, versions, answer = {}, None, None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            versions = cases.setdefault(line[2:], {})
            answer = None
        elif (match := VERSIONS.match(line)) and versions is not None:
            answer = {}
            for version in range(int(match[1]), int(match[2]) + 1):
                versions[version] = answer
        elif answer is None:
            raise ValueError(f"line {number} belongs to no case: {line}")
        else:
            path, equals, value = line.partition(" = ")
            answer[path] = value if equals else ""
    return cases


@dataclass
class Difference:
    case: str
    version: int
    # (path, in Kafka's answer, in godwit's answer); None where there is no such path.
    paths: list = field(default_factory=list)


def differences(kafka, godwit):
    """Every answer of one of the two that the other does not give just so."""
    found = []
    for case in {**kafka, **godwit}:
        ours, theirs = godwit.get(case, {}), kafka.get(case, {})
        for version in sorted({*ours, *theirs}):
            a, b = theirs.get(version), ours.get(version)
            if a is None or b is None:
                missing = "(was not asked)"
                found.append(Difference(case, version, [("", missing if a is None else "asked", missing if b is None else "asked")]))
                continue
            paths = [(p, a.get(p), b.get(p)) for p in sorted({*a, *b}) if a.get(p) != b.get(p)]
            if paths:
                found.append(Difference(case, version, paths))
    return found


@dataclass
class Rule:
    """A difference that stays. `reason` is the heading in docs/compatibility.md that says why."""

    line: int
    case: str
    path: str
    godwit: str
    reason: str
    used: bool = False

    def fits(self, case, path, ours):
        return (fnmatch.fnmatchcase(case, self.case) and fnmatch.fnmatchcase(path, self.path)
                and fnmatch.fnmatchcase("(none)" if ours is None else ours, self.godwit))


def parse_rules(text):
    """Lines "case | path | godwit's value | reason", each but the last with * as in file names."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 4:
            raise ValueError(f"differences.txt:{number}: a rule has four cells: case | path | godwit's value | reason")
        # Brackets stand for themselves.
        case, path, value = (cell.replace("[", "[[]") for cell in cells[:3])
        rules.append(Rule(number, case, path, value, cells[3]))
    return rules


def offered(answers):
    """{API key: versions}, as the newest ApiVersions that was asked says."""
    versions = answers["ApiVersions: what is there"]
    ranges = {}
    for path, value in versions[max(versions)].items():
        if match := OFFERED.match(path):
            ranges.setdefault(int(match[1]), {})[match[2]] = int(value)
    return {key: range(ends["min"], ends["max"] + 1) for key, ends in ranges.items()}


def parse_not_asked(text):
    """Lines "Api | first-last | reason" as {(Api, version): reason}."""
    excused = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        versions = re.fullmatch(r"(\d+)-(\d+)", cells[1]) if len(cells) == 3 else None
        if versions is None or not cells[2]:
            raise ValueError(f"not_asked.txt:{number}: a line has three cells: Api | first-last | reason")
        for version in range(int(versions[1]), int(versions[2]) + 1):
            excused[cells[0], version] = cells[2]
    return excused


def unexplained(found, rules):
    """The differences that no rule covers; marks the rules that were used."""
    left = []
    for difference in found:
        paths = []
        for path, theirs, ours in difference.paths:
            fitting = [rule for rule in rules if rule.fits(difference.case, path, ours)]
            for rule in fitting:
                rule.used = True
            if not fitting:
                paths.append((path, theirs, ours))
        if paths:
            left.append(Difference(difference.case, difference.version, paths))
    return left
