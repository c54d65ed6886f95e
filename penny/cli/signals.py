"""Signals that an event loop is told of, in order with what else it is told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

__all__ = ["hear", "heard"]

_noted: set[int] = set()
"""Signals that Python knows of, and the loop has not heard yet."""


def hear(number: signal.Signals, handle: Callable[[], object]) -> None:
    """Have the running loop call `handle` when the signal has come; not if it is ignored.

    Args:
        number: Which signal. If it is ignored, as under nohup, it stays so.
        handle: Called in a turn of the loop.
    """
    if signal.getsignal(number) is signal.SIG_IGN:
        return

    def take() -> None:
        _noted.discard(number)
        handle()

    def note(number: int, _: FrameType | None) -> None:
        _noted.add(number)

    _noted.discard(number)  # that was another loop's, which has ended
    asyncio.get_running_loop().add_signal_handler(number, take)
    # asyncio's own handler does nothing: what wakes the loop is in C. This one runs before anything
    # that the loop does for an event after the signal.
    signal.signal(number, note)


async def heard() -> None:
    """Wait until every signal that has come until now was handled.

    The loop hears a signal some turns later than a thread's `call_soon_threadsafe`. So whoever
    passes on what came after one calls this before.
    """
    while _noted:
        await asyncio.sleep(0)
