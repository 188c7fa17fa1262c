"""Compile flags of a file, and a memory of what was found good, keyed by content."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import threading
from pathlib import Path

CXX = "clang++-16"
PLAIN = [CXX, "-std=c++2b", "-Wall", "-Wextra", "-Werror"]


class Flags:
    """The flags of build/*/compile_commands.json without what names inputs, outputs and precompiled headers."""

    def __init__(self, tree, commands):
        self.root = tree.root
        self.by_file = {}
        self.by_folder = {}
        if commands is None:
            return
        for entry in json.loads(Path(commands).read_text()):
            flags = self._strip(shlex.split(entry["command"]))
            path = os.path.relpath(entry["file"], self.root)
            self.by_file[path] = flags
            if not path.endswith("_test.cpp"):
                self.by_folder.setdefault(os.path.dirname(path), flags)
        for path, flags in self.by_file.items():
            self.by_folder.setdefault(os.path.dirname(path), flags)

    @staticmethod
    def _strip(words):
        words = words[next(i for i, w in enumerate(words) if "clang++" in w):]
        kept, skip = [CXX], False
        for i, word in enumerate(words[1:], 1):
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT", "-include", "-include-pch"):
                skip = True
            elif word == "-Xclang":
                # -Xclang -include-pch -Xclang FILE and -Xclang -include -Xclang FILE
                continue
            elif re.search(r"cmake_pch\.hxx", word) or word in ("-c", "-MD", "-fpch-instantiate-templates",
                                                               "-fno-pch-timestamp", "-Winvalid-pch"):
                continue
            elif not word.endswith(".cpp"):
                kept.append(word)
        return kept

    def of(self, path):
        """The flags for `path`: its own, else those of the nearest folder upwards, else plain ones."""
        if path in self.by_file:
            return self.by_file[path]
        folder = os.path.dirname(path)
        while folder:
            if folder in self.by_folder:
                return self.by_folder[folder]
            folder = os.path.dirname(folder)
        some = next(iter(self.by_folder.values()), None)
        return some or PLAIN + [f"-I{self.root}/src", f"-I{self.root}/include"]


class Memory:
    """Remembers inputs that passed: a command, and the content of each file of the tree that it read."""

    def __init__(self, tree, name):
        self.root = tree.root
        self.path = tree.root / "build" / "check" / f"{name}.json"
        self.lock = threading.Lock()
        self.hashes = {}
        try:
            self.passed = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.passed = {}

    def _hash(self, path):
        if path not in self.hashes:
            try:
                self.hashes[path] = hashlib.sha256((self.root / path).read_bytes()).hexdigest()
            except OSError:
                self.hashes[path] = ""
        return self.hashes[path]

    def knows(self, key, command):
        with self.lock:
            entry = self.passed.get(key)
            return bool(entry) and entry["command"] == command and all(
                self._hash(path) == digest for path, digest in entry["files"].items())

    def remember(self, key, command, files):
        with self.lock:
            self.passed[key] = {"command": command, "files": {f: self._hash(f) for f in files}}

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(self.passed))
        os.replace(part, self.path)


def dependencies(root, makefile_text):
    """The files below `root` that a -MD style rule names."""
    words = makefile_text.replace("\\\n", " ").split(":", 1)[-1].split()
    paths = set()
    for word in words:
        path = os.path.relpath(os.path.join(root, word), root)
        if not path.startswith(("..", "build/")) and not os.path.isabs(path):
            paths.add(path)
    return sorted(paths)


def configured(tree):
    """compile_commands.json of the release preset as the tree is now; None for a tree without presets."""
    if not (tree.root / "CMakePresets.json").exists():
        return None
    if not getattr(tree, "is_configured", False):  # a file that came since the last build must not be overlooked
        done = subprocess.run(["cmake", "--preset", "release"], cwd=tree.root, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"cmake --preset release failed:\n{done.stdout}{done.stderr}")
        tree.is_configured = True
    return tree.root / "build" / "release" / "compile_commands.json"
