"""Running a function as an execution of its own, and what its end is: that of all its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from penny.errors import Cancelled
from penny.jobs import job as jobs
from penny.jobs.cancellation import cancel_all
from penny.jobs.execution import Execution, keep_unjoined, newest_private, take_cancel
from penny.jobs.outcomes import (
    NO_STACK,
    AnyJob,
    Failure,
    claim,
    combine,
    drop,
    failure,
    settled,
    without_frame,
)
from penny.jobs.stack import need_stack

__all__ = ["at_end", "finish", "run", "run_apart"]

T = TypeVar("T")


def run(
    function: Callable[..., T],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    check: bool | None = None,
) -> T:
    """Run a function as an execution of its own, on top of whatever runs here.

    Args:
        function: What to call.
        args: Its arguments.
        kwargs: Its keyword arguments.
        check: Whether jobs that are spawned meanwhile go through pickle; None: as before.
    """
    outer_check = jobs.checking
    if check is not None:
        jobs.set_check(check)
    try:
        return _execute(Execution(), None, function, args, kwargs or {})
    finally:
        if check is not None:
            jobs.set_check(outer_check)


def _execute(
    execution: Execution,
    scope: jobs.Enclosing | None,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> T:
    need_stack()  # or what belongs together might be done by half
    outer_mask, jobs.masked = jobs.masked, True
    outer_scope = jobs.scope_now.set(scope)
    jobs.enter(execution)
    error: BaseException | None = None
    try:
        try:
            jobs.unmask()
            result = function(*args, **kwargs)
        except BaseException as raised:
            error = raised
        finally:
            jobs.masked = True
        error = finish(execution, error)
        if error is None:
            return result
        raise error
    finally:
        error = None  # its traceback refers to this frame
        jobs.leave()
        jobs.scope_now.reset(outer_scope)
        jobs.masked = outer_mask


def run_apart(job: AnyJob, owner: Execution) -> None:
    """Run a private job of an execution on the stack, not as its join would. Masked."""
    function = claim(job)
    keep_unjoined(job, owner)
    execution = Execution(owner.code, owner.handle)
    execution.header = owner.header
    execution.cancelled = owner.cancelled
    execution.cancel_due = owner.cancel_due
    execution.touched = True
    try:
        job._outcome = _execute(
            execution, getattr(job, "_scope", None), function, job._arguments, {}
        )
    except BaseException as error:
        job._outcome = NO_STACK  # should the calls fail
        job._outcome = Failure(without_frame(error))


def run_outside(job: jobs.Job[Any]) -> None:
    """Run a job that was spawned outside of any task, at once."""
    run_apart(job, jobs.outside)
    if not hasattr(job, "_scope"):  # else its scope's end, which takes it for unjoined, comes
        jobs.forget(job)
    error = failure(job)
    if isinstance(error, KeyboardInterrupt):  # meant for the program, not for the job
        raise error


jobs.run_outside = run_outside


def finish(execution: Execution, error: BaseException | None) -> BaseException | None:
    """End the innermost execution: run what is left of its jobs, and wait for the others. Masked.

    Args:
        execution: The innermost.
        error: What its function raised.

    Returns:
        With what it fails.
    """
    # A join may have failed before it took its job: at the limit of the stack not even the
    # doorbell's handler can be called. The job is run here, and may fail anew: a task that was told
    # of one overflow by a join is not told of those.
    overflowed = execution.overflowed
    errors = _run_at_end(execution)
    cancelled = any(isinstance(each, Cancelled) for each in (error, *errors))
    dropping = False
    failed: BaseException | None = None
    while True:
        if execution.cancel_due:
            errors.append(take_cancel(execution))
            cancelled = True
        if cancelled and not dropping:
            dropping = True
            cancel_all(execution.unjoined)
        job = newest_private(execution)
        if job is not None:
            if dropping:
                drop(job)
                continue
        elif execution.unjoined:
            job = next(iter(execution.unjoined))
        else:
            try:
                return combine(error, errors)
            finally:
                del error, errors, failed  # their tracebacks refer to this frame: no cycle
        try:
            jobs.settle(job)
        except RuntimeError as impossible:
            errors.append(impossible)
        else:
            if execution.cancel_due and not settled(job):
                continue
            failed = jobs.collect(job)
            if isinstance(failed, Cancelled):
                # Who has caught Cancelled was cancelled together with what it waited for.
                if not dropping and execution.interrupt is None:
                    errors.append(failed)
                    cancelled = True
            elif overflowed and isinstance(failed, RecursionError):
                pass
            elif failed is not None:
                errors.append(failed)
        execution.unjoined.pop(job, None)


def at_end(callback: Callable[[], object]) -> None:
    """Have `callback()` called when the function of the innermost execution has ended.

    That is before its jobs are run or waited for.

    Raises:
        RuntimeError: Nothing is being executed.
    """
    if jobs.innermost is jobs.outside:
        raise RuntimeError("there is no task that could end")
    jobs.innermost.at_end.append(callback)
    jobs.innermost.touched = True


def _run_at_end(execution: Execution) -> list[BaseException]:
    errors: list[BaseException] = []
    while execution.at_end:
        callback = execution.at_end.pop(0)
        try:
            jobs.unmask()
            callback()
        except BaseException as error:
            errors.append(error)
        finally:
            jobs.masked = True
    return errors
