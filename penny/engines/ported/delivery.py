"""From an outcome that has arrived to its future: delivery, and whoever waits for it.

Between any two lines here somebody else may have called any method: a future's callback, what is
pickled and unpickled, and a finalizer, which runs whenever garbage is collected. Why no outcome
reaches another's future then, and none is lost: web/penny/tasks/README.md.
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from typing import Any

from penny.bridge import javascript
from penny.bridge.numbers import Outcome
from penny.bridge.ports import ClientPort
from penny.by_value.exception_parts import add_notes
from penny.engines.outcomes import fail, overtime
from penny.engines.ported.arrivals import Arrivals, Large, whole
from penny.errors import BlockingError, BrokenPool, WorkerLost
from penny.event_loops import executors, interrupts
from penny.functions.records import Record
from penny.futures import DONE, Future
from penny.hints.files import explained
from penny.kernels import modules
from penny.options import Options
from penny.wire.exceptions import loads_exception
from penny.wire.payload import load
from penny.wire.pickles import loads

__all__ = ["Delivery", "Waiting", "looked_at"]

# Where concurrent.futures reports what callbacks raise.
_logger = logging.getLogger("concurrent.futures")


# What a pickle says of any kernel, or module of them: the name of the room.
_OF_KERNELS = modules.__package__.encode()


class Waiting(Enum):
    """How the one who submits waits for completions."""

    ASLEEP = auto()
    """A host worker sleeps."""
    SUSPENDED = auto()
    """A page is suspended, if it was entered so that it can be."""
    BESIDE_KEEPER = auto()
    """A worker sleeps, once there is another one that starts the pool's workers meanwhile."""
    NEVER = auto()
    """A coroutine awaits: others would wait with it."""


NAP = 0.002
"""Seconds within which the next completion is worth to be slept for, after one."""

TURN = 0.02
"""Seconds after which the event loop is to have a turn, however fast completions come."""

_CAN_NOT_WAIT = {
    Waiting.NEVER: (
        "a coroutine task can't wait, others would wait with it: use `await future` (or `async "
        "for`)"
    ),
    Waiting.SUSPENDED: (
        "this page can't wait: use `await future` (or `async with`, `async for`); or run it where "
        "it may block, in a <script data-penny> element or with `penny run`"
    ),
    Waiting.BESIDE_KEEPER: (
        "this worker can't wait yet: what starts Penny's workers begins when the event loop gets "
        "its turn, and isn't there so far. Import penny in a cell before, or run this cell once "
        "more; or use `await future` (or `async with`, `async for`)"
    ),
}


def looked_at() -> bool:
    """Whether `wait` or `as_completed`, interrupted below, is looking at which futures are done.

    They look while they hold the futures' condition, and nothing may be completed meanwhile. A
    thread would wait for it; a finalizer, which interrupts on the same thread, has to come again.
    """
    return bool(Future._condition._is_owned())


class Delivery:
    """The half of a client that completes futures; the other is `client.PortClient`.

    Args:
        port: Tells of completions.
        inbox: Where it puts outcomes.
        waiting: How to wait for them.
        kernels_of: What modules of kernels are sent to, and come from; None: they travel whole.
    """

    def __init__(
        self,
        port: ClientPort,
        inbox: bytearray,
        waiting: Waiting,
        kernels_of: modules.Destination | None,
    ) -> None:
        self._port = port
        self._waiting = waiting
        self._kernels = kernels_of
        # Made once: one is needed for each submission.
        self._sending: AbstractContextManager[None] = (
            nullcontext() if kernels_of is None else modules.sent_to(kernels_of)
        )
        # Calls that have not ended, by ticket: a number that is never used again. So an outcome can
        # only be that of the call it names.
        self._pending: dict[int, tuple[Future[Any], Record, Options]] = {}
        self._arrivals = Arrivals(port, inbox)
        self.completed = 0
        self._suspended = 0  # how many wait suspended, and have to be told
        # Whether who is suspended could also sleep: it is no page, and shares memory.
        self._naps = False
        # When it last heard of a completion, and when the event loop last had a turn.
        self._heard = self._turned = -math.inf
        self._broken: str | None = None

    def _delivered(self) -> bool:
        """Called after each delivery. True if it has completed a future of its own."""
        raise NotImplementedError

    def can_block(self) -> bool:
        """A host worker can; a page where it can be suspended."""
        if self._waiting is Waiting.SUSPENDED:
            return javascript.can_run_sync()
        if self._waiting is Waiting.BESIDE_KEEPER and self._port.can_sleep():
            self._waiting = Waiting.ASLEEP
        return self._waiting is Waiting.ASLEEP

    def hindrance(self) -> str:
        """See `Hindered`."""
        return _CAN_NOT_WAIT[self._waiting]

    def listen(self) -> None:
        """JavaScript tells of completions by itself."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Wait for completions: a host worker sleeps, a page is suspended."""
        if since is None:
            since = self.completed
        if wanted is not None and wanted._state in DONE:
            return True
        delivered = self._deliver()
        if timeout == 0:
            more = delivered
            while more and (wanted is None or wanted._state not in DONE):
                more = self._deliver()
        if delivered or timeout == 0:
            return delivered
        if looked_at():
            raise BlockingError("a finalizer can't wait while another wait begins")
        if not self.can_block():
            raise BlockingError(self.hindrance())
        deadline = None if timeout is None else time.monotonic() + timeout
        while not delivered:
            remaining = -1.0 if deadline is None else (deadline - time.monotonic()) * 1000
            if deadline is not None and remaining <= 0:
                return False
            if self._waiting is Waiting.SUSPENDED:
                if self._naps and self._may_nap():
                    delivered = self._nap(remaining)
                    continue
                # Before looking once more: from now on, whoever completes a future resolves it.
                self._suspended += 1
                try:
                    told = self._port.next_told(remaining)
                    if self.completed == since:
                        javascript.run_sync(told, self._port.tell)
                        self._deliver()
                finally:
                    self._suspended -= 1
                    self._turned = time.monotonic()
                return True  # also if it was the event loop that delivered
            # Another handler of Ctrl-C than Python's may have something to do for an event loop.
            if self.completed != since or interrupts.look():
                return True
            self._port.wait(remaining)
            if interrupts.look():
                return True
            delivered = self._deliver()
        return True

    def _may_nap(self) -> bool:
        """Whether to sleep a moment for the next completion.

        Where they come fast that costs much less than being suspended for each. But the event loop
        stands still meanwhile, and is to have its turns.
        """
        now = time.monotonic()
        return now - self._heard < NAP and now - self._turned < TURN

    def _nap(self, milliseconds: float) -> bool:
        """Sleep a moment, or less if the time is bounded, and deliver. False: there was nothing."""
        most = 1000 * NAP
        self._port.wait(most if milliseconds < 0 else min(milliseconds, most))
        return self._deliver()

    def _on_completions(self) -> None:
        """Deliver for the event loop. An exit ends whoever runs that; else nobody could get it."""
        try:
            self._deliver()
        except BaseException as error:
            exit = isinstance(error, (SystemExit, KeyboardInterrupt))
            if not (exit and executors.exited(error)):
                _logger.exception("a callback of a future has raised")

    def _deliver(self) -> bool:
        """Complete the futures of tasks that have ended, interactive ones first, a batch of them.

        A page lives on, and whoever waits for one future looks for it, before the next batch. Where
        a delivery is under way, below on the stack, this goes on with its batch.

        Returns:
            False if there was none.

        Raises:
            BaseException: What is no Exception and was raised by a callback; all of the batch has
                been delivered.
        """
        if looked_at():
            return False
        if not self._arrivals.queue:
            self._arrivals.take()
        try:
            delivered = self._complete_arrived()
        finally:
            more = self._delivered()
        return delivered or more

    def _complete_arrived(self) -> bool:
        """Complete the futures of all that has arrived; False if there was none."""
        delivered = False
        failure: BaseException | None = None
        queue = self._arrivals.queue
        while queue:
            ticket, outcome, worker, payload = queue.popleft()
            pending = self._pending.pop(ticket, None)
            if pending is None:
                continue  # nobody knows it
            delivered = True
            future, record, options = pending
            future.ticket = future.needs = None
            try:
                self._complete(future, record, options, outcome, worker, payload)
            except BaseException as error:  # of a callback; others' futures are none the worse
                if failure is None:
                    failure = error
                else:
                    _logger.exception("a callback of %r has raised", future)
        if delivered and self._naps:
            self._heard = time.monotonic()
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle
        return delivered

    def _complete(
        self,
        future: Future[Any],
        record: Record,
        options: Options,
        outcome: int,
        worker: int,
        payload: bytes | Large,
    ) -> None:
        result: Any = None
        error: BaseException | None = None
        # Callbacks run below, when the payload is read and its slot is free.
        try:
            if outcome == Outcome.RETURNED:
                result = self._loaded(payload)
            else:
                error = self._error(outcome, worker, payload, record, options)
        except BaseException as raised:
            what = (
                "the exception that {} raised" if outcome == Outcome.RAISED else "the result of {}"
            )
            add_notes(raised, f"(while unpickling {what.format(record.name)})")
            error, outcome = raised, Outcome.LOST  # not what the task raised
        finally:
            if isinstance(payload, Large):
                payload.release()
        self._settling(future)
        try:
            if error is None and outcome == Outcome.CANCELLED:
                future.set_cancelled()
            elif error is None:
                future.set_result(result)
            elif outcome == Outcome.RAISED:
                fail(future, error, record.name, options)
            else:
                future.set_exception(error)
        finally:
            del future, error  # the traceback of the error may refer to this frame: no cycle

    def _settling(self, future: Future[Any]) -> None:
        """Let those who wait look again once this future is done, and before its callbacks run."""
        self.completed += 1
        if self._suspended:
            future._done_callbacks.insert(0, self._tell)

    def _tell(self, future: Future[Any]) -> None:
        self.completed += 1
        self._port.tell()

    def _loaded(self, payload: bytes | Large) -> Any:
        if type(payload) is bytes and _OF_KERNELS not in payload:
            return loads(payload)
        with self._sending:  # and no longer: whoever waits may pickle for others
            return payload.read(load) if isinstance(payload, Large) else loads(payload)

    def _error(
        self, outcome: int, worker: int, payload: bytes | Large, record: Record, options: Options
    ) -> BaseException | None:
        """What an outcome without a result means; None: it was cancelled."""
        if outcome == Outcome.RAISED:
            return explained(whole(payload, loads_exception))
        if outcome == Outcome.CANCELLED:
            return None
        if outcome == Outcome.TIMED_OUT:
            late = overtime(record.name, options)
            late.add_note(f"(worker {worker} did not get to Cancelled in time and was replaced)")
            return late
        if outcome == Outcome.LOST:
            return WorkerLost(f"worker {worker} died while it ran {record.name}; other tasks go on")
        if outcome == Outcome.CORRUPTED:
            return RuntimeError(
                f"the shared memory is corrupted: the outcome of {record.name} is not known"
            )
        if outcome == Outcome.NO_ROOM:
            return MemoryError(
                f"the arguments of {record.name} find no room in the scheduler's shared heap, "
                "although nothing else is under way: give the Scheduler a larger memory="
            )
        self._broken = whole(payload, bytes).decode()
        return BrokenPool(f"the workers could not be started: {self._broken}")
