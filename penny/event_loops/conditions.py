"""`threading.Condition.wait` where no other thread can notify: it delivers completions meanwhile.

"At most n in flight" is often written with a semaphore that a future's callback releases, an event
that it sets, a queue that it fills, a `concurrent.futures.Future` that it completes. With CPython's
executors a thread of the executor runs the callback while the submitter sleeps. Here the one who
sleeps has to run it. All of these sleep in `Condition.wait`; a bare `Lock.acquire` and
`SimpleQueue.get` do not, and wait for ever.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from penny.errors import BlockingError
from penny.event_loops.blocking import Work

__all__ = ["install"]

_LONG = 3600.0
"""Seconds: how long to wait for a completion before waiting again."""

_work: Work | None = None
_in_task = False


def install(work: Work, *, in_task: bool = False) -> None:
    """Let conditions wait by `work` from now on.

    Args:
        work: Brings about that futures are done.
        in_task: It runs jobs on top of whoever waits, under the locks that this one holds. So only
            waits without a timeout do that, which nothing else would end, but for an interactive
            task on top: therefore it is no error either if there is no work.
    """
    global _work, _in_task
    _work = work
    _in_task = in_task
    threading.Condition.wait = _wait  # type: ignore[method-assign]


def _wait(self: Any, timeout: float | None = None) -> bool:
    """Wait until notified or until a timeout occurs: CPython's own, but for the sleep.

    Raises:
        RuntimeError: The condition's lock is not held; or nothing is pending that could notify.
        BlockingError: A page can't wait here.
    """
    if not self._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    waiter = threading.Lock()
    waiter.acquire()
    self._waiters.append(waiter)
    saved = self._release_save()
    notified = False
    try:
        notified = _notified(waiter, timeout)
        return notified
    finally:
        self._acquire_restore(saved)
        if not notified and waiter in self._waiters:
            self._waiters.remove(waiter)


def _notified(waiter: Any, timeout: float | None) -> bool:
    assert _work is not None
    if _in_task and timeout is not None:
        return bool(waiter.acquire(True, timeout) if timeout > 0 else waiter.acquire(False))
    deadline = None if timeout is None else time.monotonic() + timeout
    while not waiter.acquire(False):
        remaining = _LONG if deadline is None else deadline - time.monotonic()
        if remaining <= 0:
            return False
        try:
            if _work.wait(remaining):
                continue
        except BlockingError:
            if deadline is None:
                raise
        if _in_task:
            return bool(waiter.acquire())
        if deadline is not None:  # nobody can notify until then, but it is no error to ask
            return bool(waiter.acquire(True, remaining))
        raise RuntimeError(
            "this wait can't end: there are no other threads, and no task is pending whose "
            "future's callback could end it"
        )
    return True
