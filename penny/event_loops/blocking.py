"""An event loop for code that may block.

By it `asyncio.run` works inside a task, and in a script where the browser can't suspend Python. It
is asyncio's own `BaseEventLoop`, all but its selector. There are no sockets to select from, and no
threads that could wake it: what a coroutine here can wait for is another coroutine, a timer, or a
future of the scheduler that its task runs on. So where asyncio would sleep in `select`, this loop
works for those futures, as their `result()` would, or sleeps until the next timer is due. If
nothing is left that could ever come, it says so instead of waiting for ever.

JavaScript stands still meanwhile. Its promises can't be awaited here, and whoever tries is told to
make the task an `async def` function, for which there is a worker that waits.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from asyncio import events
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, NamedTuple, NoReturn, Protocol

from penny import where
from penny.bridge import javascript
from penny.errors import BlockingError, Cancelled
from penny.event_loops import executors, interrupts
from penny.jobs import job as jobs

__all__ = ["BlockingLoop", "Work", "holds_off", "install", "put_aside", "put_back", "stand_in"]

NAP = 0.01
"""How long a sleep is at a time, in seconds: in between the doorbell's handler runs. Who rings
waits half of that, and to wake so often takes no processor to speak of."""

LOOK = 0.005
"""How often a loop that is busy looks whether futures are done, in seconds."""

_STOP = asyncio.base_events._run_until_complete_cb  # type: ignore[attr-defined]

WAY_OUT = (
    "make the task an `async def` function and submit that; in a script, write `await main()` "
    "instead of `asyncio.run(main())`"
)
STUCK = (
    "this event loop waits for something that can't come: no future of a scheduler is pending and "
    "no timer runs here, and no thread or JavaScript can wake it while it runs. If it is "
    f"JavaScript that is awaited: {WAY_OUT}"
)
PROMISE = (
    "a JavaScript promise can't be awaited here, since JavaScript stands still while Python runs: "
    f"{WAY_OUT}"
)


class Work(Protocol):
    """Where the futures come from that coroutines of a BlockingLoop may await."""

    def wait(self, seconds: float) -> bool:
        """Bring about that a future is done, for so long at most. False: none is pending."""


class BlockingLoop(asyncio.base_events.BaseEventLoop):
    """A loop that sleeps, or works for futures, while no coroutine can go on.

    It may run on top of another loop, of which nothing is seen meanwhile.

    Args:
        work: Does what there is to do for futures, while no coroutine can go on.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._selector = _Selector(work)
        self._interrupt: object = None

    def run_forever(self) -> None:
        """As asyncio's. Raises Cancelled if the task that runs it is cancelled."""
        global _loops
        self._interrupt = jobs.innermost.interrupt
        outer = put_aside()
        _loops += 1
        try:
            super().run_forever()
        finally:
            jobs.mask()
            _loops -= 1
            put_back(outer)

    def run_until_complete(self, future: Any) -> Any:
        """As asyncio's."""
        outer = put_aside()
        try:
            return super().run_until_complete(future)
        except BaseException:
            # The future may have ended just before: what was to stop the loop must not stop it when
            # it runs once more, for clean-up.
            for handle in list(self._ready):  # type: ignore[attr-defined]
                if handle._callback is _STOP:
                    handle.cancel()
            raise
        finally:
            jobs.mask()
            put_back(outer)

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]
        jobs.catch_up()
        # Cancelled may have been raised in a coroutine that nobody awaits: it is meant for all.
        interrupt = jobs.innermost.interrupt
        if interrupt is not self._interrupt and interrupt is not None:
            self._interrupt = interrupt
            raise interrupt.bare()

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        """Nobody sleeps in another thread."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As asyncio's, but for Cancelled, which ends the loop."""
        if not isinstance(context.get("exception"), Cancelled):
            super().call_exception_handler(context)

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        # Pyodide makes one by this method for each promise. It does so from C, on behalf of Python
        # code that does not name the method.
        if where.IN_BROWSER and "create_future" not in sys._getframe(1).f_code.co_names:
            return _Promise(loop=self)
        return asyncio.Future(loop=self)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """As asyncio's. Without an executor, or with one that starts threads, it runs inline."""
        self._check_closed()  # type: ignore[attr-defined]
        future = executors.submitted(self, executor, func, args)
        if future is None:
            future = asyncio.Future(loop=self)
            try:
                future.set_result(func(*args))
            except BaseException as error:
                future.set_exception(error)
        return future

    def set_default_executor(self, executor: Any) -> None:
        """As asyncio's, for any executor."""
        executors.set_default_executor(self, executor)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As asyncio's."""
        await executors.shutdown_default_executor(self, timeout)

    def add_signal_handler(self, sig: Any, callback: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """Raises NotImplementedError, as on Windows."""
        raise NotImplementedError("add_signal_handler: a task gets no signals")


_NOT_HERE = {
    "subprocess_exec": "processes",
    "subprocess_shell": "processes",
    "create_connection": "sockets",
    "create_server": "sockets",
    "create_unix_connection": "sockets",
    "create_unix_server": "sockets",
    "create_datagram_endpoint": "sockets",
    "connect_read_pipe": "pipes",
    "connect_write_pipe": "pipes",
}


def _refuse(name: str, what: str) -> None:
    async def method(self: BlockingLoop, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"{name}: a browser has no {what} for Python")

    method.__name__ = method.__qualname__ = name
    setattr(BlockingLoop, name, method)


for _each in _NOT_HERE.items():
    _refuse(*_each)


class _Selector:
    """What `BaseEventLoop` calls to wait, between two callbacks."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._looked = 0.0

    def select(self, timeout: float | None) -> list[Any]:
        """Wait for so many seconds at most, or, for None, until something has happened.

        It may be less: the loop asks again.
        """
        now = time.monotonic()
        if timeout == 0 and now - self._looked < LOOK:
            return []
        outer = put_aside()  # what is worked on meanwhile is in no coroutine
        try:
            jobs.catch_up()
            pending = self._work.wait(NAP if timeout is None else timeout)
        finally:
            jobs.mask()
            put_back(outer)
        self._looked = time.monotonic()
        if not pending and timeout != 0:
            if timeout is None:
                interrupt = jobs.innermost.interrupt
                raise RuntimeError(STUCK) if interrupt is None else interrupt.bare()
            javascript.nap(min(timeout, NAP))
            interrupts.look()
        return []


class _Promise(asyncio.Future[Any]):
    """The future that Pyodide makes for a JavaScript promise."""

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.done():
            raise BlockingError(PROMISE)
        return super().__await__()

    __iter__ = __await__

    def add_done_callback(self, fn: Any, /, *, context: Any = None) -> None:
        if not self.done():
            raise BlockingError(PROMISE)
        super().add_done_callback(fn, context=context)

    def then(self, *_: Any) -> NoReturn:
        """Raises BlockingError: Pyodide's callback of a future would never be called."""
        raise BlockingError(PROMISE)

    catch = finally_ = then


# -- Cancelling ----------------------------------------------------------------------------------

_loops = 0
"""How many loops run on this stack."""

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep
# What asyncio calls is not the coroutines', either.
_LIBRARY = os.path.dirname(_ASYNCIO.rstrip(os.sep)) + os.sep, "<frozen "


def holds_off(frame: FrameType | None) -> bool:
    """Whether Cancelled must not be raised in this frame, since it is asyncio's own.

    Between two lines of asyncio a step would be lost, and with it whoever waits for that step. So
    it is raised in what the coroutines themselves do, or else when the loop comes round, or whoever
    has put it aside puts it back. Also while another task runs on top, which may complete what a
    coroutine below awaits.
    """
    if not _loops:
        return False
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_ASYNCIO) or frame.f_globals is globals():
            return True
        if not name.startswith(_LIBRARY):
            return False
        frame = frame.f_back
    return False


# -- One loop on top of another ------------------------------------------------------------------


class _Outer(NamedTuple):
    """A loop that runs further down on this stack."""

    running: asyncio.AbstractEventLoop | None
    task: asyncio.Task[Any] | None
    current: asyncio.AbstractEventLoop | None
    masked: bool


# Since Python 3.12; before, each loop has a current task of its own.
_swap_task: Callable[..., Any] = getattr(
    asyncio.tasks, "_swap_current_task", lambda loop, task: None
)


def put_aside() -> _Outer:
    """Let what comes see no event loop, until `put_back`: neither a running nor a current one.

    Either is done as a whole, whenever the doorbell is rung: `jobs.catch_up` sees to what was noted
    meanwhile.
    """
    masked = jobs.set_mask(True)
    running = events._get_running_loop()
    task = None
    if running is not None:
        task = _swap_task(running, None)
        events._set_running_loop(None)
    current, _policy.loop = _policy.loop, None
    outer = _Outer(running, task, current, masked)
    # The handler does not come between the end of this call and the caller's `try`: no function
    # begins there, none of C's ends, and there is no loop.
    jobs.set_mask(masked)
    return outer


def put_back(outer: _Outer) -> None:
    """Undo `put_aside`. Masked, so that it is done whatever happens; ends the mask.

    Raises:
        Cancelled: It is due for the innermost execution.
    """
    _policy.loop = outer.current
    if outer.running is not None:
        events._set_running_loop(outer.running)
        _swap_task(outer.running, outer.task)
    jobs.set_mask(outer.masked)
    jobs.catch_up()


# The name until Python 3.14.
_Policy: Any = getattr(events, "_AbstractEventLoopPolicy", None) or events.AbstractEventLoopPolicy


class _BlockingPolicy(_Policy):  # type: ignore[misc]
    """Gives tasks their loops. As before Python 3.14, the current one is made when it is missed."""

    loop: asyncio.AbstractEventLoop | None = None
    work: Work

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        if self.loop is None or self.loop.is_closed():
            self.loop = self.new_event_loop()
        return self.loop

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop

    def new_event_loop(self) -> BlockingLoop:
        return BlockingLoop(self.work)


_policy = _BlockingPolicy()


def install(work: Work) -> None:
    """Make this interpreter's event loops blocking ones. For pool workers."""
    _policy.work = work
    set_policy = getattr(events, "_set_event_loop_policy", None) or events.set_event_loop_policy
    set_policy(_policy)
    events._set_running_loop(None)  # Pyodide's own, which does not run while a task does
    asyncio.run = _run  # Pyodide's needs its own


def _run(main: Any, *, debug: bool | None = None, loop_factory: Any = None) -> Any:
    """See `asyncio.run`. In a task it may be called below another one."""
    outer = put_aside()
    try:
        with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
            return runner.run(main)
    finally:
        jobs.mask()
        put_back(outer)


def stand_in(work: Work) -> None:
    """Let `asyncio.run` work in a host worker whose browser can't suspend Python.

    Pyodide's does wherever that is possible, and then JavaScript goes on meanwhile.
    """
    from pyodide.webloop import WebLoop

    previous = WebLoop.run_until_complete

    @functools.wraps(previous)
    def run_until_complete(self: Any, future: Any) -> Any:
        if javascript.can_run_sync() or not asyncio.iscoroutine(future):
            return previous(self, future)
        return _run(future, loop_factory=lambda: BlockingLoop(work))

    WebLoop.run_until_complete = run_until_complete
