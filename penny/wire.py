"""The pickled form in which arguments, results and exceptions cross between workers.

Plain pickle, protocol 5, wherever it will do; by value (`penny.by_value`) where it won't, and for
whatever refers to `__main__`, which is another module on the other side. What can't be pickled at
all is an error that says where in the value the culprit sits (`penny.culprits`).
"""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from penny import _current
from penny.by_value import PROTOCOL, dumps_by_value, those_known
from penny.culprits import Part, find_culprit, way_out
from penny.errors import PickleError, RemoteError, RemoteTraceback, Untravelled
from penny.payload import ATOMS, LARGE, Payload, is_large, stream

__all__ = [
    "dumps",
    "dumps_arguments",
    "dumps_exception",
    "dumps_result",
    "explain",
    "loads",
    "loads_exception",
    "pack",
    "pack_arguments",
    "pack_exception",
    "pack_result",
    "qualified_name",
    "too_large",
]

_dumps = pickle.dumps
loads = pickle.loads
"""The value of `dumps`, `dumps_arguments` and `dumps_result`."""


# Refers to a name in __main__, to a shared array; or, seldom, contains that text, which then costs
# time only.
_MAIN = b"__main__"
_ARRAYS = b"penny.arrays"


def pack(value: object) -> bytes | Payload:
    """The pickled form of a value, for a slot. Raises whatever pickling raises."""
    if type(value) is tuple:
        for item in value:
            if type(item) not in ATOMS and is_large(item):
                return _pack_slowly(value)
    elif type(value) not in ATOMS and is_large(value):
        return _pack_slowly(value)
    try:
        data = _dumps(value, PROTOCOL)
    except MemoryError:
        raise
    except Exception:
        return _pack_slowly(value)
    if _is_foreign(data):
        return _pack_by_value(value)
    return _pack_slowly(value) if _ARRAYS in data else data


def _is_foreign(data: bytes) -> bool:
    """Whether a plain pickle refers to what the other side may lack; or, seldom, seems to."""
    return _MAIN in data or ((names := those_known()) is not None and names.looks_foreign(data))


def _pack_slowly(value: object) -> bytes | Payload:
    try:
        payload = stream(value)
    except MemoryError:
        raise
    except Exception:
        return _pack_by_value(value)
    # Large pieces are data: names lie between them.
    if any(_is_foreign(piece) for piece in payload.pieces if type(piece) is bytes):
        return _pack_by_value(value)
    return _whole(payload)


def _pack_by_value(value: object) -> bytes | Payload:
    return _whole(stream(value, by_value=True))


def _whole(payload: Payload) -> bytes | Payload:
    if payload.size < LARGE and not payload.arrays:
        return payload.joined()
    return payload


def dumps(value: object) -> bytes:
    """The pickled form of a value, in one piece. Raises whatever pickling raises."""
    try:
        data = _dumps(value, PROTOCOL)
    except MemoryError:
        raise
    except Exception:
        return dumps_by_value(value)
    return dumps_by_value(value) if _is_foreign(data) else data


def pack_arguments(
    function_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> bytes | Payload:
    """The pickled form of `(args, kwargs)`, for a slot.

    Raises:
        PickleError: An argument can't travel; says of which function, and which part of it.
    """
    try:
        return pack((args, kwargs))
    except MemoryError:
        raise
    except Exception as error:
        raise _explain_arguments(function_name, args, kwargs, error) from error


def dumps_arguments(function_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """The same in one piece."""
    # The first lines of `dumps` again: a call of it would cost as much as pickling a number.
    try:
        data = _dumps((args, kwargs), PROTOCOL)
        if not _is_foreign(data):
            return data
    except Exception:
        pass
    try:
        return dumps((args, kwargs))
    except MemoryError:
        raise
    except Exception as error:
        raise _explain_arguments(function_name, args, kwargs, error) from error


def _explain_arguments(
    function_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception
) -> PickleError:
    parts = [(f"args[{i}]", value) for i, value in enumerate(args)]
    parts += [(f"kwargs[{key!r}]", value) for key, value in kwargs.items()]
    return explain(parts, error, function_name)


def pack_result(function_name: str, value: object) -> bytes | Payload:
    """The pickled form of what a function returned, for a slot.

    Raises:
        PickleError: It can't travel; says of which function, and which part of it.
    """
    try:
        return pack(value)
    except MemoryError:
        raise
    except Exception as error:
        raise explain([("result", value)], error, function_name) from error


def dumps_result(function_name: str, value: object) -> bytes:
    """The same in one piece."""
    try:
        data = _dumps(value, PROTOCOL)
        if not _is_foreign(data):
            return data
    except Exception:
        pass
    try:
        return dumps(value)
    except MemoryError:
        raise
    except Exception as error:
        raise explain([("result", value)], error, function_name) from error


def explain(parts: Sequence[Part], error: Exception, function_name: str = "") -> PickleError:
    """The error to raise where pickling one of `parts` raised `error`."""
    if isinstance(error, Untravelled):  # a global of something among them
        begin = parts[0][0] if len(parts) == 1 else ""
        parts = [(f"{begin}: {error.path}" if begin else error.path, error.value)]
        error = error.reason
    path, culprit, reason = find_culprit(parts, error)
    where = f"{function_name}: {path}" if function_name else path
    kind = qualified_name(type(culprit))
    advice = way_out(culprit)
    return PickleError(f"{where} can't be sent to another worker ({kind}): {reason}{advice}")


def too_large(what: str, size: int, limit: int) -> MemoryError:
    """The error to raise where a payload is larger than the shared heap can ever be."""
    return MemoryError(
        f"{what}: {size} bytes, more than the scheduler's shared heap of {limit} bytes can ever "
        "hold: give the Scheduler a larger memory="
    )


def qualified_name(named: Any) -> str:
    """What to call a function or class: `module.name`, without `builtins`."""
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None) or f"{qualified_name(type(named))} object"
    return name if module is None or module == "builtins" else f"{module}.{name}"


# -- Exceptions ----------------------------------------------------------------------------------


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
                payload = _pack_slowly(form)
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
