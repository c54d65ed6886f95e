"""The doorbell: how a worker that computes is asked for work, and what it does then.

A worker that finds nothing to do is *hungry*: it rings the busy ones. The doorbell is a signal,
whose handler CPython runs between two bytecodes of whatever they are doing; why it was rung stands
in a word of shared memory. The handler has the oldest private job promoted, a task that anybody may
steal, and returns. If there is no private job yet, the next `spawn` promotes (`jobs.attention`).

What keeps it safe:

1. While masked, the handler (`jobs.on_doorbell`) only takes note; whoever unmasks looks whether it
   has.
2. It does not raise into the user's code, except Cancelled, and that only in the very task that is
   to be cancelled: while another one is on top it stays due.
3. A worker that sleeps in a join runs no handler: so where a private job is left on its stack it
   is woken by who asks for one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

from penny.bridge.numbers import CancelReason, Code, Reason
from penny.bridge.ports import WorkerPort
from penny.engines.pool.promotion import Promoter
from penny.event_loops import blocking
from penny.jobs import job as jobs
from penny.jobs.cancellation import cancel_all
from penny.jobs.execution import SENTINELS, Execution
from penny.jobs.scopes import Scope
from penny.jobs.stack import deep, deeper_than

__all__ = ["Doorbell"]

# Above this share of the recursion limit no urgent task begins on top of another one: what is left
# is for both.
URGENT_SHARE = 1 / 2
# Frames that pickling gets. It is the program's __reduce__ and __getstate__ that need them, and
# these come one within another: a hundred levels of three. Deeper values fail to be pickled here,
# and their jobs stay private.
PICKLING_FRAMES = 300

# A thief that is back for more sooner than this after each job it got, gets twice as many the next
# time: so long it takes to ask for one and get it, and the job was not worth that.
SMALL_SECONDS = 250e-6
# But no more. The oldest jobs are the largest where recursion makes them: the victim would soon be
# the hungry one. And a sixteenth of what it costs to ask is little beside promoting a job.
HELPING_MAX = 16


class Doorbell:
    """Answers a pool worker's doorbell.

    Args:
        port: To the core.
        promoter: Of this worker's jobs.
        run_task: Runs the task that the port has just put on the stack, on top of all else.
    """

    def __init__(
        self, port: WorkerPort, promoter: Promoter, run_task: Callable[[int], None]
    ) -> None:
        self._port = port
        self._promoter = promoter
        self._run_task = run_task
        # Why it was rung, as far as that has not been seen to.
        self._reasons = 0
        self._in_urgent = False
        # How many jobs a hungry worker gets at once, and when one last did.
        self._helping = 1
        self._fed = 0.0

    def holds_off(self, frame: FrameType | None) -> bool:
        """Whether what the doorbell interrupts is to go on first, though it is not masked."""
        return _ends_scope(frame) or blocking.holds_off(frame)

    def answer(self) -> None:
        """Do what the doorbell and the present demand ask for."""
        try:
            if jobs.take_note():
                self._reasons |= self._port.reasons()
            if self._reasons & Reason.CANCEL:
                self._mark_cancelled()
                self._reasons &= ~Reason.CANCEL
            if self._reasons & Reason.STEAL:
                self._promoter.room.over()
            if self._reasons & Reason.STEAL or jobs.attention:
                self._feed()
                self._reasons &= ~Reason.STEAL
            if self._reasons & Reason.URGENT:
                self._reasons &= ~Reason.URGENT
                self._run_urgent()
        except RecursionError:
            jobs.note()
            jobs.demand(True)
            raise

    def _mark_cancelled(self) -> None:
        self._promoter.identify()
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
        cancel_all(awaited)

    def read_demand(self) -> None:
        """Look who is hungry for jobs of the innermost task, after others ran on top of it."""
        try:
            jobs.demand(bool(self._port.hungry(self._promoter.identify())) or jobs.checking)
        except RecursionError:
            jobs.demand(True)

    def _run_urgent(self) -> None:
        """Run interactive tasks on top of a batch one: one level, never on top of their like."""
        if not self.may_run_urgent():
            return
        self._promoter.identify()
        self._in_urgent = True
        try:
            while (code := self._port.urgent()) >= 0:
                self._run_task(code)
        finally:
            self._in_urgent = False

    def may_run_urgent(self) -> bool:
        """Whether an interactive task may begin on top of what runs here now."""
        interactive = self._in_urgent or jobs.innermost.code & Code.IS_INTERACTIVE
        return not (interactive or deep(URGENT_SHARE))

    # -- Demand ----------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Promote private jobs while workers are hungry. When none is left, the next spawn will.

        So, where `jobs.attention` is up, nothing of the innermost task is private that could be
        promoted: but for want of room, or of stack. Then the next spawns try again.
        """
        if self._promoter.room.passes():
            return
        self._promoter.identify()
        attention: int = jobs.checking
        for execution in self._by_priority():
            if execution is not jobs.innermost and len(execution.jobs) == SENTINELS:
                continue
            while self._port.hungry(execution.handle):
                jobs.demand(True)
                if deeper_than(sys.getrecursionlimit() - PICKLING_FRAMES):
                    return
                promoted = self._promote_some(execution)
                if promoted is None:
                    return
                if not promoted:
                    attention = attention or execution is jobs.innermost
                    break
        jobs.demand(attention)

    def _promote_some(self, execution: Execution) -> bool | None:
        """Promote as many jobs as a hungry worker gets at once. None: there is no room for one."""
        promoted = self._promoter.promote_oldest(execution)
        if promoted:
            for _ in range(self._next_helping() - 1):
                if not self._promoter.promote_oldest(execution):
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

    def _by_priority(self) -> Iterator[Execution]:
        """Executions in the order of promotion: interactive ones, outermost first, then batch."""
        executions = [each for each in jobs.stack if each is not jobs.outside]
        yield from (each for each in executions if each.code & Code.IS_INTERACTIVE)
        yield from (each for each in executions if not each.code & Code.IS_INTERACTIVE)


def _ends_scope(frame: FrameType | None) -> bool:
    """Whether a scope's end has begun and is not masked yet; it will look for what is due."""
    return (
        frame is not None
        and frame.f_code is Scope.__exit__.__code__
        and frame.f_locals["self"].open
    )
