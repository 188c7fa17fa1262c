"""Each module has a README.md, and no file of code is longer than 600 lines."""

from tree import CPP, Finding

CHECK = "shape"
LINES_MAX = 600
CODE = CPP + (".py", ".sh", ".cmake", ".js", ".mjs", ".go", ".java", ".ts", ".css", "CMakeLists.txt", "Makefile")


def run(tree):
    findings = []
    modules = sorted({"/".join(f.split("/")[:2]) for f in tree.files if f.startswith("src/") and f.count("/") >= 2})
    for module in modules:
        if f"{module}/README.md" not in tree.files:
            findings.append(Finding(f"{module}/README.md", 1, CHECK,
                                    "is missing: what the module is, what it promises, reading order, what it must not know"))
    for path in tree.files:
        if path.endswith(CODE):
            lines = tree.text(path).count("\n")
            if lines > LINES_MAX:
                findings.append(Finding(path, LINES_MAX + 1, CHECK, f"has {lines} lines, {LINES_MAX} are the limit: "
                                                                    "a noun is missing"))
    return findings
