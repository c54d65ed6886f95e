"""Ctrl-C in a program, which has no terminal of its own.

`web/penny/boot/interrupts.md` has the ways on which it comes: while the program computes or blocks,
the interpreter raises KeyboardInterrupt by itself; while it awaits something, `interrupt` is
called.
"""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable

from penny.bridge import javascript
from penny.event_loops import executors
from penny.event_loops.interrupts import holds_off, look, look_by

__all__ = ["ending_by", "holds_off", "interrupt", "look_by", "sleep_by"]


_ending: Callable[[], None] | None = None


def ending_by(end: Callable[[], None] | None) -> None:
    """The program has ended, and what it has begun is waited for: what ends that; None: no more."""
    global _ending
    _ending = end


def interrupt() -> None:
    """Ctrl-C has come while an event loop waits: call the program's handler, end what is run.

    As `asyncio.run` does it: its tasks are cancelled, and then it raises the KeyboardInterrupt.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        return
    try:
        handler(signal.SIGINT, None)
    except BaseException as error:
        # Whence it came is Penny's affair; where the program was, its cancelled task knows.
        error = error.with_traceback(None)
        # Who waits suspended within a task hears nothing of that task's being cancelled.
        if not javascript.end_suspension(error):
            executors.exited(error)
        if _ending is not None:
            _ending()


def sleep_by(wait: Callable[[float], object]) -> None:
    """Let `time.sleep`, and event loops that block, sleep by `wait`, which Ctrl-C ends.

    Args:
        wait: Sleeps so many milliseconds at most.
    """
    javascript.nap_by(wait)
    sleep = time.sleep

    @functools.wraps(sleep)
    def interruptible(seconds: float, /) -> None:
        if not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
            sleep(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            look()
            wait(left * 1000)
            look()

    time.sleep = interruptible  # type: ignore[assignment]
