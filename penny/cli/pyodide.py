"""Where Pyodide's own files come from.

In this order: a folder that the user names, `node_modules` beside a checkout, the user's cache,
npm. The version is one and fixed: a memory snapshot is bound to Pyodide's exact build.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import platformdirs

from penny.cli.errors import EX_UNAVAILABLE, CommandError

PYODIDE_VERSION = "314.0.7"

CDN = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE_VERSION}/full/"
"""Where Pyodide's makers keep it, with all its packages."""

PYTHON_VERSION = "3.14.2"
"""Of the Python in it."""

MAGIC_NUMBER = "2b0e0d0a"
"""Its `importlib.util.MAGIC_NUMBER`, in hexadecimal: what its bytecode is known by."""

INTEGRITY = (
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uy"
    "uGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
)
"""Of npm's package of that version, as package-lock.json has it."""

FILES = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
"""What Penny needs of it; a full distribution, with packages, has more."""

_WAYS = f"""\
Give Pyodide {PYODIDE_VERSION} in one of these ways:
  --pyodide DIR, or the environment variable PENNY_PYODIDE=DIR
  npm install pyodide@{PYODIDE_VERSION} in Penny's checkout
  npm on the PATH, with which Penny fetches it once into its cache"""


def cache_folder() -> Path:
    """Return the folder that holds what Penny made or fetched for this user, existing or not."""
    return Path(platformdirs.user_cache_dir("penny"))


def find_pyodide(given: str | os.PathLike[str] | None = None) -> Path:
    """Return a folder with Pyodide's files, fetching them once if need be.

    Args:
        given: The value of `--pyodide`. It and `$PENNY_PYODIDE` are binding: if it names a folder
            that won't do, nothing else is tried.

    Raises:
        CommandError: there is none, or it is of another version.
    """
    named = given or os.environ.get("PENNY_PYODIDE")
    if named:
        folder = Path(named)
        if problem := _problem(folder):
            raise CommandError(f"{folder} {problem}.\n{_WAYS}", EX_UNAVAILABLE)
        return folder
    cached = cache_folder() / f"pyodide-{PYODIDE_VERSION}"
    for folder in (Path(__file__).parents[2] / "node_modules" / "pyodide", cached):
        if not _problem(folder):
            return folder
    _fetch(cached)
    return cached


def _problem(folder: Path) -> str | None:
    """Say what keeps `folder` from being used; None if nothing does."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        return f"does not hold Pyodide: {', '.join(missing)} missing"
    # The lock file gives the version of the platform only, and package.json is npm's alone.
    if f'"{PYODIDE_VERSION}"' not in (folder / "pyodide.mjs").read_text(encoding="utf-8"):
        return f"holds another version of Pyodide than {PYODIDE_VERSION}"
    return None


def wheels(pyodide: Path, names: Iterable[str]) -> frozenset[str]:
    """Return the files of Pyodide's packages of these names, and of those that they depend on.

    Args:
        pyodide: Pyodide's folder: of a full distribution, with packages.
        names: As `Scheduler(packages=…)` takes them: `-`, `_` and `.` are the same.

    Raises:
        CommandError: there is no such package, or the folder does not hold it.
    """
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    packages = {normal_name(name): package for name, package in lock.items()}
    found: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        package = packages.get(normal_name(name))
        if package is None:
            raise CommandError(f"Pyodide {PYODIDE_VERSION} has no package {name!r}", 2)
        file = package["file_name"]
        if file in found:
            continue
        if not (pyodide / file).is_file():
            raise CommandError(
                f"{pyodide} does not hold {file}, the package {name!r}: npm's Pyodide has no "
                "packages. Unpack the full distribution, from Pyodide's releases on GitHub, and "
                "name its folder by --pyodide; or let pages fetch Pyodide and packages from "
                f"elsewhere: --pyodide-url {CDN}",
                EX_UNAVAILABLE,
            )
        found.add(file)
        wanted += package["depends"]
    return frozenset(found)


def normal_name(name: str) -> str:
    """A package's name as it is compared: `-`, `_` and `.` are the same, and so is case."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _fetch(target: Path) -> None:
    """Fetch Pyodide from npm into `target`, all of it or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError(f"Pyodide was not found, and npm neither.\n{_WAYS}", EX_UNAVAILABLE)
    print(f"penny: fetching Pyodide {PYODIDE_VERSION} from npm, once", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        packed = subprocess.run(
            [npm, "pack", f"pyodide@{PYODIDE_VERSION}", "--json"],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if packed.returncode:
            raise CommandError(
                f"npm could not fetch Pyodide:\n{packed.stderr.strip()}\n{_WAYS}", EX_UNAVAILABLE
            )
        archive = (Path(scratch) / json.loads(packed.stdout)[0]["filename"]).read_bytes()
        unpacked = Path(scratch) / "package"
        unpack(archive, unpacked)
        if problem := _problem(unpacked):
            raise CommandError(f"npm's package {problem}.\n{_WAYS}", EX_UNAVAILABLE)
        # A concurrent command may have been faster; its copy is as good.
        if _problem(target):
            shutil.rmtree(target, ignore_errors=True)
            unpacked.rename(target)


def unpack(archive: bytes, target: Path, integrity: str = INTEGRITY) -> None:
    """Unpack npm's tarball of Pyodide, whose files lie flat in `package/`, into a new folder.

    Raises:
        CommandError: the tarball is not the one that `integrity` names.
    """
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != integrity:
        raise CommandError(f"npm's package of Pyodide has an unexpected checksum: {digest}")
    target.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            name = PurePosixPath(member.name)
            content = tar.extractfile(member)
            if content is not None and name.parent == PurePosixPath("package"):
                (target / name.name).write_bytes(content.read())
