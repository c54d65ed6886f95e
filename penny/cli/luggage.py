"""What a script finds of this machine's files in the browser, each under its path here.

So its relative paths, its absolute ones and its `__file__` are what they would be here. It gets:

- the script's folder, from which it imports its modules, and the current directory, which is its
  own current directory, too;
- what its arguments name: files and folders, also as `--input=FILE`;
- folders of `--mount`.

Hidden files and folders, virtual environments, `node_modules` and `__pycache__` stay behind, unless
an argument names them. Each worker gets all of it, so much stays behind, too.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penny.bridge.packages import pack
from penny.cli.errors import CommandError

__all__ = ["Luggage", "pack_up"]

FOLDER_LIMIT = 64 << 20
"""Bytes of a script's folder beyond which only its Python files travel; and of a folder that an
argument names."""

HERE_LIMIT = 16 << 20
"""Bytes of the current directory beyond which nothing of it travels, if the script is elsewhere:
it may be anybody's home."""

MOUNT_LIMIT = 1 << 30
"""Bytes of a folder that is mounted. Each worker has a copy, in a memory of 4 GB at most."""

ENTRIES_LIMIT = 20_000
"""Files of a folder beyond which the search for more ends."""

_SKIPPED_FOLDERS = {"__pycache__", "node_modules"}
_SYSTEM = tuple(map(Path, ("/dev", "/proc", "/sys")))


@dataclass(frozen=True)
class Luggage:
    """What travels."""

    archive: bytes
    """A zip archive, whose names are paths without the leading `/`."""
    folders: list[str]
    """The folders in it, absolute."""
    partial: list[str]
    """Those of which not all is inside."""
    notes: list[str]
    """What was left out of the script's folder or of what was named, and why, for the user."""


@dataclass
class _Packing:
    files: set[Path] = field(default_factory=set)
    folders: dict[Path, bool] = field(default_factory=dict)
    """Whether all of it is inside."""
    notes: list[str] = field(default_factory=list)

    def add(self, folder: Path, entries: _Entries) -> None:
        self.files |= set(entries.files) | set(entries.folders)
        self.folders[folder] = self.folders.get(folder, True) and not entries.more

    def add_script_folder(self, folder: Path) -> None:
        entries = _entries(folder)
        if entries.more:
            self.notes.append(
                f"{folder} has more than {ENTRIES_LIMIT:,} files: only the first were copied into "
                "the browser"
            )
        if entries.size > FOLDER_LIMIT:
            entries.files = [path for path in entries.files if path.suffix == ".py"]
            entries.more = True
            self.notes.append(
                f"{folder} holds more than {FOLDER_LIMIT >> 20} MB: only its *.py files, and what "
                "arguments name, were copied into the browser"
            )
        self.add(folder, entries)

    def add_here(self, folder: Path) -> None:
        entries = _entries(folder, HERE_LIMIT)
        if entries.more:
            entries = _Entries(more=True)
        self.add(folder, entries)

    def add_argument(self, argument: str) -> None:
        for text in {argument, argument.partition("=")[2]}:
            path = Path(os.path.abspath(text)) if text and "\0" not in text else None
            if path is None or any(path.is_relative_to(system) for system in _SYSTEM):
                continue
            try:
                if path.is_file():
                    self.files.add(path)
                elif path.is_dir() and not self.folders.get(path):
                    self._add_named(path)
            except OSError:  # a text that is no path
                continue

    def _add_named(self, folder: Path) -> None:
        if any(
            all_of_it and folder.is_relative_to(each) for each, all_of_it in self.folders.items()
        ):
            return
        entries = _entries(folder, FOLDER_LIMIT)
        if entries.more:
            self.notes.append(
                f"{folder} is large, and was not copied into the browser: --mount {folder} does it"
            )
            entries = _Entries(more=True)
        self.add(folder, entries)

    def mount(self, folder: Path) -> None:
        entries = _entries(folder, MOUNT_LIMIT)
        if entries.more:
            raise CommandError(
                f"--mount {folder}: it has more than {ENTRIES_LIMIT:,} files or "
                f"{MOUNT_LIMIT >> 30} GB, too much for a browser",
                2,
            )
        self.add(folder, entries)


def pack_up(
    script_folder: Path, script: Path | None, arguments: Iterable[str], mounts: Sequence[str]
) -> Luggage:
    """Collect what travels.

    Args:
        script_folder: Where the script's modules are.
        script: Its own path, which may be a link to there; None where it has none.
        arguments: The script's.
        mounts: Folders that are named by `--mount`.

    Raises:
        CommandError: One of these is no folder, or too large.
    """
    packing = _Packing()
    here = Path.cwd()
    for name in mounts:
        if not os.path.isdir(name):
            said = "is not a folder" if os.path.exists(name) else "does not exist"
            raise CommandError(f"--mount {name}: it {said}", 2)
        packing.mount(Path(os.path.abspath(name)))
    if script_folder not in packing.folders:
        packing.add_script_folder(script_folder)
    if here not in packing.folders:
        packing.add_here(here)
    if script is not None:
        packing.files.add(script)
    for argument in arguments:
        packing.add_argument(argument)
    files = {}
    for path in packing.files:
        name = path.as_posix().lstrip("/")
        if path.is_dir():
            files[f"{name}/"] = b""
        elif os.access(path, os.R_OK):
            files[name] = path.read_bytes()
    return Luggage(
        pack(files),
        [str(folder) for folder in packing.folders],
        [str(folder) for folder, all_of_it in packing.folders.items() if not all_of_it],
        packing.notes,
    )


@dataclass
class _Entries:
    """What is in a folder. more: not all, there is too much of it."""

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    size: int = 0
    more: bool = False


def _entries(folder: Path, limit: float = float("inf")) -> _Entries:
    found = _Entries()
    for path in _walk(folder):
        if len(found.files) + len(found.folders) == ENTRIES_LIMIT or found.size > limit:
            found.more = True
            break
        if path.is_dir():
            found.folders.append(path)
            continue
        try:
            found.size += path.stat().st_size
        except OSError:  # gone meanwhile
            continue
        found.files.append(path)
    found.more = found.more or found.size > limit
    return found


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the ordinary files and the folders below `folder`, breadth first, by name."""
    folders = deque([folder])
    while folders:
        try:
            entries = sorted(os.scandir(folders.popleft()), key=lambda entry: entry.name)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or path in _SYSTEM:
                continue
            if entry.is_file():
                yield path
            elif entry.is_dir(follow_symlinks=False) and entry.name not in _SKIPPED_FOLDERS:
                yield path
                folders.append(path)
