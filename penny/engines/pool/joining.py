"""Joining: how a worker waits for a job that it has promoted, takes it back, or reads its outcome.

A join that waits runs nothing on top of itself but what belongs to it (and, in a batch task,
interactive ones): what the task has spawned since the job that it waits for, that job, and their
jobs. All that a program without `spawn` would call before this join is over; anything else might
want what is held meanwhile, a lock say. Jobs are promoted oldest first, so whatever is private, or
was promoted later, was spawned later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from penny.bridge.numbers import CancelReason, Code, Joined, Reason
from penny.bridge.ports import WorkerPort
from penny.by_value.exception_parts import add_notes
from penny.engines.pool.doorbell import Doorbell
from penny.engines.pool.promotion import Promoter
from penny.errors import Cancelled, WorkerLost
from penny.hints.files import explained
from penny.jobs import job as jobs
from penny.jobs.execution import SENTINELS, Execution
from penny.jobs.outcomes import AnyJob, Failure, Promotion, promotion_of, restore, without_frame
from penny.jobs.running import run_apart
from penny.jobs.stack import deep
from penny.wire.exceptions import loads_exception
from penny.wire.payload import Reader, load
from penny.wire.pickles import loads, qualified_name

__all__ = ["Joining"]

# Jobs that may be stacked by waiting, each of which enters CPython's evaluation loop anew, on the C
# stack, of which the recursion limit knows nothing. Recursion that forks is some ten to thirty deep
# where it is worth a steal; 64 leaves most of the stack to what the last job does.
HELPS_MAX = 64
# And the share of the recursion limit that they may begin at: the job has the rest, as if its
# program had begun with it.
HELP_SHARE = 1 / 4


class Joining:
    """Waits for a pool worker's public jobs.

    Args:
        port: To the core.
        inbox: Where the port puts outcomes.
        promoter: Of this worker's jobs.
        doorbell: Of this worker.
        run_task: Runs the task that the port has just put on the stack, on top of all else.
    """

    def __init__(
        self,
        port: WorkerPort,
        inbox: bytearray,
        promoter: Promoter,
        doorbell: Doorbell,
        run_task: Callable[[int], None],
    ) -> None:
        self._port = port
        self._inbox = memoryview(inbox)
        self._promoter = promoter
        self._doorbell = doorbell
        self._run_task = run_task
        # Joins that wait, one on top of another.
        self._waiting = 0

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

    def wait(self, job: AnyJob, promotion: Promotion, deadline: float | None) -> None:
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
        self._promoter.identify()
        self._waiting += 1
        waiting = jobs.innermost
        waiting.awaited = job
        try:
            while promotion_of(job) is promotion and not waiting.cancel_due:
                is_deep = self._waiting > HELPS_MAX or deep(HELP_SHARE)
                if is_deep:
                    if self._takes_back(job, promotion):
                        return
                    while self._promoter.promote_oldest(waiting):
                        pass
                if not self._port.ended(handle):
                    found = _spawned_later(waiting, promotion)
                    if found is not None:
                        run_apart(found, waiting)
                        continue
                milliseconds = -1.0
                if deadline is not None:
                    milliseconds = max(0.0, (deadline - time.monotonic()) * 1000)
                code = self._port.join(handle, not is_deep, self._hears(), milliseconds)
                if code >= Code.IS_TASK:
                    self._run_task(code)
                elif code == Joined.INTERRUPTED:
                    jobs.note()
                    self._doorbell.answer()
                elif code == Joined.NOTHING:
                    return
                else:
                    self._collect(job, promotion, code)
        finally:
            waiting.awaited = None
            self._waiting -= 1
            # Who became hungry while this worker slept did not ring it.
            self._doorbell.read_demand()

    def _hears(self) -> int:
        """What is to wake this worker while it waits."""
        hears = Reason.URGENT if self._doorbell.may_run_urgent() else 0
        if any(len(each.jobs) > SENTINELS for each in jobs.stack):
            hears |= Reason.STEAL
        return hears

    def _takes_back(self, job: AnyJob, promotion: Promotion) -> bool:
        if promotion.coroutine or not self._port.take_back(promotion.handle):
            return False
        restore(job)
        return True

    def _collect(self, job: AnyJob, promotion: Promotion, code: int) -> None:
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
                    outcome = Failure(without_frame(raised))
        self._port.release(promotion.handle)
        job._outcome = outcome

    def _lost(self, name: str) -> BaseException:
        worker, asked = self._port.outcome_worker(), self._port.outcome_asked()
        if not asked:
            return WorkerLost(f"worker {worker} died while it ran {name}; other tasks go on")
        error = Cancelled(asked == CancelReason.TIMED_OUT)
        error.add_note(f"(worker {worker} did not get to Cancelled in time and was replaced)")
        return error


def _spawned_later(execution: Execution, promotion: Promotion) -> AnyJob | None:
    """Take the entry of the newest private job that was spawned after a public one."""
    if promotion.alone:
        return None
    while len(execution.jobs) > SENTINELS:
        job = execution.jobs.pop()
        if job is not None and job._function is not None:
            return job
    for job, order in reversed(execution.pinned.items()):
        if order > promotion.order and job._function is not None:
            del execution.pinned[job]
            return job
    return None
