"""Packages for a script and its workers: Pyodide's own by name, all else by wheels that pip finds.

Pyodide's are taken from its folder, if they are in it (npm's has none); those that are compiled are
else fetched, once, from where its makers keep them. All that is not to be had there, and what is no
mere name (a version, a URL, a wheel's file), is for pip: it resolves the requirements, dependencies
included, to wheels that are pure Python or built for Pyodide's platform. It does so again after a
day.
"""

from __future__ import annotations

import contextlib
import email
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penny.cli.errors import EX_UNAVAILABLE, CommandError
from penny.cli.pyodide import (
    CDN,
    PYODIDE_VERSION,
    PYTHON_VERSION,
    cache_folder,
    normal_name,
    wheels,
)

__all__ = ["WHEELS", "Packages", "find_packages", "lock_with"]

WHEELS = "run/packages/"
"""Where the wheels that pip finds lie on the site."""

PLATFORM = "pyemscripten_2026_0_wasm32"
"""The tag of wheels that are built for this Pyodide: its lock file has `info.abi_version`."""

FRESH = 24 * 3600.0
"""Seconds for which pip is not asked again about the same requirements."""

PATIENCE = 10.0
"""Seconds that a server has for its next answer."""


@dataclass
class Packages:
    """What a script is given."""

    load: list[str] = field(default_factory=list)
    """What Pyodide loads: names of its packages, and URLs relative to the page's."""
    files: dict[str, Path] = field(default_factory=dict)
    """Files of the site for that, by path."""


def find_packages(requirements: Sequence[str], pyodide: Path) -> Packages:
    """Return what gives a script these packages, fetched if need be.

    Args:
        requirements: Names, as `pip install` takes them, or URLs and files of wheels.
        pyodide: Pyodide's folder.

    Raises:
        CommandError: One of them is not to be had.
    """
    found = Packages()
    for_pip = []
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))["packages"]
    known = {normal_name(key): package for key, package in lock.items()}
    for requirement in requirements:
        if not _add_of_pyodide(requirement, known, pyodide, found):
            for_pip.append(requirement)
    if for_pip:
        for wheel in _wheels_by_pip(for_pip, known):
            found.load.append(f"packages/{wheel.name}")
            found.files[f"{WHEELS}{wheel.name}"] = wheel
    return found


# -- Pyodide's own -------------------------------------------------------------------------------


_Lock = Mapping[str, dict[str, Any]]
"""Pyodide's packages by their normal names, as its lock file has them."""


def _add_of_pyodide(name: str, packages: _Lock, pyodide: Path, found: Packages) -> bool:
    """Add a package of Pyodide's with what it depends on. False if it is none, or not to be had."""
    if normal_name(name) not in packages:
        return False
    try:
        wheels(pyodide, [name])
    except CommandError:
        if packages[normal_name(name)]["file_name"].endswith("-none-any.whl"):
            return False
        try:
            _add_from_elsewhere(name, packages, pyodide, found)
        except OSError:  # no network, or no such server for this machine: pip may do better
            return False
    found.load.append(packages[normal_name(name)]["name"])
    return True


def _add_from_elsewhere(name: str, packages: _Lock, pyodide: Path, found: Packages) -> None:
    cache = cache_folder() / f"packages-{PYODIDE_VERSION}"
    files = {}
    wanted = [name]
    while wanted:
        package = packages[normal_name(wanted.pop())]
        file = package["file_name"]
        if f"penny/pyodide/{file}" in files:
            continue
        here = pyodide / file
        if not here.is_file():
            here = _fetched(file, package["sha256"], cache)
        files[f"penny/pyodide/{file}"] = here
        wanted += package["depends"]
    found.files |= files


def _fetched(file: str, sha256: str, cache: Path) -> Path:
    """A file of Pyodide's makers, fetched once. Raises OSError."""
    target = cache / file
    if target.is_file():
        return target
    print(f"penny: fetching {file}, once", file=sys.stderr)
    with urllib.request.urlopen(CDN + file, timeout=PATIENCE) as answer:
        data: bytes = answer.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CommandError(f"{CDN}{file} is not the file that Pyodide {PYODIDE_VERSION} names")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as scratch:
        scratch.write(data)
    os.replace(scratch.name, target)
    return target


def lock_with(lock: bytes, wheels: Sequence[Path]) -> bytes:
    """Pyodide's lock file, and in it wheels that lie in its folder: so they are known by name.

    Args:
        lock: Its bytes.
        wheels: Files of wheels.
    """
    whole = json.loads(lock)
    packages = whole["packages"]
    entries: dict[str, dict[str, Any]] = {}
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        with zipfile.ZipFile(wheel) as archive:
            members = archive.namelist()
            (info,) = (each for each in members if re.fullmatch(r"[^/]*\.dist-info/METADATA", each))
            metadata = email.message_from_bytes(archive.read(info))
        requires = metadata.get_all("Requires-Dist", ())
        entries[normal_name(name)] = {
            "name": metadata["Name"],
            "version": version,
            "file_name": wheel.name,
            "install_dir": "site",
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "package_type": "package",
            "imports": sorted(_modules(members)),
            "depends": {normal_name(re.split(r"[^\w.-]", each)[0]) for each in requires},
            "unvendored_tests": False,
        }
    for name, entry in entries.items():
        # pip has taken what is needed here; what is left is for other systems, or optional.
        entry["depends"] = sorted(entry["depends"] & entries.keys() - {name})
    packages.update(entries)
    return json.dumps(whole).encode()


def _modules(members: Sequence[str]) -> set[str]:
    """The modules at the top of a wheel with these files."""
    found = set()
    for path in members:
        top, slash, _ = path.partition("/")
        if top.endswith((".dist-info", ".data")):
            continue
        name = top if slash else re.sub(r"(\..*)?\.(py|so)$", "", top)
        if name.isidentifier():
            found.add(name)
    return found


# -- pip's ---------------------------------------------------------------------------------------


def _wheels_by_pip(requirements: Sequence[str], packages: _Lock) -> list[Path]:
    """The wheels for these requirements and all they depend on, from the cache or from pip."""
    key = [PYODIDE_VERSION]
    for requirement in sorted(requirements):
        key.append(requirement)
        if os.path.isfile(requirement):
            status = os.stat(requirement)
            key.append(f"{os.path.abspath(requirement)} {status.st_mtime_ns} {status.st_size}")
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:32]
    cached = cache_folder() / "wheels" / digest
    known = sorted(cached.glob("*.whl")) if cached.is_dir() else []
    if known and time.time() - cached.stat().st_mtime < FRESH:
        return known
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        problem = _download(requirements, scratch, packages)
        if problem is None:
            shutil.rmtree(cached, ignore_errors=True)
            with contextlib.suppress(OSError):  # a concurrent command was faster
                os.replace(scratch, cached)
                os.mkdir(scratch)  # for its own end
        elif not known:
            raise problem
    return sorted(cached.glob("*.whl"))


def _download(requirements: Sequence[str], folder: str, packages: _Lock) -> CommandError | None:
    """Have pip put the wheels there. Returns what is to be raised if it did not."""
    major, minor, *_ = PYTHON_VERSION.split(".")
    command = [
        *_pip(),
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={major}.{minor}",
        f"--abi=cp{major}{minor}",
        "--abi=abi3",
        "--abi=none",
        f"--platform={PLATFORM}",
        f"--dest={folder}",
        "--",
        *requirements,
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    errors = re.findall(r"^ERROR: (.*)", done.stderr, re.MULTILINE) or [done.stderr.strip()]
    said = errors[-1]
    asked = " ".join(f"--with {requirement}" for requirement in requirements)
    if "No matching distribution" in said:
        said = f"{said}, that is pure Python or built for {PLATFORM}"
        names = (re.split(r"[^\w.-]", requirement)[0] for requirement in requirements)
        if any(normal_name(name) in packages for name in names):
            said += (
                f". As a package of Pyodide's, by its mere name, it needs a way to {CDN}, or "
                "Pyodide's full distribution, --pyodide DIR"
            )
    return CommandError(f"{asked}: {said}", EX_UNAVAILABLE)


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (pip := shutil.which("pip") or shutil.which("pip3")) is not None:
        return [pip]
    raise CommandError(
        "--with needs pip to find the package: `python -m ensurepip`, or `uv pip install pip`",
        EX_UNAVAILABLE,
    )
