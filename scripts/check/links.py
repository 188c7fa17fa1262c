"""Every relative link of a document leads to a file of this repository."""

import os
import re

from tree import Finding

CHECK = "links"
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def run(tree):
    findings = []
    known = set(tree.files) | {os.path.dirname(f) for f in tree.files}
    for path in (f for f in tree.files if f.endswith(".md")):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:|#", target):
                    continue
                file = os.path.normpath(os.path.join(os.path.dirname(path), target.split("#")[0]))
                if file not in known:
                    findings.append(Finding(path, number, CHECK, f"{target} leads nowhere"))
    return findings
