"""Returning and handing on: what a worker pickles, which has but mirrors of modules.

Functions and classes of the submitter's go by reference, with their number. The submitter has them
all, so a *result* needs no header. A *job* may be taken by a worker that lacks what this one has:
it is pickled with the header of its task, whose bundles the submitter holds until that ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextvars import ContextVar
from types import FunctionType, ModuleType
from typing import Any

from penny.by_value.names import Pickling, is_importable, set_names
from penny.mirror import defined, headers, mirror
from penny.mirror.headers import Item
from penny.mirror.mirror import Mirror, MirrorModule

__all__ = ["Jobs", "Results", "agrees", "for_jobs", "header_now", "of_task"]


class for_jobs:
    """While it is entered, what is pickled here is for another worker.

    Args:
        header: What the task needs whose jobs they are: that is still in the table.
    """

    def __init__(self, header: bytes) -> None:
        self._header = header

    def __enter__(self) -> None:
        self._outer = _header_of_task.set(self._header)
        self._names = set_names(None if mirror.here is None else Jobs(mirror.here))

    def __exit__(self, *_: object) -> None:
        set_names(self._names)
        _header_of_task.reset(self._outer)


_header_of_task: ContextVar[bytes] = ContextVar("header_of_task", default=b"")


def of_task(header: bytes) -> None:
    """From now on, in this context, what is pickled for jobs is for those of a task."""
    _header_of_task.set(header)


def header_now() -> bytes:
    """What the task needs for whose jobs is pickled now."""
    return _header_of_task.get()


def agrees(header: bytes) -> bool:
    """Whether what a header says is part of what the task needs for whose jobs is pickled now."""
    now = header_now()
    return not header or header == now or headers.is_part(header, now)


class Results:
    """Names for results: the submitter has all of it."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def begin(self) -> Pickling:
        """See `by_value.names.Names`."""
        return _Returning(self._mirror)

    def looks_foreign(self, data: bytes) -> bool:
        """See `by_value.names.Names`."""
        return self._mirror.looks_foreign(data)


class Jobs(Results):
    """Names for jobs: the worker that takes one may lack what this one has."""

    def begin(self) -> Pickling:
        """See `by_value.names.Names`."""
        return _Handing(self._mirror)


class _Returning:
    """One pickling of a worker's, of a result."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self.items: dict[int, Item] = {}
        self.used: dict[tuple[str, str], None] = {}

    def reference(self, value: Any) -> Any:
        by_source = defined.reference(value)
        if by_source is not None:
            return by_source
        found = self._mirror.reference(value)
        if found is not None:
            self.items[found[0].uid] = found[0]
            return found[1]
        return NotImplemented if is_importable(value) and not self._mirrors(value) else None

    def _mirrors(self, value: Any) -> bool:
        return isinstance(sys.modules.get(value.__module__), MirrorModule)

    def module_of(self, function: FunctionType) -> Any:
        by_source = defined.globals_of(function)
        if by_source is not None:
            return by_source
        key = self._mirror.key_of(function.__globals__)
        if key is not None:
            return key
        name = function.__globals__.get("__name__", "")
        module = sys.modules.get(name)
        return name if module is not None and module.__dict__ is function.__globals__ else None

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        if type(value) is FunctionType:
            module = self.module_of(value)
            if isinstance(module, str):
                self.used.update(((module, name), None) for name in uses)

    def named(self, value: Any, name: str) -> Any:
        return name

    def finds(self, module: ModuleType) -> bool:
        return True  # what is mirrored here is there

    def imports(self, module: ModuleType) -> bool:
        return not isinstance(module, MirrorModule)

    def header(self) -> bytes:
        return b""


class _Handing(_Returning):
    """One pickling of a worker's, of a job."""

    def header(self) -> bytes:
        if not self.items and not self.used:
            return b""
        # What its task needs is in the table for as long as that runs, and jobs end before.
        # Anything else that is here came for another task, whose job this may be: a finalizer's,
        # which runs on top of whatever runs. It brings what it came with.
        header = header_now()
        needs = headers.read(header)
        foreign = [item for uid, item in self.items.items() if uid not in needs.uids]
        for module, name in self.used:
            if (module, name) not in needs.names:
                item = self._mirror.item_of(module, name)
                if item is not None and item.uid not in self.items:
                    foreign.append(item)
        if foreign:
            more = {
                each: None
                for item in foreign
                for each in self._mirror.needed_with(item)
                if each == item
                or (each.uid not in needs.uids and (each.module, each.name) not in needs.names)
            }
            return headers.header_opcodes([*needs.items, *more])
        return headers.opcodes(header) if header else b""
