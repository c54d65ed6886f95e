"""What a Penny site consists of: the one mapping from URL paths to files.

`penny serve` and `penny run` look paths up in it, `penny build` writes all of it down::

    /                          the playground, or index.html of the user's folder
    /playground/*              what that page loads, if it is the playground
    /penny.js                  the script tag, from web/ (like any other file at its top)
    /penny/*.js                the runtime's JavaScript, from web/penny/; of a built site in few
                               small files, from web/bundled/penny/, with source maps
    /penny/core.wasm           the scheduler's core, from penny/wasm_core/
    /penny/python.zip          the Python packages penny and cloudpickle
    /penny/apart.json          modules of penny that a built site fetches when they are imported
    /penny/snapshot-<key>.bin  a memory snapshot with those imported; there may be none
    /penny/pyodide/*           Pyodide, its WebAssembly with a guard (pyodide_wasm.py)
    /penny/manifest.json       the names of the above, relative to itself; the page reads it first

Pyodide may lie elsewhere, at a URL; its WebAssembly is here all the same, with the guard.

Penny's own files lie inside the package when it is installed, beside it in a checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from penny.cli import bundle
from penny.cli.errors import CommandError
from penny.cli.pyodide import MAGIC_NUMBER, PYODIDE_VERSION, PYTHON_VERSION, cache_folder
from penny.cli.pyodide_wasm import WASM, guarded_file

Content = Path | bytes
"""What a URL path stands for: a file on disk, or bytes made in memory."""

PACKAGE = Path(__file__).resolve().parents[1]

APART = "apart.json"

_PYODIDE_NOT_SERVED = {".html", ".map", ".md", ".ts"}


DISTRIBUTION = "penny-runtime"
"""What the package is called on PyPI and npm, where `penny` is another's."""


def penny_version() -> str:
    """Return the version of the installed distribution."""
    return version(DISTRIBUTION)


def web_folder(package: Path = PACKAGE) -> Path:
    """Return the folder of Penny's web files: penny/web when installed, ../web in a checkout."""
    installed = package / "web"
    return installed if installed.is_dir() else package.parent / "web"


@dataclass(frozen=True)
class _Mount:
    """The files of `folder` at the URL paths `prefix` + their relative path."""

    prefix: str
    folder: Path
    suffixes: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    deep: bool = True
    only: Callable[[str], bool] | None = None

    def find(self, path: str) -> Path | None:
        if not path.startswith(self.prefix):
            return None
        name = path.removeprefix(self.prefix)
        file = self.folder / name
        return file if self._serves(PurePosixPath(name)) and os.path.isfile(file) else None

    def files(self) -> Iterator[tuple[str, Path]]:
        for file in sorted(self.folder.rglob("*") if self.deep else self.folder.iterdir()):
            name = PurePosixPath(file.relative_to(self.folder).as_posix())
            if file.is_file() and self._serves(name):
                yield f"{self.prefix}{name}", file

    def _serves(self, name: PurePosixPath) -> bool:
        return (
            (self.deep or len(name.parts) == 1)
            and name.suffix not in self.without
            and (self.only is None or self.only(str(name)))
            and (self.suffixes is None or name.suffix in self.suffixes)
        )


class Site:
    """A site's files by URL path.

    Penny's own paths come first, so that a folder which happens to have a `penny/` of its own (a
    checkout of Penny, a site built earlier) does not mix two versions.

    Args:
        pyodide: The folder of Pyodide's files.
        folder: The user's files, if any.
        snapshot: The memory snapshot's file, if there is one; `.gz` for a compressed one.
        python: python.zip; made from the installed packages if not given.
        run: Whether the page that `penny run` opens is part of the site.
        bench: Whether that of `penny bench` is.
        small: Whether the runtime's JavaScript comes in few small files.
        apart: Modules that `python` has not, as `prose.lean_packages` gives them.
        wheels: File names of the wheels in Pyodide's folder that are part of the site; all if not
            given.
        pyodide_url: Where pages find Pyodide and its packages, if that is not the site itself.
        more: Other files, by their paths without the leading `/`.
        package: Where the package `penny` lies.

    Raises:
        CommandError: the core was not built, or the playground's editor.
    """

    def __init__(
        self,
        *,
        pyodide: Path,
        folder: Path | None = None,
        snapshot: Path | None = None,
        python: bytes | None = None,
        run: bool = False,
        bench: bool = False,
        small: bool = False,
        wheels: Container[str] | None = None,
        apart: bytes | None = None,
        pyodide_url: str | None = None,
        more: Mapping[str, Content] | None = None,
        package: Path = PACKAGE,
    ) -> None:
        core = package / "wasm_core" / "core.wasm"
        if not core.is_file():
            raise CommandError(f"{core} does not exist: build it with `make core`")
        web = web_folder(package)
        self._single: dict[str, Content] = {
            "penny/core.wasm": core,
            "penny/python.zip": bundle.python_packages() if python is None else python,
            "penny/manifest.json": _manifest(snapshot, pyodide_url, apart is not None),
        }
        if apart is not None:
            self._single[f"penny/{APART}"] = apart
        self._single |= more or {}
        if snapshot is not None:
            self._single[f"penny/{snapshot.name}"] = snapshot
        if (pyodide / WASM).is_file():
            self._single[f"penny/pyodide/{WASM}"] = guarded_file(pyodide, cache_folder())

        def is_part(name: str) -> bool:
            if pyodide_url is not None:
                return name == WASM
            return wheels is None or not name.endswith(".whl") or name in wheels

        self._mounts = [
            _Mount("penny/pyodide/", pyodide, without=frozenset(_PYODIDE_NOT_SERVED), only=is_part),
            _runtime(web, small=small),
            _Mount("", web, deep=False),
        ]
        if run:
            self._mounts.append(_Mount("run/", web / "run"))
        if bench:
            self._mounts.append(_Mount("bench/", web / "bench"))
        shows_playground = folder is None or not (folder / "index.html").is_file()
        if shows_playground:
            self._mounts += _playground(web, needed=not (run or bench))
        if folder is not None:
            self._mounts.append(_Mount("", folder))
        if shows_playground:
            self._mounts.append(_Mount("", web / "playground", only="index.html".__eq__))

    def find(self, path: str) -> Content | None:
        """Return what a URL path (decoded, starting with `/`) stands for, or None.

        A path that ends in `/` stands for the index.html in it. None for a path that would leave
        the site's folders; symbolic links in them are followed.
        """
        parts = path.split("/")
        if not path.startswith("/") or "\\" in path or "\0" in path:
            return None
        if any(part in ("", ".", "..") for part in parts[1:-1]) or parts[-1] == "..":
            return None
        name = path[1:] if parts[-1] else f"{path[1:]}index.html"
        if name in self._single:
            return self._single[name]
        return next((file for mount in self._mounts if (file := mount.find(name))), None)

    def files(self) -> Iterator[tuple[str, Content]]:
        """Yield every file of the site once, as its path without the leading `/`, and content."""
        seen = set(self._single)
        yield from self._single.items()
        for mount in self._mounts:
            for name, file in mount.files():
                if name not in seen:
                    seen.add(name)
                    yield name, file


def _runtime(web: Path, *, small: bool) -> _Mount:
    if not small:
        return _Mount("penny/", web / "penny", suffixes=frozenset({".js"}))
    folder = web / "bundled" / "penny"
    if not (folder / "page.js").is_file():
        raise CommandError(f"{folder} does not exist: build it with `make bundles`")
    return _Mount("penny/", folder)


def _playground(web: Path, *, needed: bool) -> list[_Mount]:
    """Return where the playground's files are; those that are built go before their sources."""
    built = web / "bundled" / "playground"
    if not (built / "editor.js").is_file():
        if needed:
            raise CommandError(f"{built} does not exist: build it with `make bundles`")
        return []
    page = frozenset({".html"})
    prefix = "playground/"
    return [_Mount(prefix, built), _Mount(prefix, web / "playground", without=page)]


def _manifest(snapshot: Path | None, pyodide_url: str | None, apart: bool) -> bytes:
    manifest = {
        "version": penny_version(),
        "pyodide": "pyodide/" if pyodide_url is None else pyodide_url,
        "pyodideWasm": f"pyodide/{WASM}",
        "pyodideVersion": PYODIDE_VERSION,
        "pythonVersion": PYTHON_VERSION,
        "magicNumber": MAGIC_NUMBER,
        "python": "python.zip",
        **({"apart": APART} if apart else {}),
        "core": "core.wasm",
        "snapshot": snapshot.name if snapshot else None,
    }
    return (json.dumps(manifest, indent=2) + "\n").encode()
