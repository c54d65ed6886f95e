"""The pickled form in which arguments and results cross between workers.

Plain pickle, protocol 5, wherever it will do; by value (`penny.by_value.pickler`) where it won't,
and for whatever refers to `__main__`, which is another module on the other side. What can't be
pickled at all is an error that says where in the value the culprit sits (`penny.wire.culprits`).
What a task raises has a form of its own (`penny.wire.exceptions`), and exceptions in values arrive
as it does (`penny.by_value.exception_values`).
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from penny.by_value.exception_state import qualified_name
from penny.by_value.names import those_known
from penny.by_value.pickler import dumps_by_value
from penny.by_value.reducing import PROTOCOL
from penny.errors import PickleError, Untravelled
from penny.wire.culprits import Part, find_culprit, way_out
from penny.wire.payload import ATOMS, LARGE, Payload, dumps_plainly, is_large, stream

__all__ = [
    "dumps",
    "dumps_arguments",
    "dumps_atoms",
    "dumps_result",
    "explain",
    "loads",
    "pack",
    "pack_arguments",
    "pack_result",
    "qualified_name",
    "telling",
    "too_large",
]

_dumps = pickle.dumps
loads = pickle.loads
"""The value of `dumps`, `dumps_arguments` and `dumps_result`."""


# Refers to a name in __main__, to a shared array; or, seldom, contains that text, which then costs
# time only.
_MAIN = b"__main__"
_ARRAYS = b"penny.memory.array"


def dumps_atoms(args: tuple[Any, ...]) -> bytes:
    """The pickled form of arguments of which the type of each is one of `ATOMS`.

    It is the same for whomever it is pickled, since they refer to nothing.
    """
    return _dumps(args, PROTOCOL)


def pack(value: object) -> bytes | Payload:
    """The pickled form of a value, for a slot. Raises whatever pickling raises."""
    kind = type(value)
    if kind in ATOMS:  # refers to nothing
        return _dumps(value, PROTOCOL)
    if kind is tuple:
        plain = True
        for item in value:  # type: ignore[attr-defined]
            if type(item) not in ATOMS:
                plain = False
                if is_large(item):
                    return _pack_slowly(value)
        if plain:
            return _dumps(value, PROTOCOL)
    elif is_large(value):
        return _pack_slowly(value)
    try:
        data = dumps_plainly(value)
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
        data = dumps_plainly(value)
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
    if not kwargs and ATOMS.issuperset(map(type, args)):  # they refer to nothing
        return _dumps((args, kwargs), PROTOCOL)
    try:
        return pack((args, kwargs))
    except MemoryError:
        raise
    except Exception as error:
        raise _explain_arguments(function_name, args, kwargs, error) from telling(error)


def dumps_arguments(function_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """The pickled form of `(args, kwargs)`, in one piece.

    Raises:
        PickleError: An argument can't travel; says of which function, and which part of it.
    """
    # The first lines of `dumps` again: a call of it would cost as much as pickling a number.
    if not kwargs and ATOMS.issuperset(map(type, args)):
        return _dumps((args, kwargs), PROTOCOL)
    try:
        data = dumps_plainly((args, kwargs))
        if not _is_foreign(data):
            return data
    except Exception:
        pass
    try:
        return dumps((args, kwargs))
    except MemoryError:
        raise
    except Exception as error:
        raise _explain_arguments(function_name, args, kwargs, error) from telling(error)


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
        raise explain([("result", value)], error, function_name) from telling(error)


def dumps_result(function_name: str, value: object) -> bytes:
    """The pickled form of what a function returned, in one piece.

    Raises:
        PickleError: It can't travel; says of which function, and which part of it.
    """
    if type(value) in ATOMS:
        return _dumps(value, PROTOCOL)
    try:
        data = dumps_plainly(value)
        if not _is_foreign(data):
            return data
    except Exception:
        pass
    try:
        return dumps(value)
    except MemoryError:
        raise
    except Exception as error:
        raise explain([("result", value)], error, function_name) from telling(error)


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


def telling(error: Exception) -> Exception | None:
    """What to raise the error of `explain` from: what was raised, if code of somebody's raised it.

    What pickle itself says is in the message; how Penny came to it, several ways of pickling one
    after the other, is of no use to anybody.
    """
    while isinstance(error, Untravelled):
        error = error.reason
    frames = error.__traceback__
    while frames is not None and _is_picklers(frames.tb_frame.f_globals):
        frames = frames.tb_next
    if frames is None or isinstance(error, PickleError):
        return None
    error.__suppress_context__ = True
    return error.with_traceback(frames)


_PICKLERS = {"penny", "cloudpickle"} | sys.stdlib_module_names


def _is_picklers(namespace: Mapping[str, Any]) -> bool:
    return str(namespace.get("__name__")).partition(".")[0] in _PICKLERS


def too_large(what: str, size: int, limit: int) -> MemoryError:
    """The error to raise where a payload is larger than the shared heap can ever be."""
    return MemoryError(
        f"{what}: {size} bytes, more than the scheduler's shared heap of {limit} bytes can ever "
        "hold: give the Scheduler a larger memory="
    )
