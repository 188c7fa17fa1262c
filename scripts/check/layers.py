"""Includes and CMake dependencies keep to the tables of docs/architecture.md."""

import re

from architecture import Architecture, matches
from tree import Finding, is_bench, is_unit_test, line_of

CHECK = "layers"
SECTIONS = ("NAME", "DIR", "DEPENDS", "LIBRARIES", "EXCLUDE", "TEST_DEPENDS", "TEST_PARTS")


def run(tree):
    rule = Architecture(tree)
    findings = list(rule.findings)
    declared = {}
    for path in tree.files:
        if path.startswith("src/") and path.endswith("CMakeLists.txt"):
            findings += cmake(tree, rule, path, declared)
    used = {}
    for path in tree.cpp():
        findings += includes(tree, rule, path, declared, used)
    for name, (path, line, sections) in sorted(declared.items()):
        for dependency in sections["DEPENDS"]:
            if dependency != "base" and dependency not in used.get(name, set()):
                findings.append(Finding(path, line, CHECK,
                                        f"{name} DEPENDS on {dependency}, but no file of it includes it; "
                                        "what only tests use stands under TEST_DEPENDS"))
    return findings


def includes(tree, rule, path, declared, used):
    """Findings of one C++ file; notes in `used` what its library needs."""
    library = rule.owner(path)
    if library is None:
        if path.startswith(("src/", "include/", "sim/")):
            yield Finding(path, 1, CHECK, "no line of the table in docs/architecture.md holds this file")
        return
    for line, name, quoted in tree.includes(path):
        target = inside(tree, rule, path, name)
        if target is None:
            if quoted and not external(rule, name):
                yield Finding(path, line, CHECK, f'"{name}" is not found below src/ or include/')
            yield from external_findings(rule, path, line, name)
            continue
        if target is library or library.kind == "free":
            continue
        if target.name == "base" and library.name != "public":
            continue
        if target.name not in allowed(rule, library, path):
            yield Finding(path, line, CHECK, f"{library.name} may not include {target.name} ({name})")
            continue
        if not is_unit_test(path) and not is_bench(path):
            used.setdefault(library.name, set()).add(target.name)
        yield from undeclared(path, line, library, target, declared)


def undeclared(path, line, library, target, declared):
    if library.name not in declared:
        return
    sections = declared[library.name][2]
    names = set(sections["DEPENDS"])
    where = "DEPENDS"
    if is_unit_test(path) or is_bench(path):
        names |= set(sections["TEST_DEPENDS"])
        where = "DEPENDS or TEST_DEPENDS"
    if target.name not in names and target.name != "public":
        yield Finding(path, line, CHECK,
                      f"{library.name} includes {target.name}, but its CMakeLists.txt does not name it under {where}")


def allowed(rule, library, path):
    names = set(library.may)
    if is_unit_test(path) or is_bench(path):
        names |= {"runtime", "runtime_sim"}
        # Who may speak to coordination may be tested with the one in memory.
        names |= {"coordination_memory"} if "coordination" in library.may else set()
        names |= {lib.name for lib in rule.libraries.values() if lib.top == library.top}
        # Engines that are servers are tested as what they are.
        names |= {"runtime_real"} if library.top == "src/coordination" else set()
    if is_bench(path):
        names.add("runtime_real")
    return names


def inside(tree, rule, path, name):
    """The library that an include names, or None where it is not one of ours."""
    folder = path.rsplit("/", 1)[0]
    for candidate in (f"src/{name}", f"include/{name}", name, f"{folder}/{name}"):
        if candidate in tree.files:
            return rule.owner(candidate)
    return rule.owner(f"src/{name}") or (rule.owner(f"include/{name}") if name.startswith("godwit/") else None)


def external(rule, name):
    return rule.external_rule(name) is not None


def external_findings(rule, path, line, name):
    found = rule.external_rule(name)
    if found and not matches(path, found[1]):
        where = f"by {', '.join(found[1])} only" if found[1] else "nowhere"
        yield Finding(path, line, CHECK, f"<{name}> may be included {where}")


def cmake(tree, rule, path, declared):
    """Findings of a module's CMakeLists.txt; notes its libraries in `declared`."""
    text = re.sub(r"#[^\n]*", lambda m: " " * len(m.group(0)), tree.text(path))
    folder = path.rsplit("/", 1)[0]
    for call in re.finditer(r"\bgodwit_module\s*\(([^)]*)\)", text):
        line = line_of(text, call.start())
        sections = {name: [] for name in SECTIONS}
        current = None
        for word in call.group(1).split():
            if word in SECTIONS:
                current = word
            elif current:
                sections[current].append(word)
        name = (sections["NAME"] or ["?"])[0]
        library = rule.libraries.get(name)
        if library is None:
            yield Finding(path, line, CHECK, f"{name} has no line in the table of docs/architecture.md")
            continue
        where = f"{folder}/{sections['DIR'][0]}/" if sections["DIR"] else f"{folder}/"
        if library.where.rstrip("/") + "/" != where and not library.where.startswith(where):
            yield Finding(path, line, CHECK, f"{name} lives in {library.where}, not in {where}")
        declared[name] = (path, line, sections)
        for kind in ("DEPENDS", "TEST_DEPENDS"):
            granted = library.may | {"base"}
            if kind == "TEST_DEPENDS":
                granted = allowed(rule, library, "x_bench.cpp") | {"base"}
            for dependency in sections[kind]:
                if dependency not in granted:
                    yield Finding(path, line, CHECK, f"{name} may not depend on {dependency} ({kind})")
    # A fuzzer that must find a seeded bug links what tests may.
    rest = re.sub(r"\b(?:godwit_module|godwit_seeded_bug)\s*\([^)]*\)", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    for used in re.finditer(r"\bgodwit_([a-z_]+)\b", rest):
        name, library = used.group(1), rule.owner(f"{folder}/x.cpp")
        if library and name in rule.libraries and name not in library.may | {"base", library.name}:
            if rule.libraries[name].top != library.top:
                yield Finding(path, line_of(rest, used.start()), CHECK, f"{library.name} may not link {name}")
