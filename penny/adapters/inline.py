"""Thread pools where no thread can start: calls run on whoever waits for them.

Threads share their caller's objects, so a worker with copies of these is no place for their calls.
They run here, one at a time, on the caller's stack, when somebody waits: in the order of their
submission, up to the one that is waited for; one that another call waits for runs on top of that.
Where an event loop runs, its turns are waits, too.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import contextlib
import contextvars
import sys
import time
from collections.abc import Callable
from concurrent.futures.thread import BrokenThreadPool
from typing import Any

import penny

__all__ = ["Queue", "executor_methods"]

NAP = 0.01
"""How long a wait sleeps at a time, in seconds."""

STUCK = (
    "this call waits for one below it on the same stack, which can't go on meanwhile: no thread "
    "can start here, so that the calls of a thread pool run on whoever waits for them"
)


class _Call:
    """A call that was submitted: what a future of it leads to."""

    __slots__ = ("args", "began", "fn", "future", "kwargs")

    def __init__(self, future: penny.Future[Any], fn: Any, args: Any, kwargs: Any) -> None:
        self.future = future
        self.fn, self.args, self.kwargs = fn, args, kwargs
        self.began = False


class Queue:
    """The calls of one pool that have not run, and the source of their futures.

    Args:
        begin: Called once, before the first call: the pool's initializer.
    """

    patience: float | None = None

    def __init__(self, begin: Callable[[], object] | None = None) -> None:
        self.completed = 0
        self._begin = begin
        self._broken: BaseException | None = None
        self._calls: collections.OrderedDict[int, _Call] = collections.OrderedDict()
        # A thread has a context of its own.
        self._context = contextvars.Context()
        self._running = 0
        self._listening = False

    def submit(self, fn: Any, args: Any, kwargs: Any) -> penny.Future[Any]:
        """Queue a call.

        Raises:
            BrokenThreadPool: The initializer has failed.
        """
        if self._broken is not None:
            raise BrokenThreadPool("A thread initializer failed") from self._broken
        future: penny.Future[Any] = penny.Future(self)
        call = _Call(future, fn, args, kwargs)
        future.ticket = call
        self._calls[id(call)] = call
        _waiting[self] = None
        self.listen()
        return future

    # -- What its futures ask ------------------------------------------------------------------

    def cancel(self, future: penny.Future[Any]) -> bool:
        """Whether it was not begun, and never will be."""
        return self._calls.pop(id(future.ticket), None) is not None

    def ask_cancel(self, future: penny.Future[Any]) -> bool:
        """False: nobody can ask what runs on this very stack."""
        return False

    def running(self, future: penny.Future[Any]) -> bool:
        """Whether it is on the stack."""
        return bool(future.ticket.began)

    def listen(self) -> None:
        """Have the event loop's next turn run a call, if there is a loop."""
        if self._calls and not self._listening:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_soon(self._turn)
                self._listening = True

    def _turn(self) -> None:
        self._listening = False
        try:
            self.run_next()
        finally:
            self.listen()

    def drain(
        self,
        timeout: float | None = None,
        wanted: penny.Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Run one call. True if there was one.

        Raises:
            RuntimeError: Nothing is left to run, and what is waited for lies below on this stack.
        """
        if since is not None and since != self.completed:
            return True
        call = None if wanted is None else wanted.ticket
        # On top of another call only what is asked for: the next one in line may want what the
        # call below has not done yet.
        if self._running and call is not None and id(call) in self._calls:
            self._run(self._calls.pop(id(call)))
            return True
        if self.run_next():
            return True
        if call is not None and timeout is None and _is_below(call):
            raise RuntimeError(STUCK)
        if timeout != 0:  # it runs on another stack, which the browser has suspended
            time.sleep(NAP if timeout is None else min(timeout, NAP))
        return False

    def run_next(self) -> bool:
        """Run the call that was submitted first, if there is one."""
        if not self._calls:
            return False
        call = self._calls.popitem(last=False)[1]
        if not self._calls:
            _waiting.pop(self, None)
        self._run(call)
        return True

    def run_all(self) -> None:
        """Run what has not run."""
        while self.run_next():
            pass

    def cancel_all(self) -> None:
        """Cancel what has not begun."""
        for call in list(self._calls.values()):
            call.future.cancel()

    def _run(self, call: _Call) -> None:
        future = call.future
        call.began = True
        self._running += 1
        # On top of a call that runs, the context is entered already.
        run = self._context.run if self._running == 1 else contextvars.Context().run
        result, error = None, None
        try:
            self._enter(run)
            result = run(call.fn, *call.args, **call.kwargs)
        except BaseException as raised:
            error = raised
        self._running -= 1
        self.completed += 1
        try:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
                if isinstance(error, KeyboardInterrupt):  # meant for the program
                    raise error
        finally:
            del future, call, error

    def _enter(self, run: Callable[..., Any]) -> None:
        begin, self._begin = self._begin, None
        if self._broken is None and begin is not None:
            try:
                run(begin)
            except BaseException as error:
                self._broken = error
        if self._broken is not None:
            raise BrokenThreadPool(
                "A thread initializer failed, the thread pool is not usable anymore"
            ) from self._broken


def _is_below(call: _Call) -> bool:
    """Whether the call runs on this very stack."""
    frame = sys._getframe()
    code = Queue._run.__code__
    while (outer := frame.f_back) is not None:
        frame = outer
        if frame.f_code is code and frame.f_locals.get("call") is call:
            return True
    return False


_waiting: dict[Queue, None] = {}
"""The queues that have something to run. Their pools may be forgotten by now."""


@atexit.register
def _at_exit() -> None:
    """Run what nobody has waited for, as the threads would."""
    for queue in list(_waiting):
        queue.run_all()


_QUEUE = "_penny_queue"


def _queue_of(pool: Any) -> Queue:
    queue: Queue | None = vars(pool).get(_QUEUE)
    if queue is None:
        queue = Queue(_initializer(pool))
        setattr(pool, _QUEUE, queue)
    return queue


def _initializer(pool: Any) -> Callable[[], object] | None:
    """What each of its threads would call first."""
    make = getattr(pool, "_create_worker_context", None)  # since Python 3.14
    if make is not None:
        return lambda: make().initialize()
    initializer = getattr(pool, "_initializer", None)
    if initializer is None:
        return None
    return lambda: initializer(*pool._initargs)


def _submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Queue the call; it runs when somebody waits. See `concurrent.futures.Executor.submit`."""
    if self._broken:
        raise BrokenThreadPool(self._broken)
    if self._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    return _queue_of(self).submit(fn, args, kwargs)


def _shutdown(self: Any, wait: bool = True, *, cancel_futures: bool = False) -> None:
    """Run what has not run. See `concurrent.futures.Executor.shutdown`."""
    self._shutdown = True
    queue: Queue | None = vars(self).get(_QUEUE)
    if queue is None:
        return
    if cancel_futures:
        queue.cancel_all()
    if wait:
        queue.run_all()


def executor_methods() -> dict[str, Any]:
    """Methods for `ThreadPoolExecutor`, by which its pools run inline, also those that exist."""
    return {"submit": _submit, "shutdown": _shutdown}
