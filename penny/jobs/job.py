"""Jobs: calls that another worker may run, and that cost next to nothing while nobody asks.

`spawn` appends a job to a deque that only this worker sees; `join` pops it and runs it. Such a job
is *private*: a Python object, never pickled, not in shared memory. When another worker has nothing
to do it rings a doorbell, a signal, and `penny.engines.pool.promotion` makes the oldest private job
a public task.

* An *execution* is a function that is run for its own sake: a task, or a job that is not run by its
  own `join`. Executions are stacked, since a worker that waits runs others on top. Each has a deque
  of its own, and ends as a scope does: when all jobs that were spawned in it have ended.
* A job is *claimed* when somebody begins to run it, or promotes it. Entries of deques are hints: a
  job that is joined out of order leaves its entry behind, *stale*, for others to skip.
* While *masked*, the doorbell's handler only takes note. Penny's own slow paths run masked and
  unmask for the user's functions. The fast paths, `spawn` and the first lines of `join`, need no
  mask: what they do to the deque is one atomic operation each, and what they popped nobody else can
  find.

Outside of any task (on plain Python, on a page) `spawn` runs its job at once, as an execution.
All of this belongs to one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from types import FunctionType
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from penny.bridge.numbers import CancelReason
from penny.by_value.exception_parts import ATTRIBUTES, add_notes, set_traceback, traceback_of
from penny.by_value.exception_state import message_of
from penny.errors import Cancelled
from penny.functions.copies import through_pickle
from penny.jobs import tracebacks
from penny.jobs.stack import deeper_than, need_stack
from penny.options import DEFAULT, Options
from penny.wire.pickles import qualified_name

__all__ = ["Job", "spawn"]

T = TypeVar("T")


class Job(Generic[T]):
    """A call made by `spawn`. Jobs don't pickle: join one, and pass on what it gives."""

    # `_function` is set until the job is claimed. From then on `_outcome` is what it returned, or a
    # Failure (Forgotten), or the Promotion of a public job; while it runs there is none. More slots
    # would cost time.
    __slots__ = ("_arguments", "_function", "_outcome")

    _function: Callable[..., T] | None
    _arguments: tuple[Any, ...]
    _outcome: Any

    # Without *args, and with __slots__, `Job(...)` is one bytecode from CPython 3.13 on.
    def __init__(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments

    def join(self) -> T:
        """The job's result: runs it here if nobody has begun it, else waits for it.

        Waiting, this worker runs what belongs to the job, and jobs that were spawned after it; an
        interactive task as well, unless it waits in one. A job that is joined again gives the same
        again. Jobs are for the function that spawned them to join, or for one that it calls: a job
        that joins another one of its task may find it unfinished on the stack below itself.

        Raises:
            BaseException: Whatever the job raised. (Deeper than a thousand frames in the stack its
                error is not kept: joined again, it raises a RecursionError that says so.)
            WorkerLost: The worker that ran it died.
            Cancelled: Its scope was cancelled, or the task that is waiting here.
            RuntimeError: It is running below, on this worker's own stack.
        """
        # Pop first, look then: the handler may take the oldest job between any two bytecodes.
        if (newest := private.pop()) is self and (function := self._function) is not None:
            try:
                self._function = None
                result = self._outcome = function(*self._arguments)
                return result
            except BaseException as error:
                try:
                    self._outcome = raised(error)
                except RecursionError:
                    self._outcome = NO_STACK
                del self, newest  # the traceback refers to this frame: no cycle
                raise
        private.append(newest)
        try:
            return self._join()
        finally:
            del self, newest

    def _join(self) -> T:
        """Join a job that is claimed, or not the newest."""
        global masked
        outer_mask, masked = masked, True
        try:
            settle(self, outer_mask)
        finally:
            masked = outer_mask
        if not outer_mask:
            unmask()
        forget(self)
        error = collect(self)
        if error is None:
            return self._outcome  # type: ignore[no-any-return]
        try:
            raise error
        finally:
            del self, error  # the traceback refers to this frame: no cycle

    def wait(self, seconds: float | None = None) -> bool:
        """Like `join`, but give no outcome.

        Args:
            seconds: When to wait no longer; None: never. A job that runs here takes its time.

        Returns:
            Whether the job has ended.

        Raises:
            Cancelled: The task that is waiting here was cancelled.
            RuntimeError: It is running below, on this worker's own stack.
        """
        global masked
        outer_mask, masked = masked, True
        was_private = self._function is not None
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            settle(self, outer_mask, deadline)
        finally:
            masked = outer_mask
        if not outer_mask:
            unmask()
        if not settled(self):
            return False
        if was_private:
            keep_unjoined(self, innermost)
        return True

    def begun(self) -> bool:
        """Whether somebody runs it, or has run it, or it was withdrawn. Never blocks."""
        if self._function is not None:
            return False
        promotion = promotion_of(self)
        return promotion is None or public is None or public.begun(promotion)

    def done(self) -> bool:
        """Whether it has ended, so that `join` does not wait. Never blocks."""
        if self._function is not None:
            return False
        promotion = promotion_of(self)
        if promotion is not None:
            return public is None or public.ended(promotion)
        return settled(self)

    def cancel(self) -> bool:
        """Withdraw it if nobody has begun it: it never runs, and joining it raises Cancelled."""
        global masked
        outer_mask, masked = masked, True
        try:
            promotion = promotion_of(self)
            if promotion is not None and public is not None and public.take_back(promotion):
                restore(self)
            if self._function is None:
                return False
            drop(self)
            forget(self)
            _sweep(self)
            return True
        finally:
            masked = outer_mask

    def ask_cancel(self) -> None:
        """Ask the worker that runs it, if another one does, to raise Cancelled in it."""
        promotion = promotion_of(self)
        if promotion is not None and public is not None:
            public.ask_cancel(promotion)

    def __repr__(self) -> str:
        function = self._function
        if function is not None:
            return f"<Job {qualified_name(function)}>"
        if promotion_of(self) is not None:
            return "<Job, public>"
        error = failure(self)
        if error is not None:
            forgotten = self._outcome if type(self._outcome) is Forgotten else None
            return f"<Job, raised {forgotten.type if forgotten else type(error).__name__}>"
        return "<Job, returned>" if settled(self) else "<Job, running>"

    def __reduce__(self) -> NoReturn:
        """Jobs don't pickle."""
        raise TypeError("a Job can't be sent to another worker: join it, and pass on what it gives")


def spawn(function: Callable[..., T], /, *args: Any) -> Job[T]:
    """Let another worker call `function(*args)`, from now on until the job is joined.

    Mostly none does, and then `join` makes the call itself. So the arguments are the very objects,
    or, where another worker has taken the job, copies of what they were at that moment: leave them
    unchanged until the job is joined. (`Scheduler(check=True)` finds code that doesn't.) A job
    whose arguments can't be pickled stays with its worker.

    A task ends when all its jobs have ended. If it returned and a job that nobody joined failed,
    the task fails with that exception, or with an ExceptionGroup of several. (With a RecursionError
    only if no join in it has raised one already.)

    Outside of any task the call is made at once. Keywords are not passed on: `functools.partial`
    does.

    Raises:
        TypeError, OverflowError: Wrong arguments of a kernel.
    """
    # `append`, without the call: this is what programs do most. Append first, look then: a handler
    # that found nothing private has put the flag up.
    job = Job(function, args)
    try:
        private.append(job)
        if attention:
            attend(job)
    except BaseException:
        job._function = None  # nobody has it, to join it
        raise
    return job


def _spawn_where_kernels_are(function: Callable[..., T], /, *args: Any) -> Job[T]:
    """`spawn` from when on there are kernels."""
    if type(function) is not FunctionType:
        check_call(function, args, {})
    job = Job(function, args)
    try:
        private.append(job)
        if attention:
            attend(job)
    except BaseException:
        job._function = None
        raise
    return job


def _check_nothing(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """There are no kernels yet."""


check_call: Callable[[Any, tuple[Any, ...], Mapping[str, Any]], None] = _check_nothing
"""Raises TypeError or OverflowError if a call is known to be one of a kernel that can't take it."""


def check_kernels(check: Callable[[Any, tuple[Any, ...], Mapping[str, Any]], None]) -> None:
    """Check the arguments of kernels where they are spawned, from now on.

    `spawn` is what programs do most, so those without kernels shall not look whether it is one: it
    is the same function, wherever it was imported, and gets other code.
    """
    global check_call
    if check_call is not check:
        check_call = check
        spawn.__code__ = _spawn_where_kernels_are.__code__.replace(
            co_name="spawn", co_qualname="spawn"
        )


def publish(
    function: Callable[..., T], args: tuple[Any, ...], options: Options = DEFAULT
) -> Job[T]:
    """Spawn a job that is public from the start, or private if there is no room.

    Args:
        function: What to call.
        args: Its arguments.
        options: How it is to be run; the time limit counts only while it is public.

    Raises:
        PickleError: The function or an argument can't travel.
        MemoryError: There is no room, and the function gives a coroutine: it can't run here.
    """
    global masked
    job = Job(function, args)
    outer_mask, masked = masked, True
    try:
        published = public is not None and public.publish(job, options)
    finally:
        masked = outer_mask
    if not published:
        append(job)
    return job


def append(job: Job[Any]) -> None:
    """What `spawn` does with a new job. Where it raises, the job does not run, if it is private."""
    try:
        private.append(job)
        if attention:
            attend(job)
    except BaseException:
        job._function = None
        raise


# -- Executions ----------------------------------------------------------------------------------

# A deque of jobs is a list, since CPython has a bytecode of its own for `list.append`, and the
# oldest is seldom taken. The sentinels at its bottom are nobody's job, so that `pop` always finds
# one; four, since a list of fewer would give its memory back at each pop, and ask for it again at
# each append.
SENTINELS = 4
Deque = list["Job[Any] | None"]


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
        """Of its task, from the port; what `penny.engines.pool.promotion` needs of it is
        its priority."""
        self.handle = handle
        """Of its task, or -1 where it has none, or nobody has asked for it."""
        self.header = b""
        """What its task's arguments need of the submitter's modules: `penny.mirror.mirror`."""
        self.jobs: Deque = [None] * SENTINELS
        """Its deque: sentinels, then private jobs, the newest last; among them stale entries."""
        self.pinned: dict[Job[Any], int] = {}
        """Private jobs that can't be pickled, some of them stale, with the number of promotions
        that their worker had made when that was found."""
        self.unjoined: dict[Job[Any], None] = {}
        """Jobs that were promoted, or ended by others than their join, until they are joined."""
        self.at_end: list[Callable[[], object]] = []
        self.awaited: Job[Any] | None = None
        """The public job that it waits for, with or without others on top."""
        self.cancelled: int = CancelReason.NOT_ASKED
        self.cancel_due = False
        """It was cancelled, and Cancelled has not yet been raised in it."""
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


class Failure:
    """How a job ended that raised."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Forgotten:
    """How a job ended that raised, where the error is not kept, but only its type and text."""

    __slots__ = ("text", "type")

    def __init__(self, type_name: str, text: str) -> None:
        self.type = type_name
        self.text = text


NO_STACK = Forgotten("RecursionError", "maximum recursion depth exceeded")

DEEP = 1000
"""Frames from where on a job does not keep the error that its join raises.

An error that has passed some 2,500 ends the interpreter when it is freed (`tracebacks.py`): so less
than half of that, since the frames that it is yet to pass come on top.
"""


class Promotion:
    """What is known of a public job."""

    __slots__ = (
        "alone",
        "arguments",
        "coroutine",
        "function",
        "handle",
        "limited",
        "order",
        "record",
    )

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.coroutine = False
        """Whether only the worker for coroutines may run it."""
        self.limited = False
        """Whether it has a time limit, which counts for tasks only."""
        self.alone = False
        """Whether jobs that were spawned before may be promoted later."""
        self.order = 0
        """How many its worker had promoted before."""
        self.handle = -1
        """Of its task."""
        self.record: object = None
        """Keeps its function in the table."""


class Enclosing(Protocol):
    """A `penny.Scope` around running code."""

    @property
    def cancelled(self) -> bool:
        """Whether it, or a scope around it, has been cancelled."""


class Public(Protocol):
    """The layer of public tasks, in a pool worker. Called masked.

    `penny.engines.pool.promotion` is one.
    """

    def answer(self) -> None:
        """Do what the doorbell and the present demand ask for."""

    def wait(self, job: Job[Any], promotion: Promotion, deadline: float | None) -> None:
        """Take the job back, or wait until it has ended, or Cancelled is due, or it is too late."""

    def take_back(self, promotion: Promotion) -> bool:
        """Withdraw the task if no worker has begun it."""

    def ask_cancel(self, promotion: Promotion) -> None:
        """Have Cancelled raised in it where it runs."""

    def begun(self, promotion: Promotion) -> bool:
        """Whether a worker has begun it."""

    def ended(self, promotion: Promotion) -> bool:
        """Whether it has ended."""

    def renew(self, function: Callable[..., Any]) -> None:
        """Make later promotions use the function's present form. Raises PickleError."""

    def publish(self, job: Job[Any], options: Options) -> bool:
        """Promote a new job. False if there is no room. Raises PickleError."""


outside = Execution()
"""What is innermost outside of any task. A job spawned in it is run at once."""

stack = [outside]
"""The executions on this worker's stack."""

innermost = outside
"""The last of them."""

private = outside.jobs
"""The private jobs of the innermost execution."""

masked = False
"""Whether the doorbell's handler may only take note."""

noted = False
"""Whether it did."""

attention: int = True
"""Whether `spawn` has more to do than to append: outside of tasks, on demand, and when checking."""

checking = False
"""Whether each job goes through pickle."""

public: Public | None = None

scope_now: ContextVar[Enclosing | None] = ContextVar("penny.scope", default=None)
"""The innermost scope that encloses the running code."""


def enter(execution: Execution) -> None:
    """Put an execution on the stack."""
    global innermost, private, attention
    if innermost is outside:
        attention = checking
    stack.append(execution)
    innermost = execution
    private = execution.jobs


def leave() -> None:
    """Take the innermost execution, which has been finished, off the stack."""
    global innermost, private, attention
    stack.pop()
    innermost = stack[-1]
    private = innermost.jobs
    if innermost is outside:
        attention = True


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
    outer_check = checking
    if check is not None:
        set_check(check)
    try:
        return _execute(Execution(), None, function, args, kwargs or {})
    finally:
        if check is not None:
            set_check(outer_check)


def set_check(check: bool) -> None:
    """Send, from now on, each job's arguments and result through pickle."""
    global checking, attention
    checking = check
    attention = check or innermost is outside


def _execute(
    execution: Execution,
    scope: Enclosing | None,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> T:
    global masked
    need_stack()  # or what belongs together might be done by half
    outer_mask, masked = masked, True
    outer_scope = scope_now.set(scope)
    enter(execution)
    error: BaseException | None = None
    try:
        try:
            unmask()
            result = function(*args, **kwargs)
        except BaseException as raised:
            error = raised
        finally:
            masked = True
        error = finish(execution, error)
        if error is None:
            return result
        raise error
    finally:
        error = None  # its traceback refers to this frame
        leave()
        scope_now.reset(outer_scope)
        masked = outer_mask


def run_apart(job: Job[Any], owner: Execution) -> None:
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
            settle(job)
        except RuntimeError as impossible:
            errors.append(impossible)
        else:
            if execution.cancel_due and not settled(job):
                continue
            failed = collect(job)
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
    if innermost is outside:
        raise RuntimeError("there is no task that could end")
    innermost.at_end.append(callback)
    innermost.touched = True


def _run_at_end(execution: Execution) -> list[BaseException]:
    global masked
    errors: list[BaseException] = []
    while execution.at_end:
        callback = execution.at_end.pop(0)
        try:
            unmask()
            callback()
        except BaseException as error:
            errors.append(error)
        finally:
            masked = True
    return errors


def combine(
    error: BaseException | None, others: list[BaseException], what: str = "jobs of a task failed"
) -> BaseException | None:
    """With what an execution fails that raised `error`, and whose unjoined jobs raised `others`."""
    if error is None:
        # That it was cancelled is not one failure among others.
        error = next((each for each in others if isinstance(each, Cancelled)), None)
        others = [each for each in others if each is not error]
    if error is not None:
        for other in others:
            attach(error, other)
        return error
    if len(others) > 1:
        return BaseExceptionGroup(what, others)
    return others[0] if others else None


def attach(error: BaseException, other: BaseException) -> None:
    """Have an exception tell of another one, that came up beside it."""
    if other is error:
        return
    with suppress(Exception):  # anything may be in their way
        said = f"{type(other).__name__}: {message_of(other)}"
        add_notes(error, f"(a job of the same task failed, too: {said})")
        ATTRIBUTES.__get__(error).setdefault("__penny_also__", []).append(other)


# -- Jobs, one by one ----------------------------------------------------------------------------


def promotion_of(job: Job[Any]) -> Promotion | None:
    """The promotion of a public job whose outcome has not been collected."""
    outcome = getattr(job, "_outcome", None)
    return outcome if type(outcome) is Promotion else None


def failure(job: Job[Any]) -> BaseException | None:
    """What the job raised, if it has."""
    outcome = getattr(job, "_outcome", None)
    if type(outcome) is Forgotten:
        return RecursionError(
            f"this job's error was not kept, so deep in the stack: {outcome.type}: {outcome.text}"
        )
    return outcome.error if type(outcome) is Failure else None


def raised(error: BaseException) -> Failure | Forgotten:
    """The outcome of a job whose join raises this error.

    The error's traceback refers to the joining frame, and that to the job: a cycle. Deep in the
    stack the error is not kept, for a frame that outlives its call keeps all that are below it on
    the stack, when they end, and so many are too long a chain to be freed
    (`penny.jobs.tracebacks`).
    """
    try:
        if isinstance(error, RecursionError):
            innermost.overflowed = innermost.touched = True
        if not deeper_than(DEEP):
            return Failure(error)
        if isinstance(error, Cancelled):
            return Failure(error.bare())
        return Forgotten(type(error).__name__, message_of(error))
    except Exception:
        return NO_STACK


def collect(job: Job[Any]) -> BaseException | None:
    """What a job has raised that has ended, and that the caller is going to raise."""
    error = failure(job)
    if error is not None and type(job._outcome) is not Forgotten:
        job._outcome = raised(error)
    return error


def settled(job: Job[Any]) -> bool:
    """Whether the job's outcome is here."""
    return job._function is None and hasattr(job, "_outcome") and promotion_of(job) is None


def claim(job: Job[Any]) -> Callable[..., Any]:
    """Take a private job's function: from now on its entries are stale."""
    function, job._function = job._function, None
    assert function is not None
    return function


def restore(job: Job[Any]) -> None:
    """Make a job private that was taken back, without an entry."""
    promotion: Promotion = job._outcome
    del job._outcome
    job._function = promotion.function
    job._arguments = promotion.arguments


def drop(job: Job[Any]) -> None:
    """Claim a private job and end it, without running it."""
    claim(job)
    job._arguments = ()
    job._outcome = Failure(Cancelled())


def keep_unjoined(job: Job[Any], execution: Execution) -> None:
    """The job leaves the execution's deque, and not by its join: whether it fails is to be seen."""
    execution.unjoined[job] = None
    execution.touched = True


def forget(job: Job[Any]) -> None:
    """The job has been joined, or withdrawn: its failure is not its execution's to report."""
    for execution in stack:
        if execution.unjoined.pop(job, job) is None:
            return


def joined(job: Job[Any]) -> bool:
    """Whether the job was joined or withdrawn, or is running below."""
    return (
        job._function is None
        and promotion_of(job) is None
        and not any(job in execution.unjoined for execution in stack)
    )


def oldest_private(execution: Execution) -> Job[Any] | None:
    """Take the entry of the oldest unclaimed job that is not pinned. Masked."""
    entries = execution.jobs
    for i in range(SENTINELS, len(entries)):
        job = entries[i]
        if job is not None and job._function is not None:
            del entries[SENTINELS : i + 1]
            return job
    del entries[SENTINELS:]
    return None


def newest_private(execution: Execution) -> Job[Any] | None:
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


def settle(job: Job[Any], pickling: bool = False, deadline: float | None = None) -> None:
    """Bring about the job's outcome, unless Cancelled becomes due, or it is too late. Masked.

    Args:
        job: Any job.
        pickling: Whether it is joined by code that is called from pickling or unpickling, where the
            mask stays.
        deadline: On `time.monotonic`'s clock, when to wait no longer; None: never.

    Raises:
        RuntimeError: It can't end while its caller runs.
    """
    global masked
    while True:
        if job._function is not None:
            _sweep(job)
            try:
                function, job._function = job._function, None
                if not pickling:
                    unmask()
                job._outcome = function(*job._arguments)
            except BaseException as error:
                job._outcome = NO_STACK  # should the calls fail
                job._outcome = Failure(without_frame(error))
            finally:
                masked = True
            return
        promotion = promotion_of(job)
        if promotion is None:
            if settled(job):
                return
            raise RuntimeError("this job is running below the caller, on the same stack")
        if pickling:
            raise RuntimeError("a job can't be waited for while a value is pickled or unpickled")
        assert public is not None
        public.wait(job, promotion, deadline)
        if promotion_of(job) is promotion:
            return


def without_frame(error: BaseException) -> BaseException:
    """The exception without the frame that caught it, which says nothing and refers to the job.

    Deep in the stack (see `raised`) without any.
    """
    entry = traceback_of(error)
    if entry is not None:
        set_traceback(error, entry.tb_next)
        if deeper_than(DEEP):
            tracebacks.take_off(error)
    return error


# Claims out of order since the deques were last compacted: at most so many entries are stale.
_stale = 0


def _sweep(claimed: Job[Any]) -> None:
    """Remove the entry of a job that is about to run, if it is quickly found; masked.

    It is among the newest two, since stale entries are removed there; or it becomes stale, and once
    stale entries may be the larger part, they all go.
    """
    global _stale
    newest = None
    while len(private) > SENTINELS:
        job = private.pop()
        if job is None or job._function is None or job is claimed:
            continue
        if newest is not None:
            private.append(job)
            break
        newest = job
    if newest is not None:
        private.append(newest)
    _stale += 1
    for execution in stack:
        execution.pinned.pop(claimed, None)
    if _stale > 32 and 2 * _stale > sum(len(execution.jobs) for execution in stack):
        _stale = 0
        for execution in stack:
            execution.jobs[SENTINELS:] = [
                job for job in execution.jobs if job is not None and job._function is not None
            ]


def cancel_all(jobs: Iterable[Job[Any]]) -> None:
    """Withdraw those jobs that have not begun, and ask the others to end."""
    for job in list(jobs):
        if not job.cancel():
            job.ask_cancel()


# -- Attention -----------------------------------------------------------------------------------


def unmask() -> None:
    """Let the doorbell's handler act, after doing what it noted, or could not do.

    There may be jobs that were in no deque when it came: a join had popped or taken them back.

    Raises:
        Cancelled: It is due for the innermost execution.
    """
    global masked
    masked = False
    if noted or innermost.cancel_due or (attention and len(private) > SENTINELS):
        answer()


class Masked:
    """A block that the doorbell's handler does not interrupt: it acts at the end."""

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        global masked
        self._outer, masked = masked, True

    def __exit__(self, *_: object) -> None:
        global masked
        if self._outer:
            masked = True
        else:
            unmask()


def answer() -> None:
    """Do what the handler noted, and what is demanded. Not masked.

    Raises:
        Cancelled: It is due for the innermost execution.
    """
    global masked, noted
    while public is not None:
        masked = True
        try:
            public.answer()
        finally:
            masked = False
        if not noted:
            break
    if innermost.cancel_due:
        raise take_cancel(innermost)


def catch_up() -> None:
    """Do what was noted, after a call in which tasks may have run on top of this one.

    Raises:
        Cancelled: It is due for the innermost execution.
    """
    if not masked and (noted or innermost.cancel_due):
        answer()


def take_cancel(execution: Execution) -> Cancelled:
    """The Cancelled that is due, which isn't from then on."""
    cancelled = Cancelled(execution.cancelled == CancelReason.TIMED_OUT)
    execution.interrupt = cancelled.bare()
    execution.cancel_due = False
    return cancelled


def attend(job: Job[Any]) -> None:
    """What `spawn` has to do beyond appending the job."""
    if checking:
        _check(job)
    if innermost is outside:
        private.pop()
        run_apart(job, outside)
        if not hasattr(job, "_scope"):  # else its scope's end, which takes it for unjoined, comes
            forget(job)
        error = failure(job)
        if isinstance(error, KeyboardInterrupt):  # meant for the program, not for the job
            raise error
    elif not masked:
        try:  # noqa: SIM105 (suppress() would take frames of its own)
            answer()
        except RecursionError:
            pass  # noted, for the next spawn


def _check(job: Job[Any]) -> None:
    """Replace what the job calls, and with what, by copies.

    Raises:
        PickleError: It can't be pickled; the job is withdrawn.
    """
    global masked
    outer_mask, masked = masked, True
    try:
        assert job._function is not None
        job._function, job._arguments = through_pickle(job._function, job._arguments)
    except BaseException:
        drop(job)
        raise
    finally:
        masked = outer_mask
