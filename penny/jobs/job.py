"""Jobs: calls that another worker may run, and that cost next to nothing while nobody asks.

`spawn` appends a job to a deque that only this worker sees; `join` pops it and runs it. Such a job
is *private*: a Python object, never pickled, not in shared memory. When another worker has nothing
to do it rings a doorbell, a signal, whose handler (`penny.engines.pool.doorbell`) has the oldest
private job promoted: made a public task (`penny.engines.pool.promotion`).

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

The worker's state is here, beside `spawn` and `join`, in one module on purpose: what they look at
at each call are globals, and not a module's attributes. What an execution is, is in
`penny.jobs.execution`; how a job ended, in `penny.jobs.outcomes`; how one is run that its join does
not run, and how an execution ends, in `penny.jobs.running`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from operator import setitem
from types import FrameType, FunctionType
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from penny.functions.copies import through_pickle
from penny.jobs.execution import SENTINELS, Execution, keep_unjoined, take_cancel
from penny.jobs.outcomes import (
    NO_STACK,
    AnyJob,
    Failure,
    Forgotten,
    Promotion,
    drop,
    failure,
    outcome_of,
    promotion_of,
    restore,
    settled,
    without_frame,
)
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
        """Wait until the job has ended, run it or help meanwhile, and give no outcome.

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


# -- The worker's state ---------------------------------------------------------------------------


class Enclosing(Protocol):
    """A `penny.Scope` around running code."""

    @property
    def cancelled(self) -> bool:
        """Whether it, or a scope around it, has been cancelled."""


class Public(Protocol):
    """The layer of public tasks, in a pool worker. Called masked.

    `penny.engines.pool.public` has one.
    """

    def holds_off(self, frame: FrameType | None) -> bool:
        """Whether what the doorbell interrupts is to go on first, though it is not masked."""

    def answer(self) -> None:
        """Do what the doorbell and the present demand ask for."""

    def wait(self, job: AnyJob, promotion: Promotion, deadline: float | None) -> None:
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

    def publish(self, job: AnyJob, options: Options) -> bool:
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

run_outside: Callable[[Job[Any]], None] | None = None
"""Runs a job that was spawned outside of any task. Installed by `penny.jobs.running`, which lies
above this module: `penny.jobs` imports both."""

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


# Doors: how other rooms change the state; tests/python/jobs/test_doors.py sees to it that there is
# no other way. These three are calls of C: the doorbell's handler comes when a function of Python's
# begins, but of C's only when it has ended. Nor do they need a frame (since Python 3.12), which
# may be what there is no room for.

mask: Callable[[], None] = partial(setitem, globals(), "masked", True)
"""Masks, for whoever has something to put in order whatever happens, in a `finally`."""

note: Callable[[], None] = partial(setitem, globals(), "noted", True)
"""Has whoever unmasks do what the doorbell was rung for."""

demand: Callable[[int], None] = partial(setitem, globals(), "attention")
"""Says whether the next `spawn` is to promote, or to check."""


def set_mask(flag: bool) -> bool:
    """Mask, or set the mask again as it was, without doing what was noted: `catch_up` does that.

    Setting it again fails at no depth of the stack where masking did not. The handler may come as
    it begins, masked; it does not as it ends.

    Returns:
        Whether it was masked before.
    """
    global masked
    outer_mask, masked = masked, flag
    return outer_mask


def take_note() -> bool:
    """Whether the doorbell's handler took note since it was last asked."""
    global noted
    was_noted, noted = noted, False
    return was_noted


def install(layer: Public) -> None:
    """Make jobs public by this layer from now on. For pool workers."""
    global public
    public = layer


def set_check(check: bool) -> None:
    """Send, from now on, each job's arguments and result through pickle."""
    global checking, attention
    checking = check
    attention = check or innermost is outside


# -- Jobs, one by one ----------------------------------------------------------------------------


def raised(error: BaseException) -> Failure | Forgotten:
    """The outcome of a job whose join raises this error: see `outcome_of`. Raises nothing."""
    try:
        if isinstance(error, RecursionError):
            innermost.overflowed = innermost.touched = True
        return outcome_of(error)
    except Exception:
        return NO_STACK


def collect(job: AnyJob) -> BaseException | None:
    """What a job has raised that has ended, and that the caller is going to raise."""
    error = failure(job)
    if error is not None and type(job._outcome) is not Forgotten:
        job._outcome = raised(error)
    return error


def forget(job: AnyJob) -> None:
    """The job has been joined, or withdrawn: its failure is not its execution's to report."""
    for execution in stack:
        if execution.unjoined.pop(job, job) is None:
            return


def joined(job: AnyJob) -> bool:
    """Whether the job was joined or withdrawn, or is running below."""
    return (
        job._function is None
        and promotion_of(job) is None
        and not any(job in execution.unjoined for execution in stack)
    )


def settle(job: AnyJob, pickling: bool = False, deadline: float | None = None) -> None:
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


# Claims out of order since the deques were last compacted: at most so many entries are stale.
_stale = 0


def _sweep(claimed: AnyJob) -> None:
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


# -- Attention -----------------------------------------------------------------------------------


def on_doorbell(_: int, frame: FrameType | None) -> None:
    """The signal's handler. Raises Cancelled if the running task is to end, and nothing else."""
    # It is here for what it does where the stack is full: nothing that could fail.
    global noted, attention
    noted = True
    try:
        if public is not None and not (masked or public.holds_off(frame)):
            answer()
    except RecursionError:  # for the next spawn
        noted = attention = True


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


def attend(job: Job[Any]) -> None:
    """What `spawn` has to do beyond appending the job."""
    if checking:
        _check(job)
    if innermost is outside:
        private.pop()
        assert run_outside is not None
        run_outside(job)
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
        if job._function is not None:  # else it has been promoted, and so been pickled
            job._function, job._arguments = through_pickle(job._function, job._arguments)
    except BaseException:
        drop(job)
        raise
    finally:
        masked = outer_mask
