"""The form in which what a task raised crosses between workers.

With an exception go those that it refers to, as records that name each other by number.
"""

from __future__ import annotations

import os
import pickle
import traceback
from types import TracebackType
from typing import Any, NamedTuple

from penny import _current
from penny.by_value import PROTOCOL
from penny.errors import RemoteError, RemoteTraceback
from penny.payload import Payload
from penny.wire import dumps, loads, pack, qualified_name

__all__ = ["dumps_exception", "loads_exception", "pack_exception"]

# In the pickle of whatever refers to a shared array.
_ARRAYS = b"penny.arrays"

CHAIN_LIMIT = 100
"""Causes and contexts beyond this number stay behind, and then none is in the traceback's text:
printing a chain of thousands takes more stack than there is in a browser."""


class _Record(NamedTuple):
    """One exception among those that travel together; it refers to others by their index."""

    pickled: bytes | None
    """Itself, without those it refers to; of a group, its class, message and attributes."""

    type_name: str
    message: str
    notes: list[str]
    cause: int | None
    context: int | None
    suppress_context: bool
    members: list[int] | None
    """Of an exception group, the exceptions in it."""


def dumps_exception(error: BaseException) -> bytes:
    """The form in which an exception travels that a task raised. Never fails.

    With it go its traceback as text, its notes, its cause and context and theirs (all together
    at most `CHAIN_LIMIT`), and the members of an exception group.
    """
    return _dumps_chain([error])


def pack_exception(error: BaseException) -> bytes | Payload:
    """The same for a slot."""
    errors = [error]
    data = _dumps_chain(errors)
    if _ARRAYS not in data:
        return data
    arrays = {}
    for each in errors:
        for form in (each, _ByParts(each)):
            try:
                payload = pack(form)
            except Exception:
                continue
            if isinstance(payload, Payload):
                arrays.update({id(block): block for block in payload.arrays})
            break
    return Payload([data], arrays.values())


def _dumps_chain(errors: list[BaseException]) -> bytes:
    """The form of the one exception in the list, to which those are added that go with it."""
    error = errors[0]
    index = {id(error): 0}
    whole = True

    def link(other: BaseException | None) -> int | None:
        nonlocal whole
        if other is None:
            return None
        if len(errors) >= CHAIN_LIMIT and id(other) not in index:
            whole = False
            return None
        return place(other)

    def place(other: BaseException) -> int:
        if id(other) not in index:
            index[id(other)] = len(errors)
            errors.append(other)
        return index[id(other)]

    records = []
    for each in errors:  # grows meanwhile
        group = each if isinstance(each, BaseExceptionGroup) else None
        record = _Record(
            pickled=_dumps_one(each) if group is None else _dumps_group(group),
            type_name=qualified_name(type(each)),
            message=_message(each),
            notes=_notes(each),
            cause=link(each.__cause__),
            context=link(each.__context__),
            suppress_context=each.__suppress_context__,
            members=None if group is None else [place(member) for member in group.exceptions],
        )
        records.append(tuple(record))
    return pickle.dumps((_current.worker, _traceback_text(error, chain=whole), records), PROTOCOL)


def loads_exception(data: bytes) -> BaseException:
    """The exception that `dumps_exception` was given. Never fails.

    Its `__cause__` is a RemoteTraceback, which shows the worker's traceback and keeps the cause
    that it had there. An exception that could not be pickled, or whose class can't be imported
    here, is a RemoteError.
    """
    worker, text, fields = pickle.loads(data)
    records = [_Record(*record) for record in fields]
    errors: dict[int, BaseException] = {}
    for i in range(len(records)):
        _rebuild(i, records, errors)
    for i, record in enumerate(records):
        errors[i].__cause__ = None if record.cause is None else errors[record.cause]
        errors[i].__context__ = None if record.context is None else errors[record.context]
        errors[i].__suppress_context__ = record.suppress_context
    error = errors[0]
    error.__cause__ = RemoteTraceback(text, worker, error.__cause__)
    return error


def _rebuild(i: int, records: list[_Record], errors: dict[int, BaseException]) -> BaseException:
    """The exception of a record; a group after its members, which never contain it."""
    if i in errors:
        return errors[i]
    record = records[i]
    if record.members is None:
        error = _loads_one(record)
    else:
        error = _loads_group(record, [_rebuild(j, records, errors) for j in record.members])
    errors[i] = error
    return error


def _dumps_one(error: BaseException) -> bytes | None:
    """An exception without those it refers to; None if it can't be pickled and unpickled."""
    # Unpickling calls the class with `args`, which fails for constructors that take anything else.
    # Then the parts are put together without the constructor.
    for form in (error, _ByParts(error)):
        try:
            data = dumps(form)
            if type(loads(data)) is type(error):
                return data
        except Exception:
            continue
    return None


class _ByParts:
    """Pickles as an exception that is put together from its parts, its constructor not called."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        return _from_parts, (type(error), error.args, error.__dict__)


def _from_parts(
    cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]
) -> BaseException:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


def _loads_one(record: _Record) -> BaseException:
    if record.pickled is not None:
        try:
            error = loads(record.pickled)
            if isinstance(error, BaseException):
                return error
        except Exception:
            pass
    remote = RemoteError(record.type_name, record.message)
    for note in record.notes:
        remote.add_note(note)
    return remote


def _dumps_group(error: BaseExceptionGroup[Any]) -> bytes | None:
    try:
        return dumps((type(error), error.message, error.__dict__))
    except Exception:
        return None


def _loads_group(record: _Record, members: list[BaseException]) -> BaseException:
    if record.pickled is not None:
        try:
            cls, message, attributes = loads(record.pickled)
            group = cls(message, members)
            if isinstance(group, BaseExceptionGroup):
                group.__dict__.update(attributes)
                return group
        except Exception:
            pass
    group = BaseExceptionGroup(f"{record.type_name}: {record.message}", members)
    for note in record.notes:
        group.add_note(note)
    return group


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<its __str__ failed>"


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def _notes(error: BaseException) -> list[str]:
    try:
        return [str(note) for note in getattr(error, "__notes__", ())]
    except Exception:  # anything may have been assigned
        return []


def _traceback_text(error: BaseException, chain: bool) -> str:
    """The traceback as the interpreter would print it, from the task's own code on."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        frames = frames.tb_next
    try:
        if chain:
            return "".join(traceback.format_exception(type(error), error, frames))
        lines = ["Traceback (most recent call last):\n", *traceback.format_tb(frames)]
    except Exception:
        lines = []
    return "".join(lines) + f"{qualified_name(type(error))}: {_message(error)}\n"
