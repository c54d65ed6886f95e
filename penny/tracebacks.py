"""Tracebacks that stay short: in a browser a long one would be the end of its worker.

A traceback and its frames are a chain, which CPython frees recursively, from C. Its guard against
chains that are too long watches the C stack's pointer, which these functions do not move in
WebAssembly; so an exception that has passed some 2,500 frames ends the interpreter when it is
dropped. Therefore, while an exception is passing frames, the innermost entries are taken off its
traceback again and again, one by one. A note of the exception keeps what the first of them said.
"""

from __future__ import annotations

import sys
import traceback
from types import CodeType, TracebackType

__all__ = ["keep_short"]

EVERY = 256
"""After so many frames a traceback is shortened."""

KEPT = 64
"""To so many entries."""

SHOWN = 16
"""Entries, the innermost ones of all, that the note shows."""

# Any that is free: debuggers, coverage and profilers have numbers of their own.
TOOL = 4

_exception = 0  # id of the exception that was last seen passing a frame
_frames = 0  # how many it has passed


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
        _exception = id(exception)
        _frames = 0
    _frames += 1
    if _frames % EVERY == 0:
        shorten(exception)


def shorten(exception: BaseException) -> None:
    """Take the innermost entries off an exception's traceback, if it is long."""
    entries: list[TracebackType] = []
    entry = exception.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    if len(entries) <= KEPT:
        return
    if not any(note.startswith(NOTE) for note in getattr(exception, "__notes__", ())):
        lines = traceback.format_tb(entries[-SHOWN])
        exception.add_note(NOTE + "\n" + "".join(lines).rstrip())
    # The innermost first: its frame refers to the next outer one, which is still alive.
    while len(entries) > KEPT:
        entries.pop()
        entries[-1].tb_next = None


NOTE = "(The traceback was too long to be kept. Its innermost frames were:)"
