"""Headers: what a pickle needs of the submitter's modules, said before it.

A header is a list of items. An item is a tuple: module, name (None: only what other items refer
to), number, version, place, form. The number is that of the value; the version goes up when a
function or class of that number changes. The form is the value's pickle; or empty, and the value is
in the *bundle* at that place of the function table (`penny.mirror.bundles`).
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "AROUND",
    "GONE",
    "INSTALLED",
    "OFFERS",
    "REMEMBERED",
    "SETTINGS",
    "SURROUNDINGS",
    "Header",
    "Item",
    "header_opcodes",
    "is_part",
    "joined",
    "opcodes",
    "read",
]

SURROUNDINGS = ""
"""The module of the item that is about the interpreter: path, environment, directory, arguments."""

SETTINGS = "!"
"""The module of the item that is about what is set in modules of the standard library."""

INSTALLED = "+"
"""The module of the item that is about what has been installed since the scheduler was opened."""

AROUND = (SURROUNDINGS, SETTINGS, INSTALLED)

OFFERS = "?"
"""The module of items that say what else a module has, their name, in case somebody asks for it."""

GONE = b"gone"
"""The form of a name that the submitter has deleted."""

REMEMBERED = 256
"""Headers that are remembered: what they say, and as seen to. A program that makes a
function for each task has one for each."""


class Item(NamedTuple):
    """What a header says of one name."""

    module: str
    name: str | None
    uid: int
    version: int
    place: int
    form: bytes


def header_opcodes(items: Iterable[Item]) -> bytes:
    """What is put before a pickle so that loading it installs the items first."""
    return opcodes(pickle.dumps([tuple(item) for item in items], 5))


def opcodes(data: bytes) -> bytes:
    """A header, as `read` takes it, as what is put before a pickle."""
    # Called, and its result dropped. No memo: the pickle that follows counts its own from 0.
    size = len(data).to_bytes(4, "little")
    called = b"cpenny.mirror.mirror\ninstall\nB" + size + data + b"\x85R0"
    # Large data that follows is aligned in its own pickle.
    padding = -len(called) % 8
    return called + (
        b"K\0" + b"0" + b"N0" * ((padding - 3) % 8 // 2) if padding % 2 else b"N0" * (padding // 2)
    )


class Header(NamedTuple):
    """What a header says.

    Attributes:
        items: Its items, in their order.
        every: The items.
        uids: The numbers in it.
        names: The names in it, with their modules.
    """

    items: list[Item]
    every: frozenset[Item]
    uids: set[int]
    names: set[tuple[str, str]]


@functools.lru_cache(REMEMBERED)
def read(header: bytes) -> Header:
    """What a header says; an empty one says nothing."""
    items = [Item(*item) for item in pickle.loads(header)] if header else []
    return Header(
        items,
        frozenset(items),
        {item.uid for item in items},
        {(item.module, item.name) for item in items if item.name is not None},
    )


def joined(function: bytes, arguments: bytes) -> bytes:
    """The header that says what two say: a task's function and its arguments have one each."""
    if not arguments or function == arguments:
        return function
    return _joined(function, arguments) if function else arguments


@functools.lru_cache(REMEMBERED)
def _joined(function: bytes, arguments: bytes) -> bytes:
    items = dict.fromkeys(read(function).items)
    items.update(dict.fromkeys(read(arguments).items))
    return pickle.dumps([tuple(item) for item in items], 5)


def is_part(header: bytes, whole: bytes) -> bool:
    """Whether another header says all that one says."""
    items = read(whole).every
    return all(item in items for item in read(header).items)
