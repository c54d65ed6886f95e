"""Zip archives of Python files, for Pyodide's `sys.path`.

Two are made: the packages that every Pyodide of Penny's imports (`python_packages`), and the
folder of a script that `penny run` runs (`script_folder`). The same files always give the same
bytes, whatever their times, owners and order on disk: the memory snapshot's key depends on it.
Nothing is compressed, so that the bytes do not depend on a version of zlib either, and an import
need not inflate.
"""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("cloudpickle", "penny")
"""What python.zip holds, by import name."""

LEFT_OUT = (Path("penny/cli"), Path("penny/web"), Path("penny/wasm_core"))
"""Parts of them that Python in Pyodide has no use for."""

FOLDER_LIMIT = 64 << 20
"""Bytes of a script's folder beyond which only its Python files travel."""

ENTRIES_LIMIT = 20_000
"""Entries of a script's folder beyond which the search for files ends."""

_SKIPPED_FOLDERS = {"__pycache__", "node_modules"}


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of `files` (name in the archive → content), always the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, whatever made it: it gives the next line its meaning
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()


def python_packages() -> bytes:
    """Return python.zip: the `.py` files of `PACKAGES`, from where this process imports them.

    Raises:
        ModuleNotFoundError: a package is not installed.
    """
    files = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(f"No package named {package!r}", name=package)
        root = Path(spec.submodule_search_locations[0])
        for path in root.rglob("*.py"):
            name = Path(package) / path.relative_to(root)
            if not any(name.is_relative_to(part) for part in LEFT_OUT):
                files[name.as_posix()] = path.read_bytes()
    return pack(files)


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
