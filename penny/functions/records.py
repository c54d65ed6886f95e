"""The records of a submitter: which functions are in its engine's function table, and as what.

The table keeps each function's pickled form as a *record* for as long as the function lives or a
task needs it. A function that has changed within, or of whose module something has that it uses, is
*renewed*: pickled anew, for the submissions that follow.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from penny.by_value.watching import Watch
from penny.functions.calls import is_coroutine_function
from penny.functions.forms import pack_function
from penny.functions.state import has_state
from penny.mirror.needs import Needs
from penny.mirror.originals import Originals
from penny.wire.pickles import qualified_name

__all__ = ["FunctionRecords", "Record"]

AnyFunction = Callable[..., Any]


class Record:
    """A function's place in an engine's table.

    It is released with the last reference to it. `FunctionRecords` keeps one for as long as the
    function lives; an engine keeps one with each task until it is done.
    """

    __slots__ = ("__weakref__", "_holds", "_release", "coroutine", "handle", "name")

    def __init__(
        self,
        handle: int,
        name: str,
        release: Callable[[int], object],
        coroutine: bool = False,
        holds: Sequence[Any] = (),
    ) -> None:
        self.handle = handle
        self._holds = holds  # arrays and definitions that the function needs: as long as this
        self.name = name
        self.coroutine = coroutine
        """Whether calling the function gives a coroutine."""
        self._release = release

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the end of the interpreter nobody needs the place any more, and the modules that
        # releasing needs may be empty; so is this one, hence the argument.
        if not finalizing():
            self._release(self.handle)


class FunctionRecords:
    """The records of an engine's functions, each pickled and added once.

    Args:
        add: Puts a function's pickled form where workers find it; returns its handle.
        release: Called with the handle when neither the function nor a task needs it any more. It
            may come at any time, from the garbage collector.
        originals: The modules here that workers lack; None: functions of such go by value.
        stamp: Equal for as long as a function's pickled form holds; None: for ever.
        whole: A form has all in it that the function needs, whatever the modules are.
    """

    def __init__(
        self,
        add: Callable[[bytes], int],
        release: Callable[[int], object],
        originals: Originals | None = None,
        stamp: Callable[[], object] | None = None,
        whole: bool = False,
    ) -> None:
        self._add = add
        self._whole = whole
        self._stamp = stamp
        self._release = release
        self._originals = originals
        # By identity: equal callables may differ in what they do. The second of the pair notices
        # when the function is collected, before its id can be another's.
        self._records: dict[int, tuple[Record, object, Callable[[], bool] | None]] = {}
        # A lambda in a loop is a new function each time, with the same pickled form. What can have
        # a state of its own is not among these: each has one.
        self._by_form: weakref.WeakValueDictionary[bytes, Record] = weakref.WeakValueDictionary()

    def __len__(self) -> int:
        """Number of functions known, for tests."""
        return len(self._records)

    def record_for(self, function: AnyFunction) -> Record:
        """The function's record: made when it is first asked for, and when it has changed.

        Raises:
            PickleError: The function can't travel.
        """
        return self.current(function) or self._renew(function)

    def current(self, function: AnyFunction) -> Record | None:
        """The function's record, if it has one and has not changed since."""
        entry = self._records.get(id(function))
        if entry is None or not (entry[2] is None or entry[2]()):
            return None
        return entry[0]

    def renew(self, function: AnyFunction) -> Record:
        """The record of the function as it is now, for later submissions.

        Large values that it uses are looked at, too, which no submission does by itself.

        Raises:
            PickleError: The function can't travel. The record it had stays.
        """
        if self._originals is not None:
            self._originals.look_again()
        return self._renew(function)

    def _renew(self, function: AnyFunction) -> Record:
        payload, taken_along, needs = pack_function(function, self._originals, self._whole)
        form = payload.joined()
        key = id(function)
        entry = self._records.get(key)
        # A function that comes back to a form it had would find a state there, of then.
        stateful = any(map(has_state, taken_along))
        record = None if stateful and entry is None else self._by_form.get(form)
        if record is None or (stateful and entry is not None and entry[0] is not record):
            record = Record(
                self._add(form),
                qualified_name(function),
                self._release,
                is_coroutine_function(function),
                [*payload.arrays, needs],
            )
            self._by_form[form] = record
        try:
            keeper: object = weakref.ref(function, functools.partial(_forget, self._records, key))
        except TypeError:  # a descriptor such as str.upper: part of its class, which stays
            keeper = function
        fresh: Callable[[], bool] | None = None
        if taken_along and self._stamp is None:
            fresh = functools.partial(_fresh, needs, [Watch(each) for each in taken_along])
        elif needs is not None:
            fresh = needs.fresh
        elif self._stamp is not None:
            stamp = self._stamp
            fresh = functools.partial(_same_stamp, stamp, stamp())
        self._records[key] = record, keeper, fresh
        return record


def _same_stamp(stamp: Callable[[], object], before: object) -> bool:
    return stamp() == before


def _fresh(needs: Needs | None, watches: list[Watch]) -> bool:
    for watch in watches:
        if watch.changed():
            return False
    return needs is None or needs.fresh()


def _forget(records: dict[int, Any], key: int, _: object) -> None:
    records.pop(key, None)
