"""The pickled form of a function, which goes into the function table, and back.

By reference where the workers can import it, by value where they can't (`penny.by_value`), with a
header that says what it needs of the submitter's modules (`penny.mirror`).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from types import FunctionType
from typing import Any

from penny.by_value.random_streams import generators_anew, register_numpy
from penny.functions.state import has_state
from penny.mirror import mirror
from penny.mirror.needs import Needs
from penny.mirror.originals import Originals
from penny.wire.payload import Payload, stream
from penny.wire.pickles import explain, qualified_name, telling

__all__ = ["dumps_function", "loads_function", "pack_function"]

AnyFunction = Callable[..., Any]


def dumps_function(function: AnyFunction) -> bytes:
    """The pickled form of a function or class: by reference where the workers can import it.

    Raises:
        PickleError: It can't travel; says which global, default or closure variable is to blame.
    """
    return pack_function(function, None)[0].joined()


def pack_function(
    function: AnyFunction, originals: Originals | None, whole: bool = False
) -> tuple[Payload, list[Any], Needs | None]:
    """The pickled form; functions and classes in it that go by value; what it needs beside.

    Args:
        function: The function.
        originals: The modules here that workers lack; None: functions of such go by value.
        whole: The form has all in it that it needs.
    """
    kept = function if type(function) is FunctionType and has_state(function) else None
    try:
        register_numpy()
        with generators_anew():
            if originals is None:
                # Not in check mode, where each pickle is to be a copy.
                kept = None if mirror.here is None else kept
                return stream(function, by_value=True, kept=kept), [function], None
            sending = originals.begin()
            sending.entry = True
            payload = stream(function, by_value=True, pickling=sending, kept=kept)
            if whole:
                payload = stream(function, by_value=True)
                originals.take_used()
            return payload, sending.taken_along, sending.needs
    except MemoryError:
        raise
    except Exception as error:
        raise explain([(qualified_name(function), function)], error) from telling(error)


loads_function: Callable[[bytes], AnyFunction] = pickle.loads
"""The function of `dumps_function`, in a worker."""
