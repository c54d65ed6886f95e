"""What a task finds around it as it is at its submitter.

That is `sys.path`, `os.environ`, the current directory and `sys.argv`; and what is set in modules
of the standard library, see `penny.mirror.settings`. A submitter asks for the `version` at each
submission, which takes them anew when they have changed; a worker that is to run a task which was
submitted under others than its last one applies those.

By name: a variable that a task sets, or a directory that it goes to, stays in that worker until the
submitter changes this very one. So does all else that a task changes in its worker.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from penny.mirror import frozen, settings
from penny.mirror.counting import Counter

__all__ = ["apply", "changed", "form", "settings_form", "take", "version", "watch"]


class Surroundings(NamedTuple):
    path: list[str]
    argv: list[str]
    environment: dict[str, str]
    directory: str | None


class _Seen:
    """How they were when they were last taken or applied here, for `changed`."""

    def __init__(self) -> None:
        self.environment: Mapping[Any, Any] = {}
        self.variables: Mapping[Any, Any] | None = None
        """Whose copy that is."""
        self.path: list[Any] = []
        self.argv: list[Any] = []
        self.moves = -1
        self.writes = -1


_seen = _Seen()
_version = 0
_form = b""
_fingerprint = b""
"""Of the settings, when `version` last asked."""
_moves = Counter()
"""Counts changes of the current directory, as far as `watch` sees them."""
_writes = Counter()
"""Counts what is written to the variables, once `watch` was called."""
_applied: Surroundings | None = None
"""What was last applied here."""
_began: Surroundings | None = None
"""How this interpreter was before."""


class _Variables(dict[Any, Any]):
    """The dictionary in which `os.environ` has the variables, which counts what is written."""


_WRITES = "__delitem__ __ior__ __setitem__ clear pop popitem setdefault update"
for _name in _WRITES.split():
    setattr(_Variables, _name, _writes.counting(getattr(dict, _name)))


def watch() -> None:
    """Take note of each `os.chdir`, and of each change of a variable, from now on.

    To ask for the directory, or to compare all variables, at each submission would take longer than
    all else.
    """
    variables = _variables()
    if type(variables) is dict:
        counting = _Variables(variables)
        for environ in os.environ, getattr(os, "environb", None):
            if getattr(environ, "_data", None) is variables:
                environ._data = counting  # type: ignore[union-attr]
    for name in "chdir", "fchdir":
        change = getattr(os, name, None)
        if change is None or hasattr(change, "__wrapped__"):
            continue
        watched = _moves.counting(change)
        for module in (os, sys.modules[os.name]):
            setattr(module, name, watched)
        if change in os.supports_fd:
            os.supports_fd.add(watched)


def changed() -> bool:
    """Whether something differs from what was last taken or applied here. Well below 1 µs."""
    return (
        sys.path != _seen.path
        or _moves.count != _seen.moves
        or sys.argv != _seen.argv
        or _variables_differ()
    )


def _variables_differ() -> bool:
    variables = _variables()
    writes = _writes.count
    if type(variables) is _Variables and variables is _seen.variables and writes == _seen.writes:
        return False
    if variables != _seen.environment:
        return True
    _seen.variables, _seen.writes = variables, writes  # written what was there
    return False


def version() -> int:
    """A number for what they are now here: another one, from 1 on, after each change."""
    global _version, _form, _fingerprint
    if not _version or changed() or settings.changed():
        now = take(), settings.take(settings.fingerprint)
        if now != (_form, _fingerprint):  # else they are again what they were
            _form, _fingerprint = now
            _version += 1
    return _version


def form() -> bytes:
    """They as they were at the last call of `version`, for `apply`."""
    return _form


def settings_form(dump: Callable[[object], bytes]) -> bytes:
    """The settings of modules as they are, for `penny.mirror.settings.apply`.

    Args:
        dump: Pickles a value for a worker; raises where it can't travel.
    """
    return settings.take(dump)


def take() -> bytes:
    """The surroundings as they are here, for `apply`. Equal bytes say the same."""
    now = _now()
    _see()
    return pickle.dumps(now, 5)


def apply(surroundings: bytes) -> None:
    """Make these the surroundings here: whatever differs from those that were applied before.

    Entries of `sys.path` that this interpreter began with stay, at the end. A directory that does
    not exist is made: files that a task writes there lie in its worker, as all do.

    Raises:
        ImportError: A variable is another than it was when packages were imported here.
        OSError: The directory can't be made or entered. All else is applied, and the next call
            tries again.
    """
    global _applied, _began
    if _began is None:
        _began = _now()
    old = _applied or _began
    new = Surroundings(*pickle.loads(surroundings))
    frozen.check(new.environment)
    for name, value in new.environment.items():
        if old.environment.get(name) != value:
            os.environ[name] = value
    for name in old.environment:
        if name not in new.environment:
            os.environ.pop(name, None)
    if new.argv != old.argv:
        sys.argv = list(new.argv)
    if new.path != old.path:
        sys.path[:] = new.path + [entry for entry in _began.path if entry not in new.path]
    _applied = new._replace(directory=old.directory)
    try:
        if new.directory is not None and new.directory != old.directory:
            os.makedirs(new.directory, exist_ok=True)
            os.chdir(new.directory)
    except OSError as error:
        error.add_note("(the current directory of whoever submitted the task can't be made here)")
        raise
    finally:
        if (new.path, new.directory) != (old.path, old.directory):
            importlib.invalidate_caches()  # what was no folder may be one now
        _see()
    _applied = new


def _now() -> Surroundings:
    try:
        directory = os.getcwd()
    except OSError:  # it was removed
        directory = None
    return Surroundings(
        [entry for entry in sys.path if isinstance(entry, str)],
        [argument for argument in sys.argv if isinstance(argument, str)],
        dict(os.environ),
        directory,
    )


def _variables() -> Mapping[Any, Any]:
    # Its own dict: to go through its methods would take ten times as long. It has none where
    # somebody has put another mapping in its place.
    try:
        return os.environ._data  # type: ignore[attr-defined, no-any-return]
    except AttributeError:
        return os.environ


def _see() -> None:
    _seen.path = list(sys.path)
    _seen.argv = list(sys.argv)
    _seen.variables = _variables()
    _seen.environment = dict(_seen.variables)
    _seen.moves = _moves.count
    _seen.writes = _writes.count


if sys.platform == "emscripten":
    watch()
