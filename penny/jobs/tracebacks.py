"""Tracebacks that stay short: in a browser a long one would be the end of its worker.

A traceback and its frames are a chain, which CPython frees recursively, from C. Its guard against
chains that are too long watches the C stack's pointer, which these functions do not move in
WebAssembly; so an exception that has passed some 2,500 frames ends the interpreter when it is
dropped. Therefore, while an exception is passing frames, the innermost entries are taken off its
traceback again and again, one by one. A note of the exception keeps what the first of them said.

An exception that it replaced, its context, or one of its group, keeps frames further within: all of
those go. A chain of contexts is one more that is freed recursively, and is cut, too.

Whoever keeps an exception, or a frame, from the depth of a recursion keeps all frames below it as
they end: once more a chain too long to be freed. So what jobs keep there has no traceback
(`jobs.raised`, `jobs.without_frame`). What the user's code keeps, also in a Future, is not seen.

The Pyodide that `penny` serves frees chains of any length (`penny.cli.pyodide_wasm`): there, all of
this only saves the memory of thousands of frames, and the time to print and to send them. It is
needed where a page brings a Pyodide of its own.
"""

from __future__ import annotations

import sys
import traceback
from types import CodeType, FrameType, TracebackType

from penny.by_value.exception_parts import (
    CAUSE,
    CONTEXT,
    GROUP_MEMBERS,
    add_notes,
    notes_of,
    set_traceback,
    traceback_of,
)

__all__ = ["keep_short", "take_off"]

EVERY = 256
"""After so many frames a traceback is shortened: a tenth of what ends the interpreter, since
several errors may be chained; and seldom enough that taking entries off costs each frame little."""

KEPT = 64
"""To so many entries: more than anybody reads, and more than most tracebacks have."""

SHOWN = 16
"""Entries, the innermost ones of all, that the note shows: a screenful."""

# Any that is free: debuggers, coverage and profilers have numbers of their own.
TOOL = 4

_exception = 0  # id of the exception that was last seen passing a frame
_frames = 0  # how many it has passed, and those that it replaced


def keep_short() -> None:
    """Keep tracebacks short from now on, in a browser. Costs only where exceptions pass frames."""
    if sys.platform == "emscripten" and sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        monitoring.use_tool_id(TOOL, "penny")
        monitoring.register_callback(TOOL, monitoring.events.PY_UNWIND, _passes)
        monitoring.set_events(TOOL, monitoring.events.PY_UNWIND)


def _passes(code: CodeType, offset: int, exception: BaseException) -> None:
    """An exception leaves a frame."""
    global _exception, _frames
    if id(exception) != _exception:
        # Another one of the same id later on is shortened at some other time, no more.
        if _exception not in (id(CONTEXT.__get__(exception)), id(CAUSE.__get__(exception))):
            _frames = 0
        _exception = id(exception)
    _frames += 1
    if _frames % EVERY == 0:
        try:  # noqa: SIM105 (suppress() would take frames of its own)
            shorten(exception)
        except RecursionError:
            pass  # or it would replace the exception: there will be another time


def shorten(exception: BaseException) -> None:
    """Take the innermost entries off an exception's traceback, if it is long.

    Then all entries are taken off those that it replaced, too. So they are if these are many, one
    replacing the other, and the oldest are dropped.
    """
    replaced = replaced_by(exception)
    if len(entries_of(exception)) <= KEPT and (not replaced or replaced[-1][1] <= KEPT):
        return
    # The innermost first: its frame refers to the next outer one, which is still alive.
    for each, _ in reversed(replaced):
        take_off(each)
    for each, distance in reversed(replaced):
        if distance == KEPT:
            CONTEXT.__set__(each, None)
            CAUSE.__set__(each, None)
    take_off(exception, KEPT)


def entries_of(exception: BaseException) -> list[TracebackType]:
    """Of its traceback, the outermost first."""
    entries: list[TracebackType] = []
    entry = traceback_of(exception)
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries


def replaced_by(exception: BaseException) -> list[tuple[BaseException, int]]:
    """Its contexts, causes and members, and theirs, if their handlers were left.

    The handler of a context may still be running, if the exception was raised in a call of it.

    Returns:
        Each with its distance from the exception; the latest first.
    """
    found = [(exception, 0)]
    seen = {id(exception)}
    left = {id(entry.tb_frame) for entry in entries_of(exception)}
    for each, distance in found:
        members = GROUP_MEMBERS.__get__(each) if isinstance(each, BaseExceptionGroup) else ()
        for other in (CONTEXT.__get__(each), CAUSE.__get__(each), *members):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                entries = entries_of(other)
                if not entries or _called_from(entries[0].tb_frame, left):
                    left.update(id(entry.tb_frame) for entry in entries)
                    found.append((other, distance + 1))
    return found[1:]


def _called_from(frame: FrameType | None, callers: set[int]) -> bool:
    """Whether a frame is one of these, or was called from one, directly or not."""
    for _ in range(EVERY):
        if frame is None:
            return False
        if id(frame) in callers:
            return True
        frame = frame.f_back
    return False


def take_off(exception: BaseException, kept: int = 0) -> None:
    """Take entries off an exception's traceback, but for the outermost, and note the innermost."""
    entries = entries_of(exception)
    if len(entries) <= kept:
        return
    if not any(type(each) is str and each.startswith(NOTE) for each in notes_of(exception)):
        lines = traceback.format_tb(entries[-SHOWN:][0])
        add_notes(exception, NOTE + "\n" + "".join(lines).rstrip())
    while len(entries) > max(kept, 1):
        entries.pop()
        entries[-1].tb_next = None
    if not kept:
        set_traceback(exception, None)


NOTE = "(The traceback was too long, or too deep, to be kept. Its innermost frames were:)"
