"""Arguments that come again with many tasks: copied to each worker once.

The data of a grid search is an argument of each of its fits. `Recurring` has such values lie in a
SharedArray, as their pickles; what travels with a task is a `Copied` of a few bytes, and a worker
copies the pickle once. Each call has an object of its own, unpickled for it, so that a call which
changes its argument disturbs no other. In very large arrays it can't: the elements are the worker's
one copy, and read-only, as those that joblib's processes get.

What a value was when it was sent is compared each time it comes again, so that one which has been
changed in between is sent anew.
"""

from __future__ import annotations

import io
import itertools
import pickle
import uuid
import zlib
from collections import OrderedDict
from typing import Any, NamedTuple

import penny

__all__ = ["Copied", "Recurring"]

SMALLEST = 4096
"""Bytes below which it pays to send a value with each task."""

KNOWN = 64
"""How many values are remembered, those that came last."""

KEPT = 256 << 20
"""How many bytes a worker keeps, those that were asked for last."""

_ALIGNED = 64

# What plain pickle carries as Penny does, whatever the script defines.
_PACKAGES = {"_codecs", "array", "builtins", "collections", "copyreg", "datetime", "decimal"}
_PACKAGES |= {"fractions", "numpy", "pandas", "pathlib", "polars", "pyarrow", "re", "scipy", "uuid"}
_TINY = (int, float, complex, bool, type(None), type, type(len), type(zlib))


class _Other(Exception):
    """The value holds what only Penny's own pickling knows how to send."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        kind = value if isinstance(value, type) or callable(value) else type(value)
        if (getattr(kind, "__module__", None) or "").partition(".")[0] not in _PACKAGES:
            raise _Other
        return NotImplemented


class Copied(NamedTuple):
    """Stands for a value, in a task's arguments."""

    key: tuple[str, int]
    """Of all keys that ever were, in any interpreter, this one is this value's."""

    pickled: penny.SharedArray
    """The pickle, and after it the buffers that it takes."""

    sizes: list[int]
    """Bytes of each of these."""

    writable: bool
    """Whether each call has elements of its own, too."""

    def load(self) -> Any:
        """An object like the value, made for this call."""
        data = _kept(self)
        pieces, start = [], 0
        for size in self.sizes:
            pieces.append(data[start : start + size])
            start += -(-size // _ALIGNED) * _ALIGNED
        buffers = [bytearray(piece) for piece in pieces[1:]] if self.writable else pieces[1:]
        return pickle.loads(pieces[0], buffers=buffers)


class _Value:
    """A value that came."""

    def __init__(self, value: Any, task: int) -> None:
        self.value = value  # held, so that nothing else gets its identity
        self.task = task
        self.digest: tuple[int, ...] | None = None
        self.copied: Copied | None = None
        self.refused = False


class Recurring:
    """The values that came with the tasks of one call, by identity.

    Args:
        scheduler: Whose tasks they are; None: the one that runs this task.
        read_only: Bytes in arrays from which on a value is shared at once, and its elements are
            read-only; None: none is.
    """

    def __init__(self, scheduler: penny.Scheduler | None, read_only: int | None) -> None:
        self._scheduler = scheduler
        self._read_only = read_only
        self._values: OrderedDict[int, _Value] = OrderedDict()
        self._name = uuid.uuid4().hex
        self._numbers = itertools.count()

    def replaced(self, value: Any, task: int) -> Any:
        """The value, or what stands for it in the arguments of this task.

        Args:
            value: An argument.
            task: A number that this task has and no other.
        """
        if isinstance(value, _TINY) or _size(value) < SMALLEST:
            return value
        known = self._values.get(id(value))
        if known is None:
            known = self._values[id(value)] = _Value(value, task)
            if len(self._values) > KNOWN:
                self._values.popitem(last=False)
            large = self._read_only is not None and _nbytes(value) > self._read_only
            if not large:
                return value
        elif known.task == task and known.copied is None:
            return value
        else:
            self._values.move_to_end(id(value))
        if known.refused:
            return value
        if known.copied is None or known.task != task:
            self._share(known)
            known.task = task
        return value if known.copied is None else known.copied

    def _share(self, known: _Value) -> None:
        buffers: list[pickle.PickleBuffer] = []
        file = io.BytesIO()
        try:
            _Pickler(file, 5, buffer_callback=buffers.append).dump(known.value)
            pieces = [file.getbuffer(), *(buffer.raw() for buffer in buffers)]
        except Exception:  # whatever it is: the task's own pickling says what is wrong, if anything
            known.refused, known.copied = True, None
            return
        sizes = [piece.nbytes for piece in pieces]
        digest = *sizes, *map(zlib.crc32, pieces), *map(zlib.adler32, pieces)
        if known.copied is not None and digest == known.digest:
            return
        known.copied = None
        total = sum(-(-size // _ALIGNED) * _ALIGNED for size in sizes)
        if total < SMALLEST:
            known.refused = True
            return
        try:
            array = penny.SharedArray(total, "uint8", scheduler=self._scheduler)
        except MemoryError:
            return
        start = 0
        for piece in pieces:
            array[start : start + piece.nbytes] = piece
            start += -(-piece.nbytes // _ALIGNED) * _ALIGNED
        writable = self._read_only is None or sum(sizes[1:]) <= self._read_only
        key = self._name, next(self._numbers)
        known.digest, known.copied = digest, Copied(key, array, sizes, writable)


def _size(value: Any) -> int:
    """About how many bytes it has; of what says nothing about it, many."""
    nbytes = _nbytes(value)
    if nbytes:
        return nbytes
    try:
        return len(value) * (1 if isinstance(value, (str, bytes, bytearray)) else 8)
    except Exception:
        return SMALLEST


def _nbytes(value: Any) -> int:
    size = getattr(value, "nbytes", 0)
    return size if isinstance(size, int) else 0


# -- In workers ----------------------------------------------------------------------------------

_copies: OrderedDict[tuple[str, int], memoryview] = OrderedDict()


def _kept(copied: Copied) -> memoryview:
    data = _copies.get(copied.key)
    if data is None:
        data = _copies[copied.key] = copied.pickled.read().toreadonly()
        while len(_copies) > 1 and sum(each.nbytes for each in _copies.values()) > KEPT:
            _copies.popitem(last=False)
    else:
        _copies.move_to_end(copied.key)
    return data
