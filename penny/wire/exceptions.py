"""The form in which what a task raised crosses between workers: it comes back as what it was.

An exception is taken apart and put together from its parts (`penny.by_value.exception_state`): its
constructor, which may take other arguments than `args` holds and do anything, is not called again.
What can't travel is left behind and named in a note; the rest arrives. With an exception go those
that it refers to, as records that name each other by number.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple

from penny import where
from penny.by_value.exception_parts import (
    ARGS,
    ATTRIBUTES,
    CAUSE,
    CONTEXT,
    GROUP_MEMBERS,
    GROUP_MESSAGE,
    SUPPRESS_CONTEXT,
    add_notes,
    traceback_of,
)
from penny.by_value.exception_state import (
    FAILURES,
    LeftBehind,
    State,
    bare,
    message_of,
    pickles_itself,
    plain,
    printed,
    qualified_name,
    set_field,
    show,
    shown_notes,
    take_apart,
    type_name,
)
from penny.by_value.reducing import PROTOCOL
from penny.errors import RemoteError, RemoteTraceback
from penny.hints import explain as hints
from penny.wire.payload import ATOMS, LARGE, Payload
from penny.wire.pickles import dumps, explain, loads, pack

__all__ = ["dumps_exception", "loads_exception", "pack_exception"]

CHAIN_LIMIT = 100
"""Causes, contexts and exceptions in attributes beyond this number stay behind. Then no cause is in
the traceback's text: printing a chain of thousands takes more stack than there is in a browser."""

# In the pickle of whatever refers to a shared array.
_ARRAYS = b"penny.memory.array"


class _Part(NamedTuple):
    """One of the values that an exception is made of, pickled by itself."""

    group: str
    """Which field of `State` it is in."""
    key: Any
    form: bytes | None
    shown: str
    """What stands for it in `args` where it can't be had."""


class _Record(NamedTuple):
    """One exception among those that travel together; it refers to others by their index.

    JavaScript reads it, too: `decodeException` in web/penny/wire/exceptions.js.
    """

    cls: bytes | None
    type_name: str
    message: str
    notes: list[str]
    cause: int | None
    context: int | None
    suppress_context: bool
    members: tuple[str, list[int]] | None
    """Of an exception group, its message and the exceptions in it."""
    whole: bytes | None
    """Its `State`, as a tuple. None if it can't be pickled and unpickled."""
    parts: list[tuple[Any, ...]] | None
    """`_Part`s, for whoever can't unpickle the whole."""
    own: bytes | None
    """The exception as its class wants it pickled, where that takes along more than the parts."""
    lost: list[str]
    """What can't travel, and why."""


# -- Taking apart ----------------------------------------------------------------------------------


class _Link:
    """Stands for one of the exceptions that travel together, where a value refers to it."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __reduce__(self) -> tuple[Any, ...]:
        return _linked, (self.index,)


# The exceptions that the links are to which are being unpickled.
_arriving: ContextVar[list[Any]] = ContextVar("penny.arriving")


def _linked(index: int) -> BaseException:
    error: BaseException = _arriving.get()[index]
    return error


def _unpickled(form: bytes, errors: list[Any]) -> Any:
    token = _arriving.set(errors)
    try:
        return loads(form)
    finally:
        _arriving.reset(token)


def _with_links(value: Any, link: Callable[[BaseException], Any], seen: dict[int, Any]) -> Any:
    """The value with links for the exceptions in it, also for those in lists, tuples and dicts."""
    kind = type(value)
    if issubclass(kind, BaseException):
        return link(value)
    if kind is not list and kind is not tuple and kind is not dict:
        return value
    if id(value) not in seen:
        seen[id(value)] = value  # ends a cycle
        new: Any
        if kind is dict:
            new = {key: _with_links(item, link, seen) for key, item in value.items()}
            changed = any(new[key] is not item for key, item in value.items())
        else:
            new = kind([_with_links(item, link, seen) for item in value])
            changed = any(a is not b for a, b in zip(new, value, strict=True))
        if changed:
            seen[id(value)] = new
    return seen[id(value)]


def _state_with_links(state: State, link: Callable[[BaseException], Any]) -> State:
    seen: dict[int, Any] = {}
    try:
        return State(*(_with_links(group, link, seen) for group in state))
    except FAILURES:  # nested too deep, or it changes meanwhile: pickle decides
        return state


# -- Pickling --------------------------------------------------------------------------------------


def dumps_exception(error: BaseException) -> bytes:
    """The form in which an exception travels that a task raised. Never fails.

    With it go its traceback as text, its notes, its cause and context and theirs, the exceptions
    among its attributes (all together at most `CHAIN_LIMIT`), and the members of an exception
    group.
    """
    return _dumps_chain(error)[0]


def pack_exception(error: BaseException) -> bytes | Payload:
    """The form in which an exception that a task raised travels, for a slot. Never fails.

    What it consists of is in `dumps_exception`; a Payload is for one that refers to shared arrays.
    """
    data, states = _dumps_chain(error)
    if _ARRAYS not in data:
        return data
    arrays = {}
    for state in states:
        for values in ([tuple(state)], [value for _, _, value in _values(state)]):
            try:
                payloads = [pack(value) for value in values if type(value) not in ATOMS]
            except FAILURES:
                continue
            for payload in payloads:
                if isinstance(payload, Payload):
                    arrays.update({id(block): block for block in payload.arrays})
            break
    return Payload([data], arrays.values())


def _dumps_chain(error: BaseException) -> tuple[bytes, list[State]]:
    """The form of an exception and of all that go with it, and what each is made of."""
    errors = [error]
    index = {id(error): 0}
    whole = True

    def place(other: BaseException) -> int:
        if id(other) not in index:
            index[id(other)] = len(errors)
            errors.append(other)
        return index[id(other)]

    def is_beyond(other: BaseException) -> bool:
        return len(errors) >= CHAIN_LIMIT and id(other) not in index

    def chained(other: BaseException | None) -> int | None:
        nonlocal whole
        if other is None:
            return None
        if is_beyond(other):
            whole = False
            return None
        return place(other)

    def link(other: BaseException) -> Any:
        return LeftBehind(show(other)) if is_beyond(other) else _Link(place(other))

    records = []
    states = []
    for each in errors:  # grows meanwhile
        members = None
        if isinstance(each, BaseExceptionGroup):
            members = (
                plain(GROUP_MESSAGE.__get__(each)),
                [place(member) for member in GROUP_MEMBERS.__get__(each)],
            )
        hints.explain(each)
        cause, context = chained(CAUSE.__get__(each)), chained(CONTEXT.__get__(each))
        state = _state_with_links(take_apart(each), link)
        states.append(state)
        cls, lost = _dumps_class(type(each))
        record = _Record(
            cls=cls,
            type_name=type_name(each),
            message=message_of(each),
            notes=shown_notes(each),
            cause=cause,
            context=context,
            suppress_context=SUPPRESS_CONTEXT.__get__(each),
            members=members,
            **_dumps_state(each, state, errors, lost),
        )
        records.append(tuple(record))
    text = _traceback_text(error, chain=whole)
    return pickle.dumps((where.worker, text, records), PROTOCOL), states


def _dumps_class(cls: type[BaseException]) -> tuple[bytes | None, list[str]]:
    """None and why, if it can't be pickled, or has no objects that can be put together."""
    try:
        if not issubclass(cls, BaseExceptionGroup):
            bare(cls)
        form = dumps(cls)
        if loads(form) is not cls:
            raise TypeError("another class has its name")
        return form, []
    except FAILURES as reason:
        return None, [_loss("attributes", "its class", cls, reason)]


# Values that can be unpickled everywhere, in JavaScript, too.
_SAFE = ATOMS - {complex} | {bytes}


def _values(state: State) -> Iterator[tuple[str, Any, Any]]:
    """What a state consists of: where it is there, and the value."""
    for i, value in enumerate(state.args):
        yield "args", i, value
    for group in ("fields", "attributes"):
        for key, value in getattr(state, group).items():
            yield group, key, value


def _dumps_state(
    error: BaseException, state: State, errors: list[Any], lost: list[str]
) -> dict[str, Any]:
    """Those fields of the exception's record that its state is in.

    Args:
        error: The exception.
        state: What it is made of.
        errors: All that travel together.
        lost: Why its class can't be had, if so; gets what else can't.
    """
    has_class = not lost
    whole: bytes | None = None
    try:
        whole = dumps(tuple(state))
        _unpickled(whole, errors)
    except FAILURES:
        whole = None
    found: dict[str, Any] = {"whole": whole, "parts": None, "own": None, "lost": lost}
    if (whole is not None and has_class) and (
        len(whole) >= LARGE or all(type(value) in _SAFE for _, _, value in _values(state))
    ):
        return found
    found["parts"] = parts = []
    for group, key, value in _values(state):
        form: bytes | None = None
        shown = f"<{qualified_name(type(value))}>"
        try:
            if type(key) is not str and group == "attributes":
                raise TypeError("its name is no str")
            form = dumps(value)
            if whole is None:
                _unpickled(form, errors)
        except FAILURES as reason:
            form = None
            shown = show(value)
            if whole is None:
                lost.append(_loss(group, key, value, reason))
        if type(key) is str or group != "attributes":
            parts.append(tuple(_Part(group, key, form, shown)))
    if lost and (not has_class or pickles_itself(type(error))):
        try:
            own = dumps(error)
            if type(loads(own)) is type(error):
                found["own"] = own
        except FAILURES:
            pass
    return found


def _loss(group: str, key: Any, value: Any, reason: BaseException) -> str:
    path = _path(group, key)
    try:
        if isinstance(reason, Exception):
            reason = explain([(path, value)], reason)
    except FAILURES:
        pass
    return f"({path} stayed in the worker: {message_of(reason)})"


def _path(group: str, key: Any) -> str:
    return f"args[{key}]" if group == "args" else str(key[1] if group == "fields" else key)


# -- Putting together ------------------------------------------------------------------------------


def loads_exception(data: bytes) -> BaseException:
    """The exception that `dumps_exception` was given. Never fails.

    Its `__cause__` is a RemoteTraceback, which shows the worker's traceback and keeps the cause
    that it had there. An exception whose class can't travel, or can't be imported here, is a
    RemoteError. What else could not travel is missing, and a note says so.
    """
    worker, text, fields = pickle.loads(data)
    records = [_Record(*record) for record in fields]
    # First all exceptions, then what is in them, which may be each other.
    errors: list[Any] = [None] * len(records)
    bare = [i for i in _members_first(records) if _make(i, records, errors)]
    for i in bare:
        _fill(errors[i], records[i], errors)
    for error, record in zip(errors, records, strict=True):
        CAUSE.__set__(error, None if record.cause is None else errors[record.cause])
        CONTEXT.__set__(error, None if record.context is None else errors[record.context])
    # The cause is printed instead of the context, suppressed or not.
    first: BaseException = errors[0]
    CAUSE.__set__(first, RemoteTraceback(text, worker, CAUSE.__get__(first)))
    for error, record in zip(errors, records, strict=True):
        SUPPRESS_CONTEXT.__set__(error, record.suppress_context)
    return first


def _members_first(records: list[_Record]) -> list[int]:
    """The numbers of all records, those of a group's members, which never contain it, before it."""
    order: dict[int, None] = {}
    stack = [(i, False) for i in reversed(range(len(records)))]
    while stack:
        i, ready = stack.pop()
        if i in order:
            continue
        _, members = records[i].members or ("", [])
        if ready or not members:
            order[i] = None
        else:
            stack.append((i, True))
            stack.extend((j, False) for j in members)
    return list(order)


def _make(i: int, records: list[_Record], errors: list[Any]) -> bool:
    """Make the exception of a record; True if it has nothing in it yet."""
    record = records[i]
    try:
        if record.own is not None:
            own = loads(record.own)
            if isinstance(own, BaseException):
                errors[i] = own
                add_notes(own, *[note for note in record.notes if note not in shown_notes(own)])
                return False
    except FAILURES:
        pass
    why = record.lost[:1]
    message, indices = record.members or ("", [])
    members = [errors[j] for j in indices]
    try:
        if record.cls is not None:
            cls = loads(record.cls)
            if record.members is None:
                errors[i] = bare(cls)
            else:
                errors[i] = BaseExceptionGroup.__new__(cls, message, members)
            return True
    except FAILURES as reason:
        why = [f"(its class stayed in the worker: {message_of(reason)})"]
    if record.members is None:
        errors[i] = RemoteError(record.type_name, record.message)
    else:
        errors[i] = BaseExceptionGroup(f"{record.type_name}: {message}", members)
    add_notes(errors[i], *[*record.notes, *why])
    return False


def _fill(error: BaseException, record: _Record, errors: list[Any]) -> None:
    state = None
    lost = list(record.lost)
    try:
        if record.whole is not None:
            state = State(*_unpickled(record.whole, errors))
    except FAILURES as reason:
        if record.parts is None:
            state = State((record.message,), {}, {})
            lost.append(f"(its attributes stayed in the worker: {message_of(reason)})")
    if state is None:
        state = _from_parts([_Part(*part) for part in record.parts or ()], errors, lost)
    ARGS.__set__(error, state.args)
    for key, value in state.fields.items():
        try:
            set_field(error, key, value)
        except FAILURES as reason:
            lost.append(f"({key[1]} could not be set: {message_of(reason)})")
    ATTRIBUTES.__get__(error).update(state.attributes)
    add_notes(error, *lost)


def _from_parts(parts: list[_Part], errors: list[Any], lost: list[str]) -> State:
    state = State([], {}, {})
    for group, key, form, shown in parts:
        value: Any = LeftBehind(shown)
        found = False
        if form is not None:
            try:
                value = _unpickled(form, errors)
                found = True
            except FAILURES as reason:
                lost.append(f"({_path(group, key)} stayed in the worker: {message_of(reason)})")
        if group == "args":
            state.args.append(value)
        elif found:
            getattr(state, group)[key] = value
    return state._replace(args=tuple(state.args))


# -- Texts -----------------------------------------------------------------------------------------


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _traceback_text(error: BaseException, chain: bool) -> str:
    """The traceback as the interpreter would print it, from the task's own code on."""
    frames: TracebackType | None = traceback_of(error)
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        frames = frames.tb_next
    return printed(error, frames, chain)
