"""Where Ctrl-C raises KeyboardInterrupt in a program, and where it waits a moment.

CPython raises it between any two bytecodes of the main thread. Here that thread also does what
elsewhere other threads do, and C: it delivers outcomes, runs Pyodide's event loop, makes JavaScript
of Python's objects. If it were raised in there, an outcome would be lost and whoever waits for it
would wait for ever, or it would come out as another error. So it waits until the program's own
code, or what that has called of the standard library, goes on; or until Penny is about to sleep.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

__all__ = ["holds_off", "look", "look_by"]

_ASYNCIO = os.path.dirname(asyncio.__file__)
_LIBRARY = os.path.dirname(_ASYNCIO)
_PENNY = os.path.dirname(os.path.dirname(__file__))
_ZIP = os.path.dirname(_PENNY)

_HELD = (
    *(
        folder + os.sep
        for folder in (
            _ASYNCIO,
            os.path.join(_LIBRARY, "pyodide"),
            os.path.join(_LIBRARY, "_pyodide"),
            *(os.path.join(_PENNY, room) for room in ("bridge", "engines", "event_loops", "hosts")),
        )
    ),
    os.path.join(_PENNY, "futures.py"),
    # What Pyodide calls of Python's while it makes JavaScript of an object.
    "<frozen abc>",
    "<frozen _collections_abc>",
)
_CALLED = _LIBRARY + os.sep, _ZIP + os.sep, "<frozen "
"""What others call: it is as with whoever has called it."""


def holds_off(frame: FrameType | None = None) -> bool:
    """Whether KeyboardInterrupt must not be raised in this frame; None: the caller's."""
    frame = frame or sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_HELD):
            return True
        if not name.startswith(_CALLED):
            return False
        frame = frame.f_back
    return True  # JavaScript has called it


def _never() -> bool:
    return False


_take: Callable[[], bool] = _never


def look_by(take: Callable[[], bool]) -> None:
    """Let `look` ask `take` whether Ctrl-C has come; it says so once."""
    global _take
    _take = take


def look() -> bool:
    """Call the program's handler of Ctrl-C, if that has come: here it may raise.

    To be called by what sleeps where KeyboardInterrupt is held off, before and after.

    Returns:
        Whether it has come, and the handler has not raised anything.
    """
    if not _take():
        return False
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, sys._getframe(1))
    return True
