"""Promotion: private jobs become public tasks when somebody asks for work.

A worker that finds nothing to do is *hungry*: it rings the busy ones. The doorbell is a signal,
whose handler CPython runs between two bytecodes of whatever they are doing; why it was rung stands
in a word of shared memory. The handler pickles the oldest private job, makes it a task that anybody
may steal, and returns. If there is no private job yet, the next `spawn` promotes
(`jobs.attention`).

What keeps it safe:

1. While masked, the handler only takes note; whoever unmasks looks whether it has.
2. It does not raise into the user's code, except Cancelled, and that only in the very task that is
   to be cancelled: while another one is on top it stays due.
3. A job that can't be pickled is *pinned*: it is not tried again, and its worker runs it. A job
   whose function or arguments find no room, or that is too deep in the stack to be pickled, stays
   as it was.
4. A worker that sleeps in a join runs no handler: so where a private job is left on its stack it
   is woken by who asks for one.
5. A join that waits runs nothing on top of itself but what belongs to it (and, in a batch task,
   interactive ones): what the task has spawned since the job that it waits for, that job, and
   their jobs. All that a program without `spawn` would call before this join is over; anything
   else might want what is held meanwhile, a lock say. Jobs are promoted oldest first, so
   whatever is private, or was promoted later, was spawned later.
"""

from __future__ import annotations

import logging
import operator
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from penny import where
from penny.bridge.numbers import CancelReason, Code, Flag, Joined, Place, Reason, Refusal
from penny.bridge.ports import WorkerPort
from penny.by_value.exception_parts import add_notes
from penny.errors import Cancelled, PickleError, WorkerLost
from penny.event_loops import blocking
from penny.functions.copies import unchecked
from penny.functions.table import FunctionRecords, Record, is_coroutine_function, split_call
from penny.hints.files import explained
from penny.jobs import job as jobs
from penny.jobs.job import Execution, Failure, Job, Promotion
from penny.jobs.scopes import Scope
from penny.jobs.stack import deeper_than
from penny.mirror.mirror import agrees, for_jobs, header_now
from penny.options import Options
from penny.wire.exceptions import loads_exception
from penny.wire.outbox import Outbox
from penny.wire.payload import Payload, Reader, load
from penny.wire.pickles import explain, loads, pack, qualified_name

__all__ = ["Promoter"]

logger = logging.getLogger("penny")

# Jobs that may be stacked by waiting, each of which enters CPython's evaluation loop anew, on the C
# stack, of which the recursion limit knows nothing; and the share of that limit that they may begin
# at.
HELPS_MAX = 64
HELP_SHARE = 1 / 4
# The same for a task that runs on top of another one because it is urgent.
URGENT_SHARE = 1 / 2
# Frames that pickling gets.
PICKLING_FRAMES = 300

# What was in vain (there is no room; a function's job can't be pickled) is tried so often at once;
# then 8 chances pass before the next try, then 16, and so on.
PATIENCE = 4
PATIENCE_MAX = 1 << 16
UNSENDABLE_MAX = 256

# A thief that is back for more sooner than this after each job it got, gets twice as many the next
# time: so long it takes to ask for one and get it, and the job was not worth that.
SMALL_SECONDS = 250e-6
HELPING_MAX = 16


class Promoter:
    """A pool worker's public side: see `jobs.Public` for most of the methods.

    Args:
        port: To the core.
        inbox: Where the port puts outcomes.
        parcel: Where it takes arguments from: one of its own, since the handler may come at any
            time.
        run_task: Runs the task that the port has just put on the stack, on top of all else.
    """

    def __init__(
        self,
        port: WorkerPort,
        inbox: bytearray,
        parcel: Outbox,
        run_task: Callable[[int], None],
    ) -> None:
        self._port = port
        self._inbox = memoryview(inbox)
        self._parcel = parcel
        self._run_task = run_task
        # Functions that were loaded from the table, by identity, with their place in it.
        self._loaded: dict[int, tuple[Callable[..., Any], int, int, bytes]] = {}
        self._records = FunctionRecords(self._add_function, self._drop_function, stamp=header_now)
        # Why the doorbell was rung, as far as that has not been seen to.
        self._reasons = 0
        self._waiting = 0
        self._in_urgent = False
        self._room = _Patience()
        # How many jobs a hungry worker gets at once, and when one last did.
        self._helping = 1
        self._fed = 0.0
        # Counts promotions.
        self._order = 0
        # Functions some of whose jobs could not be pickled, by identity.
        self._unsendable: dict[int, _Patience] = {}
        self._told = False
        self.header_of: Callable[[Execution], bytes] = lambda _: b""
        """Gives what the task of an execution needs of the submitter's modules."""

    # -- The doorbell ----------------------------------------------------------------------------

    def install(self) -> None:
        """Answer the doorbell from now on, whenever not masked."""
        jobs.public = self
        signal.signal(signal.SIGUSR1, self.on_doorbell)

    def on_doorbell(self, _: int, frame: FrameType | None) -> None:
        """The signal's handler. Raises Cancelled if the running task is to end."""
        jobs.noted = True
        try:
            if not (jobs.masked or _ends_scope(frame) or blocking.holds_off(frame)):
                jobs.answer()
        except RecursionError:  # for the next spawn
            jobs.noted = jobs.attention = True

    def answer(self) -> None:
        """Do what the doorbell and the present demand ask for."""
        try:
            if jobs.noted:
                jobs.noted = False
                self._reasons |= self._port.reasons()
            if self._reasons & Reason.CANCEL:
                self._mark_cancelled()
                self._reasons &= ~Reason.CANCEL
            if self._reasons & Reason.STEAL:
                self._room.over()
            if self._reasons & Reason.STEAL or jobs.attention:
                self._feed()
                self._reasons &= ~Reason.STEAL
            if self._reasons & Reason.URGENT:
                self._reasons &= ~Reason.URGENT
                self._run_urgent()
        except RecursionError:
            jobs.noted = jobs.attention = True
            raise

    def _mark_cancelled(self) -> None:
        self.identify()
        awaited = []
        for execution in jobs.stack:
            if execution.handle >= 0 and execution.cancelled == CancelReason.NOT_ASKED:
                execution.cancelled = self._port.cancel_asked(execution.handle)
                if execution.cancelled != CancelReason.NOT_ASKED:
                    execution.cancel_due = execution.touched = True
                    if execution.awaited is not None and execution is not jobs.innermost:
                        awaited.append(execution.awaited)
        # What runs on top of a cancelled task may be what it waits for, by way of other workers:
        # a job of a job of it. That would never end, and the task's turn never come.
        jobs.cancel_all(awaited)

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

    def read_demand(self) -> None:
        """Look who is hungry for jobs of the innermost task, after others ran on top of it."""
        try:
            jobs.attention = bool(self._port.hungry(self.identify())) or jobs.checking
        except RecursionError:
            jobs.attention = True

    def _run_urgent(self) -> None:
        """Run interactive tasks on top of a batch one: one level, never on top of their like."""
        if not self._may_run_urgent():
            return
        self.identify()
        self._in_urgent = True
        try:
            while (code := self._port.urgent()) >= 0:
                self._run_task(code)
        finally:
            self._in_urgent = False

    def _may_run_urgent(self) -> bool:
        interactive = self._in_urgent or jobs.innermost.code & Code.IS_INTERACTIVE
        return not (interactive or _deep(URGENT_SHARE))

    # -- Demand ----------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Promote private jobs while workers are hungry. When none is left, the next spawn will.

        So, where `jobs.attention` is up, nothing of the innermost task is private that could be
        promoted: but for want of room, or of stack. Then the next spawns try again.
        """
        if self._room.passes():
            return
        self.identify()
        attention: int = jobs.checking
        for execution in self._by_priority():
            if execution is not jobs.innermost and len(execution.jobs) == jobs.SENTINELS:
                continue
            while self._port.hungry(execution.handle):
                jobs.attention = True
                if deeper_than(sys.getrecursionlimit() - PICKLING_FRAMES):
                    return
                promoted = self._promote_some(execution)
                if promoted is None:
                    return
                if not promoted:
                    attention = attention or execution is jobs.innermost
                    break
        jobs.attention = attention

    def _promote_some(self, execution: Execution) -> bool | None:
        """Promote as many jobs as a hungry worker gets at once. None: there is no room for one."""
        promoted = self._promote_oldest(execution)
        if promoted:
            for _ in range(self._next_helping() - 1):
                if not self._promote_oldest(execution):
                    break
        return promoted

    def _next_helping(self) -> int:
        """How many jobs a hungry worker gets: one, unless those it got last were tiny.

        Several workers that ask in turn look like a fast one. What they leave is taken back by its
        join.
        """
        now = time.perf_counter()
        small = now - self._fed < self._helping * SMALL_SECONDS
        self._helping = min(self._helping * 2, HELPING_MAX) if small else max(self._helping // 2, 1)
        self._fed = now
        return self._helping

    def _promote_oldest(self, execution: Execution) -> bool | None:
        """Promote the first job of an execution that can be.

        Returns:
            False if there is none, None if there is no room.
        """
        while (job := jobs.oldest_private(execution)) is not None:
            try:
                handle = self._promote(job, execution)
            except BaseException:
                if job._function is not None:
                    execution.jobs.insert(jobs.SENTINELS, job)
                raise
            if handle == Refusal.NO_ROOM:
                execution.jobs.insert(jobs.SENTINELS, job)
                self._room.failed()
                return None
            if handle is not None:
                self._room.over()
                return True
        return False

    def _by_priority(self) -> Iterator[Execution]:
        """Executions in the order of promotion: interactive ones, outermost first, then batch."""
        executions = [each for each in jobs.stack if each is not jobs.outside]
        yield from (each for each in executions if each.code & Code.IS_INTERACTIVE)
        yield from (each for each in executions if not each.code & Code.IS_INTERACTIVE)

    # -- One job ---------------------------------------------------------------------------------

    def _promote(self, job: Job[Any], execution: Execution) -> int | None:
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
            with for_jobs(self.header_of(execution)):
                data = pack(arguments)
                place = self._place_of(function)
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
        job: Job[Any],
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
            self._loaded.pop(id(function), None)
            with for_jobs(self.header_of(execution)):
                place = self._place_of(function)
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

    def _pin(self, job: Job[Any], execution: Execution, error: BaseException) -> None:
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
        self._unsendable.setdefault(id(function), _Patience()).failed()

    def publish(self, job: Job[Any], options: Options) -> bool:
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
            with for_jobs(self.header_of(jobs.innermost)):
                place = self._place_of(function)
                data = pack(arguments)
        except MemoryError:
            handle = Refusal.NO_ROOM
        except PickleError:
            raise
        except Exception as error:
            raise _explained(qualified_name(called), arguments, error) from error
        else:
            execution = jobs.innermost
            alone = len(execution.jobs) > jobs.SENTINELS or bool(execution.pinned)
            handle = self._send(
                job, execution, function, place, data, flags, interactive, options.limit, alone
            )
        if handle < 0 and flags & Flag.COROUTINE:
            raise MemoryError(
                f"no room in the scheduler's shared heap for a call of {qualified_name(called)}"
            )
        return handle >= 0

    # -- Functions -------------------------------------------------------------------------------

    def loaded(
        self, function: Callable[..., Any], entry: int, serial: int, header: bytes = b""
    ) -> None:
        """Remember where in the table a function comes from: it need not be pickled again."""
        self._loaded[id(function)] = function, entry, serial, header

    def unloaded(self, function: Callable[..., Any]) -> None:
        """Forget it."""
        self._loaded.pop(id(function), None)

    def renew(self, function: Callable[..., Any]) -> None:
        """Make later promotions use the function's present form. Raises PickleError."""
        function = split_call(function, ())[0]
        self.unloaded(function)
        with for_jobs(self.header_of(jobs.innermost)):
            self._records.renew(function)

    def _place_of(self, function: Callable[..., Any]) -> tuple[int, int, Record | None]:
        """Number and serial of the function in the table; and, if we put it there, its record.

        Raises:
            PickleError: It can't be pickled.
            MemoryError: There is no room for it.
        """
        known = self._loaded.get(id(function))
        # There it is with the names of one submission: the job's may be another.
        if known is not None and agrees(known[3]):
            return known[1], known[2], None
        record = self._records.record_for(function)
        return record.handle & ((1 << Place.BITS) - 1), record.handle >> Place.BITS, record

    def _add_function(self, form: bytes) -> int:
        handle = self._port.add_function(form)
        if handle < 0:
            raise MemoryError("no room for a function in the shared heap")
        return handle

    def _drop_function(self, handle: int) -> None:
        self._port.drop_function(handle & ((1 << Place.BITS) - 1))

    # -- Public jobs -----------------------------------------------------------------------------

    def take_back(self, promotion: Promotion) -> bool:
        """Withdraw the task if no worker has begun it."""
        return self._port.take_back(promotion.handle)

    def ask_cancel(self, promotion: Promotion) -> None:
        """Have Cancelled raised in it where it runs."""
        self._port.ask_cancel(promotion.handle)

    def begun(self, promotion: Promotion) -> bool:
        """Whether a worker has begun it."""
        return self._port.begun(promotion.handle)

    def ended(self, promotion: Promotion) -> bool:
        """Whether it has ended."""
        return self._port.ended(promotion.handle)

    def wait(self, job: Job[Any], promotion: Promotion, deadline: float | None) -> None:
        """Take the job back, or wait until it has ended, or Cancelled is due, or the time is over.

        Meanwhile run what belongs to this join: jobs that were spawned after that one, the newest
        first, and jobs of jobs, wherever they are. Nothing else, but interactive tasks on top of a
        batch one.

        Raises:
            RuntimeError: It lies below, on this worker's own stack.
        """
        handle = promotion.handle
        if any(execution.handle == handle for execution in jobs.stack):
            raise RuntimeError("this job is running below the caller, on the same stack")
        # One with a limit is run here as a task, unless the stack is too deep for that.
        if not promotion.limited and self._takes_back(job, promotion):
            return
        self.identify()
        self._waiting += 1
        waiting = jobs.innermost
        waiting.awaited = job
        try:
            while jobs.promotion_of(job) is promotion and not waiting.cancel_due:
                deep = self._waiting > HELPS_MAX or _deep(HELP_SHARE)
                if deep:
                    if self._takes_back(job, promotion):
                        return
                    while self._promote_oldest(waiting):
                        pass
                if not self._port.ended(handle):
                    found = _spawned_later(waiting, promotion)
                    if found is not None:
                        jobs.run_apart(found, waiting)
                        continue
                milliseconds = -1.0
                if deadline is not None:
                    milliseconds = max(0.0, (deadline - time.monotonic()) * 1000)
                code = self._port.join(handle, not deep, self._hears(), milliseconds)
                if code >= Code.IS_TASK:
                    self._run_task(code)
                elif code == Joined.INTERRUPTED:
                    jobs.noted = True
                    self.answer()
                elif code == Joined.NOTHING:
                    return
                else:
                    self._collect(job, promotion, code)
        finally:
            waiting.awaited = None
            self._waiting -= 1
            # Who became hungry while this worker slept did not ring it.
            self.read_demand()

    def _hears(self) -> int:
        """What is to wake this worker while it waits."""
        hears = Reason.URGENT if self._may_run_urgent() else 0
        if any(len(each.jobs) > jobs.SENTINELS for each in jobs.stack):
            hears |= Reason.STEAL
        return hears

    def _takes_back(self, job: Job[Any], promotion: Promotion) -> bool:
        if promotion.coroutine or not self._port.take_back(promotion.handle):
            return False
        jobs.restore(job)
        return True

    def _collect(self, job: Job[Any], promotion: Promotion, code: int) -> None:
        """Read the outcome of a job that has ended, and free its slot."""
        # An exception here (the stack may be deep) leaves the job as it was, to be joined again.
        outcome: Any
        if code == Joined.LOST:
            outcome = Failure(self._lost(qualified_name(promotion.function)))
        else:
            size = self._port.outcome_size()
            data = None  # in the inbox, or too large for it
            if size <= len(self._inbox):
                data = bytes(self._inbox[:size])
            reader = Reader(self._port.read_outcome, size)
            if code == Joined.RAISED:
                raised = loads_exception(reader.read() if data is None else data)
                outcome = Failure(explained(raised))
            else:
                try:
                    outcome = load(reader) if data is None else loads(data)
                except BaseException as raised:
                    name = qualified_name(promotion.function)
                    add_notes(raised, f"(while unpickling the result of {name})")
                    outcome = Failure(jobs.without_frame(raised))
        self._port.release(promotion.handle)
        job._outcome = outcome

    def _lost(self, name: str) -> BaseException:
        worker, asked = self._port.outcome_worker(), self._port.outcome_asked()
        if not asked:
            return WorkerLost(f"worker {worker} died while it ran {name}; other tasks go on")
        error = Cancelled(asked == CancelReason.TIMED_OUT)
        error.add_note(f"(worker {worker} did not get to Cancelled in time and was replaced)")
        return error


class _Patience:
    """Something that was tried in vain, and is to be tried again, less and less often."""

    __slots__ = ("_failures", "_left")

    def __init__(self) -> None:
        self.over()

    def over(self) -> None:
        """It was not in vain."""
        self._left = 0
        self._failures = 0

    def failed(self) -> None:
        """It was in vain."""
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


def _spawned_later(execution: Execution, promotion: Promotion) -> Job[Any] | None:
    """Take the entry of the newest private job that was spawned after a public one."""
    if promotion.alone:
        return None
    while len(execution.jobs) > jobs.SENTINELS:
        job = execution.jobs.pop()
        if job is not None and job._function is not None:
            return job
    for job, order in reversed(execution.pinned.items()):
        if order > promotion.order and job._function is not None:
            del execution.pinned[job]
            return job
    return None


def _deep(share: float) -> bool:
    return deeper_than(int(sys.getrecursionlimit() * share))


def _ends_scope(frame: FrameType | None) -> bool:
    """Whether a scope's end has begun and is not masked yet; it will look for what is due."""
    return (
        frame is not None
        and frame.f_code is Scope.__exit__.__code__
        and frame.f_locals["self"].open
    )
