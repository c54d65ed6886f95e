"""Executions: functions that a worker runs for their own sake, each with the jobs spawned in it.

An execution is a task, or a job that is not run by its own `join`. A worker that waits runs others
on top: `penny.jobs.job` has the stack of them, and says which is the innermost.
"""

from __future__ import annotations

from collections.abc import Callable

from penny.bridge.numbers import CancelReason
from penny.errors import Cancelled
from penny.jobs.outcomes import AnyJob

__all__ = ["SENTINELS", "Execution"]

# A deque of jobs is a list, since CPython has a bytecode of its own for `list.append`, and the
# oldest is seldom taken. The sentinels at its bottom are nobody's job, so that `pop` always finds
# one; four, since a list of fewer would give its memory back at each pop, and ask for it again at
# each append.
SENTINELS = 4
Deque = list[AnyJob | None]


class Execution:
    """A function being run for its own sake, and what was spawned in it and has not ended."""

    __slots__ = (
        "at_end",
        "awaited",
        "cancel_due",
        "cancelled",
        "code",
        "handle",
        "header",
        "interrupt",
        "jobs",
        "overflowed",
        "pinned",
        "touched",
        "unjoined",
    )

    def __init__(self, code: int = 0, handle: int = -1) -> None:
        self.code = code
        """Of its task, from the port; `penny.engines.pool` needs its priority of it."""
        self.handle = handle
        """Of its task, or -1 where it has none, or nobody has asked for it."""
        self.header = b""
        """What its task's arguments need of the submitter's modules: `penny.mirror.mirror`."""
        self.jobs: Deque = [None] * SENTINELS
        """Its deque: sentinels, then private jobs, the newest last; among them stale entries."""
        self.pinned: dict[AnyJob, int] = {}
        """Private jobs that can't be pickled, some of them stale, with the number of promotions
        that their worker had made when that was found."""
        self.unjoined: dict[AnyJob, None] = {}
        """Jobs that were promoted, or ended by others than their join, until they are joined."""
        self.at_end: list[Callable[[], object]] = []
        self.awaited: AnyJob | None = None
        """The public job that it waits for, with or without others on top."""
        self.cancelled: int = CancelReason.NOT_ASKED
        self.cancel_due = False
        """Whether its task was cancelled, and Cancelled has not yet been raised in it."""
        self.interrupt: Cancelled | None = None
        """A copy of what has been raised in it, to know it by."""
        self.overflowed = False
        """Whether a join in it has raised RecursionError."""
        self.touched = False
        """Whether anything but `code` and `jobs` may differ from a new execution's."""

    def reset(self) -> None:
        """Make it, finished, an execution of the next task."""
        self.handle = -1
        self.cancelled = CancelReason.NOT_ASKED
        self.cancel_due = self.overflowed = self.touched = False
        self.interrupt = None


def keep_unjoined(job: AnyJob, execution: Execution) -> None:
    """The job leaves the execution's deque, and not by its join: whether it fails is to be seen."""
    execution.unjoined[job] = None
    execution.touched = True


def oldest_private(execution: Execution) -> AnyJob | None:
    """Take the entry of the oldest unclaimed job that is not pinned. Masked."""
    entries = execution.jobs
    for i in range(SENTINELS, len(entries)):
        job = entries[i]
        if job is not None and job._function is not None:
            del entries[SENTINELS : i + 1]
            return job
    del entries[SENTINELS:]
    return None


def newest_private(execution: Execution) -> AnyJob | None:
    """Take the entry of the newest unclaimed job, pinned ones last. Masked."""
    while len(execution.jobs) > SENTINELS:
        job = execution.jobs.pop()
        if job is not None and job._function is not None:
            return job
    while execution.pinned:
        pinned, _ = execution.pinned.popitem()
        if pinned._function is not None:
            return pinned
    return None


def take_cancel(execution: Execution) -> Cancelled:
    """The Cancelled that is due, which isn't from then on."""
    cancelled = Cancelled(execution.cancelled == CancelReason.TIMED_OUT)
    execution.interrupt = cancelled.bare()
    execution.cancel_due = False
    return cancelled
