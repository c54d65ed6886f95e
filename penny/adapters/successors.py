"""Workers that are replaced by new ones after so many calls: `max_tasks_per_child`.

Each is a Scheduler of one worker, which gets one call at a time. When it has had its share it is
shut down, and the next call opens another.
"""

from __future__ import annotations

import collections
import concurrent.futures
from functools import partial
from typing import Any

import penny

__all__ = ["Successors"]


class _Place:
    """Where one worker after the other takes calls."""

    scheduler: penny.Scheduler | None = None
    left = 0
    """How many more calls this worker gets."""
    call: penny.Future[Any] | None = None
    """The one that it has."""


class Successors:
    """The workers of a pool, and the source of its futures.

    Args:
        workers: How many run at a time.
        calls: How many calls each runs.

    Raises:
        NotImplementedError: Inside a task, which can't start workers.
    """

    patience: float | None = None

    def __init__(self, workers: int, calls: int) -> None:
        if penny.current_worker() is not None:
            raise NotImplementedError(
                "a task can't start workers, so a pool in it can't replace them: leave out "
                "max_tasks_per_child (maxtasksperchild), or open the pool in the script"
            )
        self.completed = 0
        self._calls = calls
        self._places = [_Place() for _ in range(workers)]
        self._waiting: collections.OrderedDict[penny.Future[Any], Any] = collections.OrderedDict()
        self._begun: dict[penny.Future[Any], _Place] = {}
        self._over = False

    def submit(self, fn: Any, args: Any, kwargs: Any) -> penny.Future[Any]:
        """Queue a call. Its arguments are pickled when a worker is free for it."""
        future: penny.Future[Any] = penny.Future(self)
        self._waiting[future] = fn, args, kwargs
        self._begin()
        return future

    def _begin(self) -> None:
        for place in self._places:
            while place.call is None and self._waiting:
                future, (fn, args, kwargs) = self._waiting.popitem(last=False)
                if place.scheduler is None:
                    place.scheduler, place.left = penny.Scheduler(1), self._calls
                try:
                    call = place.scheduler.submit(fn, *args, **kwargs)
                except Exception as error:
                    self.completed += 1
                    future.set_exception(error)
                    continue
                place.left -= 1
                place.call = call
                self._begun[future] = place
                call.add_done_callback(partial(self._ended, future, place))
        if self._over and not self._waiting:
            for place in self._places:
                if place.call is None:
                    self._end(place)

    def _ended(self, future: penny.Future[Any], place: _Place, call: Any) -> None:
        place.call = None
        del self._begun[future]
        self.completed += 1
        if not place.left:
            self._end(place)
        self._begin()
        if call.cancelled():
            future.set_cancelled()
        elif (error := call.exception(0)) is not None:
            future.set_exception(error)
        else:
            future.set_result(call.result(0))

    @staticmethod
    def _end(place: _Place) -> None:
        scheduler, place.scheduler = place.scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def shutdown(self) -> None:
        """End the workers once all calls are done."""
        self._over = True
        self._begin()

    # -- What its futures ask --------------------------------------------------------------------

    def cancel(self, future: penny.Future[Any]) -> bool:
        """Whether no worker has got it, and none will."""
        return self._waiting.pop(future, None) is not None

    def ask_cancel(self, future: penny.Future[Any]) -> bool:
        """Have the worker end it."""
        place = self._begun.get(future)
        return place is not None and place.call is not None and place.call.cancel(running=True)

    def running(self, future: penny.Future[Any]) -> bool:
        """Whether a worker has got it."""
        return future in self._begun

    def listen(self) -> None:
        """The workers' own futures are listened for since they were submitted."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: penny.Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Wait until one is done. See `penny.lowlevel`."""
        if since is not None and since != self.completed:
            return True
        calls = [place.call for place in self._begun.values() if place.call is not None]
        if not calls:
            return False
        if timeout == 0:
            return any([call.done() for call in calls])
        done, _ = concurrent.futures.wait(calls, timeout, concurrent.futures.FIRST_COMPLETED)
        return bool(done)
