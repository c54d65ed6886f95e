"""Scopes: `with penny.scope() as s:` ends when all that was spawned in it has ended."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from penny.errors import Cancelled
from penny.jobs import job as jobs
from penny.jobs.cancellation import cancel_all
from penny.jobs.execution import take_cancel
from penny.jobs.job import Job
from penny.jobs.outcomes import NO_STACK, attach, combine, drop, failure, settled

__all__ = ["Scope", "scope"]

T = TypeVar("T")

# Jobs that have returned leave the scope's list when it has grown to this, and to twice what was
# left: so each is looked at twice at most, and small scopes, the most, never look.
LIST_MIN = 1024


def scope() -> Scope:
    """A scope for jobs: `with penny.scope() as s: s.spawn(f, x)`. See `Scope`."""
    return Scope()


class _ScopeJob(Job[T]):
    """A job that knows its scope, for where it is not run by its join."""

    __slots__ = ("_scope",)

    _scope: Scope


class Scope:
    """Joins, at the end of its `with` block, all jobs that were spawned in it.

    It does so also when the block raises, and whatever the jobs raise. Then it raises

    * the exception, if there is but one, of a job or of the block;
    * an ExceptionGroup of all of them, that of the block first, if there are several. (A
      BaseExceptionGroup, where one is no Exception.)

    If the block is left by `Cancelled`, the jobs are cancelled, and `Cancelled` goes on, with the
    others' failures attached to it as notes.

    A scope is for one `with` block. Scopes don't pickle.
    """

    def __init__(self) -> None:
        self._jobs: list[Job[Any]] = []
        self._prune_at = LIST_MIN
        self._begun = False
        self._cancelled = False
        self._outer: jobs.Enclosing | None = None
        self._token: Token[jobs.Enclosing | None] | None = None

    def spawn(self, function: Callable[..., T], /, *args: Any) -> Job[T]:
        """Spawn a job, as `penny.spawn` does, that ends before the scope does.

        Jobs of the scope may spawn others in it. In a cancelled scope a new job never runs.

        Raises:
            RuntimeError: The scope's block has not begun, or has ended.
            TypeError, OverflowError: Wrong arguments of a kernel.
        """
        if not self.open:
            raise RuntimeError("jobs can be spawned in a scope only within its `with` block")
        jobs.check_call(function, args, {})
        job = _ScopeJob(function, args)
        job._scope = self
        if len(self._jobs) >= self._prune_at:
            self._prune()
        # Before it can run, so that a Cancelled in between loses nothing.
        self._jobs.append(job)
        if self._cancelled:
            drop(job)
            return job
        jobs.append(job)
        return job

    def cancel(self) -> None:
        """Cancel all jobs of the scope.

        Those that have not begun never run; `penny.Cancelled` is raised in those that run in other
        workers, and the scope waits for them to end. Those that run on this worker's stack can ask
        `penny.cancelled()`. The block itself goes on. No Cancelled comes out of the scope for it.
        """
        self._cancelled = True
        cancel_all(self._jobs)

    @property
    def open(self) -> bool:
        """Whether its block has begun and its jobs have not all been joined."""
        return self._token is not None

    @property
    def cancelled(self) -> bool:
        """Whether it, or a scope around it, has been cancelled."""
        return self._cancelled or (self._outer is not None and self._outer.cancelled)

    def __enter__(self) -> Self:
        """Begin the block."""
        if self._begun:
            raise RuntimeError("a scope is for one `with` block: make another one")
        self._begun = True
        self._outer = jobs.scope_now.get()
        self._token = jobs.scope_now.set(self)
        return self

    def __exit__(
        self,
        cls: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """End the block: join all jobs, and raise what failed."""
        outer_mask, jobs.masked = jobs.masked, True
        interrupt: BaseException | None = None
        try:
            if isinstance(error, Cancelled) and not self._swallows(error):
                interrupt = error
            errors, interrupt = self._settle(error, interrupt, outer_mask)
        except RecursionError:
            for job in self._jobs:  # none of them is to begin after the scope
                if job._function is not None:
                    job._function, job._outcome = None, NO_STACK
            raise
        finally:
            assert self._token is not None
            jobs.scope_now.reset(self._token)
            self._token = None
            jobs.masked = outer_mask
        if not outer_mask:
            try:
                jobs.unmask()
            except Cancelled as cancelled:
                interrupt = interrupt or cancelled
        if interrupt is not None:
            for other in (error, *errors):
                if other is not None:
                    attach(interrupt, other)
            if interrupt is error:
                return False
            try:
                raise interrupt
            finally:
                del error, errors, interrupt, other  # the traceback refers to this frame: no cycle
        swallow = isinstance(error, Cancelled)
        if error is not None and not swallow:
            if not errors:
                return False
            errors.insert(0, error)
        failed = combine(None, errors, "jobs of a scope failed")
        if failed is None:
            return swallow
        try:
            raise failed
        finally:
            del error, errors, failed  # the traceback refers to this frame: no cycle

    def _settle(
        self, error: BaseException | None, interrupt: BaseException | None, pickling: bool
    ) -> tuple[list[BaseException], BaseException | None]:
        """Join all jobs, the newest first. Their failures, and a Cancelled that has to go on."""
        errors: list[BaseException] = []
        failed: BaseException | None = None
        execution = jobs.innermost
        while self._jobs:
            if interrupt is not None and not self._cancelled:
                self.cancel()
            job = self._jobs.pop()
            if jobs.joined(job):
                continue
            if self._cancelled and job._function is not None:
                drop(job)
                continue
            try:
                jobs.settle(job, pickling)
            except RecursionError:
                self._jobs.append(job)
                raise
            except RuntimeError as impossible:
                errors.append(impossible)
                continue
            if not settled(job):
                # Waiting for it was interrupted.
                interrupt = take_cancel(execution)
                self._jobs.append(job)
                continue
            jobs.forget(job)
            failed = jobs.collect(job)
            if isinstance(failed, Cancelled):
                if not self._cancelled or failed.same(execution.interrupt):
                    interrupt = failed
            elif failed is not None and failed is not error:
                errors.append(failed)
        errors.reverse()
        try:
            return errors, interrupt
        finally:
            del error, errors, failed, interrupt  # their tracebacks refer to this frame: no cycle

    def _swallows(self, error: Cancelled) -> bool:
        """Whether the Cancelled that leaves the block comes from the scope's own `cancel`."""
        return (
            self._cancelled
            and not error.same(jobs.innermost.interrupt)
            and any(error.same(failure(job)) for job in self._jobs)
        )

    def _prune(self) -> None:
        self._jobs = [job for job in self._jobs if not settled(job) or failure(job) is not None]
        self._prune_at = max(LIST_MIN, 2 * len(self._jobs))

    def __reduce__(self) -> NoReturn:
        """Scopes don't pickle."""
        raise TypeError("a scope can't be sent to another worker: make one there")
