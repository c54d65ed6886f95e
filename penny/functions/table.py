"""How functions travel: once each, and from then on by number.

A call is split into a function that stays as it is, which goes into the function table, and values,
which go with each task (`split_call`). The table keeps each function's pickled form as a *record*
for as long as the function lives or a task needs it (`FunctionRecords`). What users call functions
by, names and numbers of their own, is a table of its own (`FunctionNames`).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import opcode
import operator
import pickle
import sys
import weakref
from collections.abc import Callable, Coroutine, Sequence
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Generic, TypeVar, overload

from penny.by_value.pickler import CachedFunction
from penny.by_value.random_streams import generators_anew, register_numpy
from penny.by_value.watching import Watch
from penny.mirror import mirror
from penny.mirror.originals import Needs, Originals
from penny.wire.payload import ATOMS, Payload, stream
from penny.wire.pickles import explain, qualified_name

__all__ = [
    "AsyncChunkCall",
    "ChunkCall",
    "FunctionCache",
    "FunctionNames",
    "FunctionRecords",
    "Record",
    "TableFunction",
    "chunk_call",
    "dumps_function",
    "is_coroutine_call",
    "is_coroutine_function",
    "loads_function",
    "split_call",
    "task",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
AnyFunction = Callable[..., Any]


class TableFunction:
    """A callable of Penny's own for the function table: it never changes."""


# Callables without a state that could change between two submissions. Functions with a cache are
# among them: each worker has a cache of its own, which lasts.
_TABLE_TYPES = (
    FunctionType,
    type,
    CachedFunction,
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    TableFunction,
)


def split_call(function: AnyFunction, args: tuple[Any, ...]) -> tuple[AnyFunction, tuple[Any, ...]]:
    """The function for the table, and the arguments, that together make the same call.

    Functions and classes are for the table. A method is its function, called with the instance; any
    other callable (a `functools.partial`, an object with `__call__`) may have changed by the next
    submission, so it is an argument of `operator.call`.
    """
    if isinstance(function, _TABLE_TYPES):
        return function, args
    if isinstance(function, MethodType):
        return split_call(function.__func__, (function.__self__, *args))
    if isinstance(function, BuiltinFunctionType) and (
        function.__self__ is None or isinstance(function.__self__, ModuleType)
    ):
        return function, args
    register_numpy()  # whose functions are methods of a generator
    return operator.call, (function, *args)


def dumps_function(function: AnyFunction) -> bytes:
    """The pickled form of a function or class: by reference where the workers can import it.

    Raises:
        PickleError: It can't travel; says which global, default or closure variable is to blame.
    """
    return _pack_function(function, None)[0].joined()


def _pack_function(
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
        raise explain([(qualified_name(function), function)], error) from error


loads_function: Callable[[bytes], AnyFunction] = pickle.loads
"""The function of `dumps_function`, in a worker."""


class FunctionCache(dict[int, AnyFunction]):
    """Functions that a worker keeps unpickled, by their serials.

    What is in the dictionary can be called as it is: names of the submitter's modules that it uses
    have the values with which it was submitted. When such a name gets another value all are set
    aside, until each has been looked at.
    """

    SIZE = 1024
    """A program that makes a new one for each task would else fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self._headers: dict[int, bytes] = {}
        self._aside: dict[int, AnyFunction] = {}

    def load(self, serial: int, form: Callable[[], bytes]) -> AnyFunction:
        """The function, as it can be called now. The one that was kept longest makes room.

        Args:
            serial: Its number.
            form: Gives its pickled form, if that is needed.
        """
        here = mirror.here
        function = self._aside.pop(serial, None)
        if function is None:
            if here is not None:
                here.last = b""
            function = loads_function(form())
            self._headers[serial] = b"" if here is None else here.last
        elif here is not None and (header := self._headers[serial]):
            here.install(header)
        self[serial] = function
        if len(self) + len(self._aside) > self.SIZE:
            kept = self._aside or self
            oldest = next(iter(kept))
            del self._headers[oldest]
            self.forgotten(kept.pop(oldest))
        return function

    def header(self, serial: int) -> bytes:
        """What a function needs of the submitter's modules: the header of its pickled form."""
        return self._headers.get(serial, b"")

    def set_aside(self) -> None:
        """Look at each before its next call: names have other values than before."""
        self._aside.update(self)
        self.clear()

    def forgotten(self, function: AnyFunction) -> None:
        """Called with a function that is kept no more."""


class ChunkCall(TableFunction, Generic[T]):
    """A function as a task that does a chunk of calls: a list of argument tuples, one of results.

    It is a function for the table, which is pickled once, as the function itself would be.
    """

    def __init__(self, function: Callable[..., T]) -> None:
        self.function = function
        self.__module__ = getattr(function, "__module__", __name__)
        self.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)

    def __call__(self, chunk: list[tuple[Any, ...]]) -> list[T]:
        """Call the function with each tuple."""
        function = self.function
        return [function(*args) for args in chunk]


class AsyncChunkCall(ChunkCall[Coroutine[Any, Any, T]]):
    """The same of a coroutine function: the calls of a chunk wait side by side."""

    async def __call__(self, chunk: list[tuple[Any, ...]]) -> list[T]:  # type: ignore[override]
        """Await a call with each tuple. When one fails, the others are cancelled."""
        calls = [asyncio.ensure_future(self.function(*args)) for args in chunk]
        try:
            return await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()


def chunk_call(function: Callable[..., Any]) -> ChunkCall[Any]:
    """The function as one for chunks of calls."""
    return AsyncChunkCall(function) if is_coroutine_function(function) else ChunkCall(function)


def is_coroutine_function(function: AnyFunction) -> bool:
    """Whether calling it gives a coroutine: an `async def`, or what passes its calls on to one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )


def is_coroutine_call(function: AnyFunction, args: tuple[Any, ...]) -> bool:
    """Whether `function(*args)` gives a coroutine; also of what `split_call` made."""
    if function is operator.call and args:
        function = args[0]
    return is_coroutine_function(function)


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
        entry = self._records.get(id(function))
        if entry is None:
            return self._renew(function)
        if entry[2] is None or entry[2]():
            return entry[0]
        return self._renew(function)

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
        payload, taken_along, needs = _pack_function(function, self._originals, self._whole)
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


_STATELESS = frozenset({*ATOMS, bytes, FunctionType, ModuleType, BuiltinFunctionType, type})
_REBINDS = frozenset(
    opcode.opmap[name] for name in ("STORE_DEREF", "DELETE_DEREF") if name in opcode.opmap
)


def has_state(function: Any) -> bool:
    """Whether calls of a function that goes by value can leave something behind in it."""
    if type(function) is not FunctionType:
        return True
    kept: list[Any] = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            kept.append(cell.cell_contents)
        except ValueError:
            return True
    return (
        bool(function.__dict__)
        or any(type(value) not in _STATELESS for value in kept)
        or (bool(kept) and _rebinds(function.__code__))
    )


def _rebinds(code: CodeType) -> bool:
    """Whether the code, or code inside it, may bind a variable of a closure anew."""
    return not _REBINDS.isdisjoint(code.co_code[::2]) or any(
        isinstance(constant, CodeType) and _rebinds(constant) for constant in code.co_consts
    )


def _forget(records: dict[int, Any], key: int, _: object) -> None:
    records.pop(key, None)


# -- Names and numbers ---------------------------------------------------------------------------

# Numbers below are the user's to choose, those from here on are given out.
FIRST_AUTOMATIC_ID = 1 << 31

# Functions that `@task` has named, for all schedulers.
_tasks: dict[str, AnyFunction] = {}


@overload
def task(function: F) -> F: ...
@overload
def task(*, name: str) -> Callable[[F], F]: ...
def task(function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
    """Name a function in the function table of every scheduler: `@task` or `@task(name="resize")`.

    The function stays as it is. `Scheduler.new_task` then takes its name, by default
    `module.qualname`, and a later function of the same name takes its place.
    """

    def decorate(function: F) -> F:
        function.__penny_name__ = name or qualified_name(function)  # type: ignore[attr-defined]
        _tasks[function.__penny_name__] = function  # type: ignore[attr-defined]
        return function

    return decorate if function is None else decorate(function)


class FunctionNames:
    """What a scheduler's user calls functions by: numbers and names."""

    def __init__(self) -> None:
        self._functions: dict[int, AnyFunction] = {}
        self._ids: dict[str, int] = {}
        self._next_id = FIRST_AUTOMATIC_ID

    def register(self, function: AnyFunction, id: int | None = None) -> int:
        """Enter a function, in place of the one that had its number or its name before.

        Args:
            function: Any callable.
            id: A number from 0 to 2³¹ - 1; None: the one that its name has, or else a new one.

        Returns:
            The function's number.
        """
        if not callable(function):
            raise TypeError(f"{function!r} is not callable")
        name = _name_of(function)
        if id is not None:
            id = operator.index(id)
            if not 0 <= id < FIRST_AUTOMATIC_ID:
                raise ValueError(f"id must be from 0 to {FIRST_AUTOMATIC_ID - 1}, not {id}")
        elif name is not None and name in self._ids:
            id = self._ids[name]
        else:
            id = self._next_id
            self._next_id += 1
        self._functions[id] = function
        if name is not None:
            self._ids[name] = id
        return id

    def find(self, key: int | str) -> AnyFunction:
        """The function with this number or name.

        Raises:
            LookupError: There is none.
        """
        function = self._functions.get(self._ids.get(key, -1) if isinstance(key, str) else key)
        if function is None and isinstance(key, str):
            function = _tasks.get(key)
        if function is None:
            raise LookupError(f"no function is registered as {key!r}")
        return function


def _name_of(function: AnyFunction) -> str | None:
    """The function's name in the table; None for lambdas and others that share their name."""
    named: str | None = getattr(function, "__penny_name__", None)
    if named is None and hasattr(function, "__qualname__"):
        named = qualified_name(function)
        if "<" in named:  # <lambda>, <locals>
            return None
    return named
