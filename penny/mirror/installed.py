"""What is installed where a program runs, so that its workers have the same.

The files themselves are what workers get: they are of the right version, whoever installed them and
from wherever, and nothing is fetched once more. What is there when a pool opens goes along in one
piece of shared memory (`web/penny/boot/installed.js`). What is installed later goes through the
function table, as what surrounds a task does, to workers that run already.
"""

from __future__ import annotations

import importlib
import os
import pickle
import posixpath
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

from penny.bridge import javascript
from penny.by_value.reducing import PROTOCOL
from penny.mirror.counting import Counter
from penny.mirror.modules import came_along_before, stay_here

__all__ = ["Beginning", "Later", "Stamp", "apply", "files", "left_out", "wheel_here"]

OWN = frozenset({"cloudpickle", "penny-runtime"})
"""Distributions that workers have anyway."""

HOSTS = frozenset(
    {
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

Stamp = tuple[int, int]
"""Whether a file is as it was: its size in bytes, and when it was changed, in ms since 1970."""


def files(packages: Iterable[str] = ()) -> dict[str, Stamp]:
    """What is installed here, but for the host's machinery: each file's path, and its stamp.

    With modules in other folders of `sys.path`, and wheels in the file system here.

    Args:
        packages: What workers are to have besides, of which some may be such wheels (`emfs:`).
    """
    if sys.platform != "emscripten":
        return {}  # workers there, if any, have the same folders
    found = javascript.files_in(ROOTS)
    found |= _modules_in(_folders())
    for package in packages:
        if (path := wheel_here(package)) is not None and os.path.isfile(path):
            found |= javascript.files_in([path])
    for folder, own in _hosts(found).items():
        paths = [*own, *_recorded_in(folder)]
        for path in paths:
            found.pop(path, None)
        if _name_of(folder) in HOSTS:
            stay_here(paths)
    return found


def _located(packages: Iterable[str]) -> list[str]:
    """These packages; wheels in the file system by absolute paths, as other workers know them."""
    return [
        package if (path := wheel_here(package)) is None else f"emfs:{os.path.abspath(path)}"
        for package in packages
    ]


def wheel_here(package: str) -> str | None:
    """The path of a wheel that is named as one in the file system: `emfs:/folder/a.whl`."""
    return package.removeprefix("emfs:") if package.startswith("emfs:") else None


MODULES_LIMIT = 2_000
MODULES_BYTES = 64 << 20
"""Files, and bytes, of a folder of `sys.path` beyond which none of it goes along: it holds more
than somebody's modules, and each is looked at whenever something was installed."""


def _folders() -> list[str]:
    """Folders of `sys.path` that no worker has: somebody's own, or editable installations'."""
    found = dict.fromkeys(os.path.abspath(each) for each in sys.path if isinstance(each, str))
    return [
        folder
        for folder in found
        if os.path.isdir(folder)
        and not any(f"{folder}/".startswith(f"{root}/") for root in ROOTS)
        and not any(f"{root}/".startswith(folder.rstrip("/") + "/") for root in ROOTS)
    ]


def _modules_in(folders: list[str]) -> dict[str, Stamp]:
    """The modules and packages at the top of these folders, with what else is in packages."""
    modules: dict[str, Stamp] = {}
    for folder in folders:
        found = javascript.files_in([folder])
        own = {path: stamp for path, stamp in found.items() if _is_module(path, folder, found)}
        if len(own) <= MODULES_LIMIT and sum(size for size, _ in own.values()) <= MODULES_BYTES:
            modules |= own
    return modules


def _is_module(path: str, folder: str, found: Mapping[str, Stamp]) -> bool:
    top, inside, rest = path.removeprefix(f"{folder}/").partition("/")
    if came_along_before(path) or "__pycache__" in rest:
        return False
    return f"{folder}/{top}/__init__.py" in found if inside else top.endswith((".py", ".so"))


def left_out() -> list[str]:
    """Names of distributions that are installed here, and whose files workers do not get."""
    names = {_name_of(entry) for entry in os.listdir(PACKAGES) if entry.endswith(_METADATA)}
    return sorted(names & (HOSTS | OWN))


_METADATA = ".dist-info"


def _name_of(folder: str) -> str:
    """The distribution with that folder of metadata."""
    name = posixpath.basename(folder).partition("-")[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _hosts(found: Mapping[str, Stamp]) -> dict[str, list[str]]:
    """Of distributions whose files workers do not get: the folder of metadata, and what is in it.

    What an installer has added there is in no RECORD.
    """
    folders: dict[str, list[str]] = {}
    for path in found:
        folder, metadata, _ = path.partition(f"{_METADATA}/")
        if metadata and _name_of(folder) in HOSTS | OWN:
            folders.setdefault(folder + _METADATA, []).append(path)
    return {folder: own for folder, own in folders.items() if f"{folder}/RECORD" in found}


def _recorded_in(folder: str) -> Iterator[str]:
    """A distribution's files, as the RECORD in its folder of metadata lists them."""
    around = posixpath.dirname(folder)
    with open(f"{folder}/RECORD", encoding="utf-8") as record:
        for line in record:
            if path := _recorded(line.rstrip("\n")):
                found = f"{around}/{path}"
                # To put each in its normal form would take most of the time.
                yield posixpath.normpath(found) if ".." in path or path[:1] == "/" else found


def _recorded(line: str) -> str:
    """The path in a line of a RECORD: path, hash and size, of which only the path may have commas.

    Without the module csv, which settings.py has to import first.
    """
    path = line.rsplit(",", 2)[0]
    return path[1:-1].replace('""', '"') if path.startswith('"') else path


# -- What comes later ----------------------------------------------------------------------------

_installs = Counter()
"""Counts what is done after something was installed, as whoever installs does."""


class _Form(NamedTuple):
    files: list[tuple[str, Stamp]]
    contents: bytes
    gone: list[str]


class Beginning(NamedTuple):
    """What of what is installed here a scheduler's workers begin with, and what comes after."""

    packages: list[str]
    """Names of Pyodide packages, or URLs of wheels."""
    files: dict[str, Stamp]
    left_out: list[str]
    later: Later | None
    """None: what is installed from now on is not for them."""

    @classmethod
    def of(cls, packages: Sequence[str] | None) -> Self:
        """That of a scheduler with these packages; None: not even what is installed here."""
        if packages is None:
            return cls([], {}, [], None)
        packages = _located(packages)
        found = files(packages)
        return cls(packages, found, left_out() if found else [], Later(found))


class Later:
    """What is installed after a scheduler was opened.

    Args:
        began: The files that its workers begin with.
    """

    installs = _installs

    def __init__(self, began: Mapping[str, Stamp]) -> None:
        self._began = began
        self._seen = _installs.count
        self._now = began
        self._version = 0
        self.form = b""
        """For `apply`, as it was at the last call of `version`."""

    def version(self) -> int:
        """A number for what there is now; 0: what workers began with."""
        if self._seen != _installs.count:
            self._seen = _installs.count
            now = files()
            if now != self._now:
                self._now = now
                self._version += 1
                self.form = self._since(now)
        return self._version

    def _since(self, now: Mapping[str, Stamp]) -> bytes:
        new = [(path, stamp) for path, stamp in now.items() if self._began.get(path) != stamp]
        gone = [path for path in self._began if path not in now]
        contents = javascript.contents([path for path, _ in new])
        return pickle.dumps(tuple(_Form(new, contents, gone)), PROTOCOL)


def apply(form: bytes) -> None:
    """Install here what is installed at the submitter.

    What has come with another form and is not in this one stays: nothing asks for it.

    Raises:
        ImportError: A module has been imported here that is another one now.
        OSError: A file can't be written.
    """
    later = _Form(*pickle.loads(form))
    imported = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    contents = memoryview(later.contents)
    at = 0
    for path, stamp in later.files:
        size, changed = stamp
        end = at + size
        if _stamp_of(path) != stamp:
            if path in imported:
                raise ImportError(
                    f"{path} has been replaced where the task was submitted, and its worker has "
                    "imported what was there before: open a new Scheduler",
                    path=path,
                )
            _write(path, contents[at:end], changed)
        at = end
    for path in later.gone:
        if os.path.exists(path):
            os.remove(path)
    importlib.invalidate_caches()


def _stamp_of(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns // 1_000_000


def _write(path: str, content: memoryview, changed: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.remove(path)  # its bytes are all workers'
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, ns=(changed * 1_000_000,) * 2)  # a .pyc knows that of its .py


def watch() -> None:
    """Take note, from now on, of whatever is installed here."""
    importlib.invalidate_caches = _installs.counting(importlib.invalidate_caches)


if sys.platform == "emscripten":
    watch()
