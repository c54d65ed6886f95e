"""What functions and classes are known by on all sides, and which of their attributes are new."""

from __future__ import annotations

import itertools
import random
import weakref
from types import CellType, FunctionType
from typing import Any, cast

from penny.by_value.watching import Watch

__all__ = [
    "Identity",
    "cell_identity",
    "cell_numbered",
    "cell_registered",
    "cells_used",
    "doubt",
    "identity_of",
    "known",
    "next_uid",
    "renew",
    "restore_versions",
    "versions_of",
]


class Identity:
    """The identity of a function or class that travels by value.

    Attributes:
        uid: The same on all sides.
        own: Whether it was made here. Then nothing that arrives changes it.
        versions: For each attribute the value that was sent last, and a number that goes up with
            each new one. Of what has arrived: None, and the number.
    """

    __slots__ = ("own", "uid", "versions")

    def __init__(self, uid: int, own: bool) -> None:
        self.uid = uid
        self.own = own
        self.versions: dict[str, tuple[_Last | None, int]] = {}

    def numbered(self, attributes: dict[str, Any]) -> dict[str, tuple[int, Any]]:
        """The attributes as they are sent: each with the number of its value."""
        versions = self.versions
        if self.own:
            for name, value in attributes.items():
                last, number = versions.get(name, (None, 0))
                if (
                    number == 0
                    or last is None
                    or last.value is not value
                    or (not last.whole and last.doubts != doubts)
                    or last.changed()
                ):
                    versions[name] = _Last(value), number + 1
            for name in versions.keys() - attributes.keys():
                # The number goes on if the name comes back.
                versions[name] = None, versions[name][1]
        return {name: (versions.get(name, (None, 0))[1], v) for name, v in attributes.items()}

    def renewed(self, numbered: dict[str, tuple[int, Any]]) -> tuple[dict[str, Any], set[str]]:
        """What has changed since it arrived last: new values, and names that are gone."""
        if self.own:
            return {}, set()
        new = {}
        for name, (number, value) in numbered.items():
            if self.versions.get(name, (None, -1))[1] != number:
                self.versions[name] = None, number
                new[name] = value
        gone = self.versions.keys() - numbered.keys()
        for name in gone:
            del self.versions[name]
        return new, gone


class _Last(Watch):
    """A value that was sent."""

    __slots__ = ("doubts", "value")

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value
        self.doubts = doubts


doubts = 0
"""How often what is too large to be watched was to be looked at again."""


def doubt() -> None:
    """Take what is too large to be watched as changed, when it is sent again."""
    global doubts
    doubts += 1


_uids = itertools.count()
_identities: dict[int, tuple[weakref.ref[Any], Identity]] = {}
_by_uid: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def renew() -> None:
    """Give other numbers from now on: at the start, and after one from a snapshot of memory."""
    global _uids
    _uids = itertools.count(random.SystemRandom().getrandbits(55) << 32)


renew()


def next_uid() -> int:
    """A number that nothing else has, in any interpreter."""
    return next(_uids)


def identity_of(value: Any, uid: int | None = None) -> Identity:
    """The identity of a function or class, which is made when it is first asked for.

    Args:
        value: Whatever can be weakly referenced. By identity: it may say that it equals others.
        uid: Of what has arrived; None: it was made here.
    """
    key = id(value)
    entry = _identities.get(key)
    if entry is not None and entry[0]() is value:
        return entry[1]
    identity = Identity(next_uid() if uid is None else uid, own=uid is None)

    def forget(reference: weakref.ref[Any]) -> None:
        if _identities.get(key, (None,))[0] is reference:
            del _identities[key]

    _identities[key] = weakref.ref(value, forget), identity
    _by_uid[identity.uid] = value
    return identity


def versions_of(value: Any) -> dict[str, Any]:
    """Which of its parts are here, for `restore_versions`."""
    identity = None if value is None else registered(value)
    return {} if identity is None else dict(identity.versions)


def restore_versions(value: Any, versions: dict[str, Any]) -> None:
    """Take what has arrived of its parts since as not here."""
    identity = registered(value)
    if identity is not None:
        identity.versions = versions
    for cell in getattr(value, "__closure__", None) or ():
        common = cell_registered(cell)
        if common is not None and not common.own:
            common.versions.clear()


# -- Cells -----------------------------------------------------------------------------------------


class _Cell:
    """A closure's cell that functions of several names may have in common.

    Cells can't be weakly referenced: it is known for as long as one of its functions is there.
    """

    __slots__ = ("functions", "identity", "unused")

    def __init__(self, identity: Identity, unused: CellType | None) -> None:
        self.identity = identity
        self.functions: list[tuple[weakref.ref[Any], int]] = []
        self.unused = unused

    def cell(self) -> CellType | None:
        if self.unused is not None:
            return self.unused
        for refer, index in self.functions:
            function = refer()
            if function is not None and len(function.__closure__ or ()) > index:
                return cast(CellType, function.__closure__[index])
        return None


_cells: dict[int, _Cell] = {}
_cells_by_uid: dict[int, _Cell] = {}
_cells_at_most = 1024


def cell_registered(cell: CellType) -> Identity | None:
    """The identity of a cell, if it has one."""
    entry = _cells.get(id(cell))
    return entry.identity if entry is not None and entry.cell() is cell else None


def cell_identity(cell: CellType) -> Identity:
    """The identity of a cell, made when it is first asked for. `cell_used` has to follow."""
    identity = cell_registered(cell)
    if identity is None:
        identity = Identity(next_uid(), own=True)
        _note_cell(cell, identity)
    return identity


def cell_numbered(uid: int) -> CellType:
    """The cell with that number; an empty one if it has not been here. `cell_used` follows."""
    entry = _cells_by_uid.get(uid)
    cell = None if entry is None else entry.cell()
    if cell is None:
        cell = CellType()
        _note_cell(cell, Identity(uid, own=False))
    return cell


def _note_cell(cell: CellType, identity: Identity) -> None:
    global _cells_at_most
    if len(_cells_by_uid) >= _cells_at_most:
        for uid, entry in list(_cells_by_uid.items()):
            if entry.cell() is None:
                del _cells_by_uid[uid]
        kept = {id(entry) for entry in _cells_by_uid.values()}
        for key, entry in list(_cells.items()):
            if id(entry) not in kept:
                del _cells[key]
        _cells_at_most = 2 * max(512, len(_cells_by_uid))
    _cells[id(cell)] = _cells_by_uid[identity.uid] = _Cell(identity, cell)


def cells_used(function: FunctionType) -> None:
    """Note that a function has cells that are known."""
    for index, cell in enumerate(function.__closure__ or ()):
        entry = _cells.get(id(cell))
        if entry is not None and entry.cell() is cell:
            alive = [pair for pair in entry.functions if pair[0]() is not None]
            if not any(refer() is function for refer, _ in alive):
                alive.append((weakref.ref(function), index))
            entry.functions, entry.unused = alive, None


def known(uid: int) -> Any:
    """The function or class with that number, if it is here; else None."""
    return _by_uid.get(uid)


def registered(value: Any) -> Identity | None:
    """The identity of a function or class, if it has one."""
    entry = _identities.get(id(value))
    return entry[1] if entry is not None and entry[0]() is value else None
