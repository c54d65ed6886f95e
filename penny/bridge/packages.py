"""The packages that every Pyodide of Penny's imports, as a zip archive for its `sys.path`.

The same files always give the same bytes, whatever their times, owners and order on disk: the
memory snapshot's key depends on it. Nothing is compressed, so that the bytes do not depend on a
version of zlib either, and an import need not inflate.
"""

from __future__ import annotations

import importlib.util
import io
import os
import posixpath
import zipfile
from collections.abc import Mapping

__all__ = ["pack", "python_packages"]

PACKAGES = ("cloudpickle", "penny")
"""What python.zip holds, by import name."""

LEFT_OUT = frozenset({"penny/cli", "penny/web", "penny/wasm_core"})
"""Parts of them that Python in Pyodide has no use for."""


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
        # By strings: notebooks wait for it, and paths as objects would take five times as long.
        root = spec.submodule_search_locations[0]
        for folder, folders, names in os.walk(root):
            inside = posixpath.join(package, *os.path.relpath(folder, root).split(os.sep))
            inside = posixpath.normpath(inside)
            folders[:] = [f for f in folders if f"{inside}/{f}" not in LEFT_OUT]
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as file:
                        files[f"{inside}/{name}"] = file.read()
    return pack(files)
