"""What is installed where a program runs, so that its workers have the same.

The files themselves are what workers get: they are of the right version, whoever installed them and
from wherever, and nothing is fetched once more. Which these are is said here. What is there when a
pool opens goes along in one piece of shared memory (`web/penny/boot/installed.js`).
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

__all__ = ["files", "left_out"]

HOSTS = frozenset(
    {
        # Workers have these of their own.
        "cloudpickle",
        "penny-runtime",
        # They install packages, and talk to a notebook's page.
        "comm",
        "ipykernel",
        "ipython",
        "jedi",
        "jupyterlab-widgets",
        "micropip",
        "parso",
        "piplite",
        "pyodide-kernel",
        "widgetsnbextension",
    }
)
"""Distributions that are the host's machinery, and no package of the program's."""

# Pyodide's have two slashes at the beginning.
PACKAGES = sysconfig.get_path("purelib").replace("//", "/")
ROOTS = (sysconfig.get_path("stdlib").replace("//", "/"), "/usr/lib")
"""Where Pyodide unpacks packages: below its standard library, which is an archive itself, in
site-packages or beside it; and shared libraries."""


def files() -> list[str]:
    """The paths of all files of what is installed here, but for those of the host's machinery."""
    if sys.platform != "emscripten":
        return []  # workers there, if any, have the same folders
    left = set(_of_hosts())
    return [path for root in ROOTS for path in _files_in(root) if path not in left]


def left_out() -> list[str]:
    """Names of distributions that are installed here, and whose files workers do not get."""
    return [name for name, _ in _hosts()]


def _files_in(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield f"{folder}/{name}"


def _hosts() -> Iterator[tuple[str, str]]:
    """The host's distributions: names, and their folders of metadata."""
    for entry in os.listdir(PACKAGES):
        name = re.sub(r"[-_.]+", "-", entry.partition("-")[0]).lower()
        if name in HOSTS and entry.endswith(".dist-info"):
            yield name, f"{PACKAGES}/{entry}"


def _of_hosts() -> Iterator[str]:
    for _, folder in _hosts():
        # As its RECORD lists them; whoever installs a wheel adds files to its metadata.
        yield from _files_in(folder)
        for file in Distribution.at(Path(folder)).files or ():
            yield os.path.normpath(str(file.locate()))
