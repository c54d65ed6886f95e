"""Who awaited a future goes on right after the event that has brought its outcome.

A callback of Pyodide's loop costs two turns of JavaScript's and several objects that cross the
bridge: more than a quick task's whole way by messages. Here the callbacks of coroutines whose
futures an event has completed are kept until its delivery is over; JavaScript then calls a function
that it has had all along, once for each (`web/penny/ports/completions.js`). They run as the loop
runs its own: in order, each on a stack that may be suspended, no coroutine of the loop below them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from penny.bridge import javascript
from penny.futures import Waiter
from penny.where import IN_BROWSER

__all__ = ["delivering", "step_proxy"]

_PREPARE = "_install_running_loop", "_install_asyncgen_hooks"
"""What Pyodide's loop does before each callback, since stacks have thread states of their own. One
that has no such methods has no such stacks, or another way: it calls all its callbacks itself."""

_ready: deque[tuple[asyncio.AbstractEventLoop, asyncio.Handle]] = deque()
_asked = 0
"""How many of them JavaScript knows of."""

_step: Any = None


def step_proxy() -> Any:
    """What JavaScript calls to run the next callback: a proxy, for ever."""
    global _step
    if _step is None:
        _step = javascript.proxy(_run_next)
    return _step


def delivering(deliver: Callable[[], None]) -> int:
    """Call `deliver`, for an event of JavaScript's.

    Returns:
        How often JavaScript is to call `step_proxy()`, when nothing runs any more.
    """
    global _asked
    outer, Waiter.take = Waiter.take, _take
    try:
        deliver()
    finally:
        Waiter.take = outer
    more = len(_ready) - _asked
    _asked += more
    return more


def _take(loop: asyncio.AbstractEventLoop, handle: asyncio.Handle) -> bool:
    """Keep a callback. False: it is the loop's to call."""
    if not _is_pyodides(type(loop)):
        return False
    _ready.append((loop, handle))
    return True


_known: dict[type, bool] = {}


def _is_pyodides(loop_class: type) -> bool:
    known = _known.get(loop_class)
    if known is None:
        known = False
        if IN_BROWSER:
            from pyodide.webloop import WebLoop

            known = issubclass(loop_class, WebLoop) and all(
                hasattr(WebLoop, name) for name in _PREPARE
            )
        _known[loop_class] = known
    return known


def _run_next() -> None:
    """Run a callback as Pyodide's loop does."""
    global _asked
    _asked -= 1
    loop: Any
    loop, h = _ready.popleft()  # by this name who hears exits finds it: `executors.hear_exits`
    for prepare in _PREPARE:
        getattr(loop, prepare)()
    if h.cancelled():
        return
    try:
        h._run()
    except SystemExit as error:
        if not loop._system_exit_handler:
            raise
        loop._system_exit_handler(error.code)
    except KeyboardInterrupt:
        if not loop._keyboard_interrupt_handler:
            raise
        loop._keyboard_interrupt_handler()
