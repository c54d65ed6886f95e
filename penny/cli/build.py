"""`penny build`: the whole site as files, for any web server."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from penny.cli.errors import CommandError
from penny.cli.packages import WHEELS, find_packages, lock_with
from penny.cli.prose import lean_packages
from penny.cli.pyodide import find_pyodide, wheels
from penny.cli.server import ISOLATION_HEADERS
from penny.cli.site import Content, Site
from penny.cli.snapshot import compressed, find_snapshot

MARKER = "penny/manifest.json"
"""The file by which a folder is known as an earlier build."""

HEADERS_FILE = "_headers"
"""Static hosts such as Netlify and Cloudflare Pages send the headers that it names."""


def build(options: argparse.Namespace) -> int:
    """Write the site into a folder.

    Raises:
        CommandError: the folder holds something else than an earlier build, or packages are not to
            be had.
    """
    target = Path(options.dir)
    check_target(target, force=options.force)
    url = options.pyodide_url
    if url is not None and options.packages is not None:
        raise CommandError("--pyodide-url has its own packages: leave out --packages", 2)
    if url is not None and options.requirements:
        raise CommandError("--pyodide-url has its own packages: leave out --with", 2)
    if url is not None and not re.match("https?://.", url):
        raise CommandError(f"{url} is not a URL that begins with https://", 2)
    pyodide = find_pyodide(options.pyodide)
    names = None if options.packages is None else filter(None, options.packages.split(","))
    packages = None if names is None else wheels(pyodide, names)
    more = _more(options.requirements, pyodide)
    python, apart = lean_packages()
    with tempfile.TemporaryDirectory() as scratch:
        snapshot = find_snapshot(python, pyodide) if options.snapshot else None
        if snapshot is not None:
            packed = Path(scratch) / f"{snapshot.name}.gz"
            packed.write_bytes(compressed(snapshot))
            snapshot = packed
        site = Site(
            pyodide=pyodide,
            snapshot=snapshot,
            python=python,
            apart=apart,
            small=True,
            wheels=packages,
            more=more,
            pyodide_url=url and f"{url.removesuffix('/')}/",
        )
        size = write(site, target)
    print(f"Wrote {size / 1e6:.1f} MB to {target}")
    return 0


def _more(requirements: Sequence[str], pyodide: Path) -> dict[str, Content]:
    """The files of packages, in Pyodide's folder; and its lock file, by which they are known."""
    if not requirements:
        return {}
    folder = "penny/pyodide/"
    found = find_packages(requirements, pyodide)
    more: dict[str, Content] = {}
    wheels = []
    for path, file in found.files.items():
        if path.startswith(WHEELS):
            wheels.append(file)
            path = f"{folder}{file.name}"
        more[path] = file
    lock = "pyodide-lock.json"
    more[f"{folder}{lock}"] = lock_with((pyodide / lock).read_bytes(), wheels)
    return more


def check_target(target: Path, *, force: bool) -> None:
    """Raise CommandError if writing to `target` could overwrite what no build has written."""
    if target.exists() and not target.is_dir():
        raise CommandError(f"{target} is not a folder", 2)
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file() and not force:
        raise CommandError(
            f"{target} is not empty and was not written by `penny build`: --force writes there all "
            "the same",
            2,
        )


def write(site: Site, target: Path) -> int:
    """Write all files of `site` to `target` and return their size in bytes.

    `penny/` is replaced as a whole, so that no file of an earlier version stays there.
    """
    if (target / MARKER).is_file():
        shutil.rmtree(target / "penny")
    size = 0
    for name, content in [*site.files(), (HEADERS_FILE, _headers())]:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            shutil.copyfile(content, file)
        size += file.stat().st_size
    return size


def _headers() -> bytes:
    lines = ["/*", *(f"  {name}: {value}" for name, value in ISOLATION_HEADERS.items())]
    return ("\n".join(lines) + "\n").encode()
