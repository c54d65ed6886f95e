"""Promotion: a private job becomes a public task, which any worker may steal.

It is pickled, gets a slot, and stands in its execution's `unjoined` from then on. When that is
done, and for which execution, is in `penny.engines.pool.doorbell`; how such a job is joined, in
`penny.engines.pool.joining`.

A job that can't be pickled is *pinned*: it is not tried again, and its worker runs it. A job whose
function or arguments find no room, or that is too deep in the stack to be pickled, stays as it was.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from typing import Any

from penny import where
from penny.bridge.numbers import Code, Flag, Refusal
from penny.bridge.ports import WorkerPort
from penny.engines.pool.places import Places
from penny.errors import PickleError
from penny.functions.calls import is_coroutine_function, split_call
from penny.functions.copies import unchecked
from penny.functions.records import Record
from penny.jobs import job as jobs
from penny.jobs.execution import SENTINELS, Execution, oldest_private
from penny.jobs.outcomes import AnyJob, Promotion
from penny.mirror.returning import for_jobs
from penny.options import Options
from penny.wire.outbox import Outbox
from penny.wire.payload import Payload
from penny.wire.pickles import explain, pack, qualified_name, telling

__all__ = ["Patience", "Promoter"]

logger = logging.getLogger("penny")


# What was in vain (there is no room; a function's job can't be pickled) is tried so often at once:
# it may have been this one job's arguments, or a moment's lack of room. Then 8 chances pass before
# the next try, then 16, and so on, up to PATIENCE_MAX: by then a try, some 40 µs, is nothing beside
# the spawns in between, which take milliseconds.
PATIENCE = 4
PATIENCE_MAX = 1 << 16

# So many functions are remembered whose jobs can't be pickled: more than a program spawns by name.
# Then all are forgotten: one that makes ever new ones would fill the memory.
UNSENDABLE_MAX = 256


class Promoter:
    """Makes a pool worker's private jobs public.

    Args:
        port: To the core.
        parcel: Where the port takes arguments from: one of its own, since the handler may come at
            any time.
        places: Of functions.
        header_of: Gives what the task of an execution needs of the submitter's modules.
    """

    def __init__(
        self,
        port: WorkerPort,
        parcel: Outbox,
        places: Places,
        header_of: Callable[[Execution], bytes],
    ) -> None:
        self._port = port
        self._parcel = parcel
        self._places = places
        self._header_of = header_of
        # Counts promotions.
        self._order = 0
        # Functions some of whose jobs could not be pickled, by identity.
        self._unsendable: dict[int, Patience] = {}
        self._told = False
        self.room = Patience()
        """Where there was no room for one more job."""

    def identify(self) -> int:
        """See to it that the executions know their tasks, before others come on top.

        Returns:
            The innermost task's handle.
        """
        if jobs.innermost.handle < 0:
            handle = self._port.task()
            for execution in reversed(jobs.stack):
                if execution.handle >= 0 or execution is jobs.outside:
                    break
                execution.handle = handle
                execution.touched = True
        return jobs.innermost.handle

    def promote_oldest(self, execution: Execution) -> bool | None:
        """Promote the first job of an execution that can be.

        Returns:
            False if there is none, None if there is no room.
        """
        while (job := oldest_private(execution)) is not None:
            try:
                handle = self._promote(job, execution)
            except BaseException:
                if job._function is not None:
                    execution.jobs.insert(SENTINELS, job)
                raise
            if handle == Refusal.NO_ROOM:
                execution.jobs.insert(SENTINELS, job)
                self.room.failed()
                return None
            if handle is not None:
                self.room.over()
                return True
        return False

    def _promote(self, job: AnyJob, execution: Execution) -> int | None:
        """Promote a private job, whose entry has been taken.

        Returns:
            Its handle; NO_ROOM; None if it was pinned, or claimed by what its pickling called.
        """
        assert job._function is not None
        function, arguments = split_call(unchecked(job._function), job._arguments)
        patience = self._unsendable.get(id(function))
        if patience is not None and patience.passes():
            execution.pinned[job] = self._order
            execution.touched = True
            return None
        try:
            with for_jobs(self._header_of(execution)):
                data = pack(arguments)
                place = self._places.place_of(function)
        except MemoryError:
            return Refusal.NO_ROOM
        except BaseException as error:
            if job._function is not None:
                self._pin(job, execution, error)
                self._lose_patience(function)
            return None
        if patience is not None:
            del self._unsendable[id(function)]
        if job._function is None:
            return None
        interactive = bool(execution.code & Code.IS_INTERACTIVE)
        return self._send(job, execution, function, place, data, 0, interactive, 0, False)

    def _send(
        self,
        job: AnyJob,
        execution: Execution,
        function: Callable[..., Any],
        place: tuple[int, int, Record | None],
        data: bytes | Payload,
        flags: int,
        interactive: bool,
        limit: int,
        alone: bool,
    ) -> int:
        """Make a job public. Returns its handle or Refusal.NO_ROOM."""
        assert job._function is not None
        promotion = Promotion(job._function, job._arguments)
        promotion.coroutine = bool(flags & Flag.COROUTINE)
        promotion.limited = limit > 0
        promotion.alone = alone
        promotion.order = self._order
        parent = self.identify() if execution.handle < 0 else execution.handle
        while True:
            entry, serial, promotion.record = place
            how = interactive, limit, parent, alone
            handle = self._parcel.send(self._port.promote, data, entry, serial, flags, *how)
            if handle != Refusal.ENTRY_GONE:
                break
            self._places.unloaded(function)
            with for_jobs(self._header_of(execution)):
                place = self._places.place_of(function)
        if handle >= 0:
            # No call from here on, which might find the stack too deep.
            promotion.handle = handle
            self._order += 1
            job._function = None
            job._outcome = promotion
            job._arguments = ()
            execution.unjoined[job] = None
            execution.touched = True
        return handle

    def _pin(self, job: AnyJob, execution: Execution, error: BaseException) -> None:
        execution.pinned[job] = self._order
        execution.touched = True
        if self._told or not logger.isEnabledFor(logging.DEBUG):
            return
        self._told = True
        assert job._function is not None
        name = qualified_name(job._function)
        if isinstance(error, Exception) and not isinstance(error, PickleError):
            error = _explained(name, job._arguments, error)
        logger.debug(
            "worker %s keeps jobs of %s to itself, and perhaps others: %s",
            where.worker,
            name,
            error,
        )

    def _lose_patience(self, function: Callable[..., Any]) -> None:
        """Of a function whose jobs can't be pickled, pin most untried: trying takes its time."""
        if len(self._unsendable) > UNSENDABLE_MAX:
            self._unsendable.clear()
        self._unsendable.setdefault(id(function), Patience()).failed()

    def publish(self, job: AnyJob, options: Options) -> bool:
        """Promote a new job, that is in no deque. False if there is no room.

        Raises:
            PickleError: The function or an argument can't travel.
            MemoryError: There is no room, and the function gives a coroutine: it can't run here.
        """
        assert job._function is not None
        function, arguments = split_call(unchecked(job._function), job._arguments)
        called = arguments[0] if function is operator.call else function
        flags = Flag.COROUTINE if is_coroutine_function(called) else 0
        interactive = options.interactive
        if interactive is None:
            interactive = bool(jobs.innermost.code & Code.IS_INTERACTIVE)
        try:
            with for_jobs(self._header_of(jobs.innermost)):
                place = self._places.place_of(function)
                data = pack(arguments)
        except MemoryError:
            handle = Refusal.NO_ROOM
        except PickleError:
            raise
        except Exception as error:
            raise _explained(qualified_name(called), arguments, error) from telling(error)
        else:
            execution = jobs.innermost
            alone = len(execution.jobs) > SENTINELS or bool(execution.pinned)
            handle = self._send(
                job, execution, function, place, data, flags, interactive, options.limit, alone
            )
        if handle < 0 and flags & Flag.COROUTINE:
            raise MemoryError(
                f"no room in the scheduler's shared heap for a call of {qualified_name(called)}"
            )
        return handle >= 0


class Patience:
    """With something that was tried in vain, and is to be tried again, less and less often."""

    __slots__ = ("_failures", "_left")

    def __init__(self) -> None:
        self.over()

    def over(self) -> None:
        """A try was not in vain: the next is made at once."""
        self._left = 0
        self._failures = 0

    def failed(self) -> None:
        """A try was in vain: count it, and let some chances pass if there were many."""
        self._failures += 1
        if self._failures >= PATIENCE:
            self._left = min(1 << (self._failures - 1), PATIENCE_MAX)

    def passes(self) -> bool:
        """Whether not to try this time."""
        if not self._left:
            return False
        self._left -= 1
        return True


def _explained(name: str, arguments: tuple[Any, ...], error: Exception) -> Exception:
    return explain([(f"args[{i}]", each) for i, each in enumerate(arguments)], error, name)
