"""Importing packages into a memory snapshot from which all workers of a pool start.

What a module finds as it is imported, all of them then have found. So an import that depends on
what differs between workers, or between now and later, refuses the snapshot: it looks at the clock
or at random bytes, at files outside of the packages, it prints. Variables of the environment are
written down: the snapshot is for pools that have the same. Page: `web/penny/boot/snapshots.md`.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import pickle
import random
import sys
import time
from collections.abc import Iterator, Mapping, Set
from importlib.machinery import PathFinder
from types import CodeType, FrameType
from typing import Any, NamedTuple

from penny.mirror import frozen, settings
from penny.mirror.installed import PACKAGES, ROOTS
from penny.mirror.surroundings import take

__all__ = ["import_all", "imported", "shadowed", "so_far"]

imported: list[str] = []
"""Modules of packages that were imported here before the worker began: it comes from a snapshot."""

RENEWED = (f"{PACKAGES}/numpy/",)
"""Whose random numbers begin anew in each worker (`renewed.py`), whatever they began with."""

CLOCKS = "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time localtime"
_REFUSED: dict[Any, str] = {getattr(time, name): "reads the clock" for name in CLOCKS.split()}
_REFUSED |= {
    os.urandom: "takes random bytes",
    os.getpid: "asks for the number of its process",
    os.getcwd: "asks for the current directory",
}
_METHODS = {"now", "utcnow", "today"}  # of datetime's classes
_ENVIRON: Any = type(os.environ)
_GET: CodeType = _ENVIRON.__getitem__.__code__
_ALL = {_ENVIRON.__iter__.__code__, _ENVIRON.__len__.__code__, _ENVIRON.copy.__code__}


def so_far() -> str:
    """The modules of packages that are imported here, in order, and the libraries among them.

    As JSON: what the snapshot for the next workers is to have.
    """
    modules, libraries = [], []
    for name, module in list(sys.modules.items()):
        if _is_packages(module) and getattr(module, "__name__", None) == name:
            modules.append(name)
            if str(module.__file__).endswith(".so"):
                libraries.append(module.__file__)
    return json.dumps({"modules": modules, "libraries": libraries})


def places() -> str:
    """Where imports look: below `roots`, and at the paths `known`. As JSON."""
    known = [path.rstrip("/") or "/" for path in sys.path]
    roots = [f"{root}/" for root in (*ROOTS, "/dev")] + [path for path in known if "." in path]
    return json.dumps({"roots": roots, "known": [*known, os.getcwd(), "/", ""]})


def import_all(modules: str) -> str:
    """Import modules, and say what came of it.

    Args:
        modules: Their names, as JSON.

    Returns:
        As JSON: `refused`, why there can't be a snapshot, or ""; and `variables`, what was read of
        the environment, None for those that were not set.
    """
    settings.begin()
    before = set(sys.modules)
    watch = _Watch()
    state = random.getstate()
    generators = _generators()
    streams = _referrers()
    around = _around()
    sys.setprofile(watch)
    try:
        for name in json.loads(modules):
            importlib.import_module(name)
    except BaseException as error:
        watch.refuse(f"{type(error).__name__}: {error}")
    finally:
        sys.setprofile(None)
    new = [name for name in sys.modules if name not in before]
    imported.extend(name for name in new if _is_packages(sys.modules[name]))
    importlib.invalidate_caches()
    gc.collect()
    if random.getstate() != state:
        watch.refuse("the random numbers of all are not those that they were")
    if _generators() > generators:
        watch.refuse("there is a new generator of random numbers")
    for what in _differing(around, _around()):
        watch.refuse(f"they change {what}, which a submitter may have set")
    if _referrers() > streams:
        watch.refuse("sys.stdout or sys.stderr is kept")
    frozen.variables.update(watch.variables)
    return json.dumps({"refused": watch.refused, "variables": watch.variables})


def _is_packages(module: object) -> bool:
    return str(getattr(module, "__file__", "")).startswith(ROOTS)


class _Around(NamedTuple):
    """What a submitter may have set, and then is applied by name."""

    surroundings: bytes
    settings: Mapping[tuple[Any, ...], bytes]
    loggers: Set[str]


def _around() -> _Around:
    forms = pickle.loads(settings.take(settings.fingerprint))
    return _Around(take(), forms, {"", *logging.root.manager.loggerDict})


def _differing(before: _Around, after: _Around) -> Iterator[str]:
    """What is another now, but for loggers that are new.

    Those are applied by name, each by itself, and nothing of a module's own is lost by that: lists
    are replaced as a whole.
    """
    if after.surroundings != before.surroundings:
        yield "variables, sys.path or sys.argv"
    for key in {*before.settings, *after.settings}:
        if before.settings.get(key) != after.settings.get(key):
            is_new = key[1:2] == ("logger",) and key[2] not in before.loggers
            if not is_new:
                yield f"settings of {key[0]} ({key[1]})"


def _generators() -> int:
    """How many generators of random numbers there are, but for those that keep no state."""
    kinds = [type(each) for each in gc.get_objects()]  # isinstance() would ask lazy objects
    own = [kind for kind in kinds if issubclass(kind, random.Random)]
    return sum(not issubclass(kind, random.SystemRandom) for kind in own)


def _referrers() -> int:
    streams = [stream for stream in (sys.stdout, sys.stderr, sys.__stderr__) if stream]
    return sum(sys.getrefcount(stream) for stream in streams)


class _Watch:
    """Sees each call while modules are imported; a profiler, so that nothing has to be replaced."""

    def __init__(self) -> None:
        self.refused = ""
        self.variables: dict[str, str | None] = {}

    def refuse(self, why: str) -> None:
        self.refused = self.refused or why

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call":
            self._called(frame, arg)
        elif event == "call":
            if frame.f_code is _GET:
                self._read(frame.f_locals["key"])
            elif frame.f_code in _ALL:
                self.refuse(f"{_who(frame)} looks at all variables of the environment")

    def _read(self, name: object) -> None:
        if isinstance(name, str):
            value = os.environ._data.get(os.environ.encodekey(name))  # type: ignore[attr-defined]
            found = None if value is None else os.environ.decodevalue(value)
            self.variables.setdefault(name, found)

    def _called(self, frame: FrameType, function: Any) -> None:
        try:
            why = _REFUSED.get(function)
        except TypeError:  # a method of what has no hash
            return
        if why is None:
            if getattr(function, "__name__", "") not in _METHODS:
                return
            if getattr(function.__self__, "__module__", "") != "datetime":
                return
            why = "reads the clock"
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return
        who = _who(frame)
        if function is os.urandom and who.startswith(RENEWED):
            return
        self.refuse(f"{who} {why} as it is imported")


def _who(frame: FrameType) -> str:
    """The file of the innermost frame that is a package's."""
    inner: FrameType | None = frame
    while inner is not None:
        if inner.f_code.co_filename.startswith(PACKAGES):
            return inner.f_code.co_filename
        inner = inner.f_back
    return frame.f_code.co_filename


def shadowed() -> str:
    """The imported modules that others come before on the path here, as JSON."""
    found = []
    for name in imported:
        if "." not in name:
            spec = PathFinder.find_spec(name)
            mine = sys.modules[name].__spec__
            if spec is None or mine is None or spec.origin != mine.origin:
                found.append(name)
    return json.dumps(found)
