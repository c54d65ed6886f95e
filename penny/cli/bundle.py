"""Zip archives of Python files, for Pyodide's `sys.path`.

Two are made: the packages that every Pyodide of Penny's imports (`python_packages`, which lies
where Pyodide finds it, too), and the folder of a script that `penny run` runs (`script_folder`).
The same files always give the same bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penny.bridge.packages import pack, python_packages

__all__ = ["ScriptFolder", "pack", "python_packages", "script_folder"]

FOLDER_LIMIT = 64 << 20
"""Bytes of a script's folder beyond which only its Python files travel."""

ENTRIES_LIMIT = 20_000
"""Entries of a script's folder beyond which the search for files ends."""

_SKIPPED_FOLDERS = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class ScriptFolder:
    """A script's folder, ready to be unpacked elsewhere."""

    archive: bytes
    note: str | None
    """What was left out and why, for the user; None where everything is inside."""


def script_folder(folder: Path) -> ScriptFolder:
    """Return the files of `folder` and its subfolders as an archive.

    Hidden files and folders, virtual environments, `node_modules` and `__pycache__` stay behind.
    So does everything but `*.py` in a folder with more than `FOLDER_LIMIT` bytes; and the search,
    nearest folders first, ends after `ENTRIES_LIMIT` entries: a script may lie in a home folder.
    """
    found: dict[str, Path] = {}
    size = 0
    notes = []
    for count, path in enumerate(_walk(folder)):
        if count == ENTRIES_LIMIT:
            notes.append(
                f"{folder} has more than {ENTRIES_LIMIT:,} files: only the first were copied "
                "into the browser"
            )
            break
        found[path.relative_to(folder).as_posix()] = path
        size += path.stat().st_size
    if size > FOLDER_LIMIT:
        found = {name: path for name, path in found.items() if path.suffix == ".py"}
        notes.append(
            f"{folder} holds more than {FOLDER_LIMIT >> 20} MB: only its *.py files were copied "
            "into the browser"
        )
    files = {name: path.read_bytes() for name, path in found.items() if os.access(path, os.R_OK)}
    return ScriptFolder(pack(files), "\n".join(notes) or None)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the ordinary files below `folder`, breadth first, by name."""
    folders = deque([folder])
    while folders:
        try:
            entries = sorted(os.scandir(folders.popleft()), key=lambda entry: entry.name)
        except PermissionError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_file():
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False) and entry.name not in _SKIPPED_FOLDERS:
                folders.append(Path(entry.path))
