"""The engine of futures inside tasks: what a task in a pool worker submits is that worker's job.

As with `spawn`, it costs next to nothing until another worker asks for it. Whoever waits for a
future runs its job, or, if another worker has it, what belongs to it until it has ended; so nobody
ever waits for a worker to be free. What has options, and coroutines, are public from the start.
What nobody has waited for is done when the function of the task has ended, before the task has.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from penny.bridge.numbers import CancelReason
from penny.engines.engine import Abilities
from penny.engines.outcomes import fail
from penny.errors import Cancelled
from penny.event_loops import blocking
from penny.functions.calls import is_coroutine_call
from penny.futures import DONE, Future
from penny.jobs import job as jobs
from penny.jobs.execution import Execution
from penny.jobs.job import Job
from penny.jobs.outcomes import promotion_of
from penny.jobs.running import at_end
from penny.memory.block import Memory
from penny.options import DEFAULT, Options
from penny.wire.pickles import qualified_name

__all__ = ["TaskEngine"]


class _Ticket(NamedTuple):
    """What leads from a future to its job."""

    job: Job[Any]
    execution: Execution
    name: str
    options: Options


ALONE: Final = Abilities(cancels=True, blocks=True, shares_arrays=True)
"""What there is in a worker that knows of no others: its tasks' jobs run in it."""


class Counters(Protocol):
    """What a worker can say of all of them: its port."""

    @property
    def workers(self) -> int: ...
    def stats(self) -> str: ...
    def trace(self) -> str: ...


class OwnJobs:
    """For conditions, see `blocking_loop.Work`: the futures of the task that waits."""

    def __init__(self, engine: TaskEngine) -> None:
        self.wait = engine.wait_for_own


class TaskEngine:
    """Submits to the scheduler that runs the task. See `Engine` for the methods.

    Args:
        port: Knows of all workers.
        memory: What the scheduler's workers share.
        name: Of the engine that runs the task.
        abilities: Those of that engine.
    """

    patience: float | None = 0.005
    completed = 0  # who waits works; it never sleeps for long beside another's completion

    def __init__(
        self, port: Counters, memory: Memory, name: str, abilities: Abilities = ALONE
    ) -> None:
        self.workers = port.workers
        self.memory = memory
        self.name = name
        self.abilities = abilities
        self._port = port
        # Of each execution on the stack, in the order of submission; the values don't matter.
        self._pending: dict[Execution, dict[Future[Any], None]] = {}
        self._over: set[Execution] = set()

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Make a job of the innermost task."""
        execution = jobs.innermost
        if execution in self._over:  # from a callback of what is being cancelled
            raise RuntimeError("cannot schedule new futures: the task was cancelled, or has failed")
        if execution not in self._pending:
            at_end(functools.partial(self._finish, execution))
            self._pending[execution] = {}
        name = qualified_name(function)
        if kwargs:
            function = functools.partial(function, **kwargs)
        if options != DEFAULT or is_coroutine_call(function, args):
            job = jobs.publish(function, args, options)
        else:
            job = jobs.spawn(function, *args)
        future.ticket = _Ticket(job, execution, name, options)
        self._pending[execution][future] = None

    def renew(self, function: Callable[..., Any]) -> None:
        """Let jobs that become public from now on use the function's present form."""
        if jobs.public is not None:
            jobs.public.renew(function)

    def cancel(self, future: Future[Any]) -> bool:
        """Withdraw the job if nobody has begun it."""
        if future.ticket is None or not future.ticket.job.cancel():
            return False
        self._release(future)
        return True

    def ask_cancel(self, future: Future[Any]) -> bool:
        """Ask the worker that runs it. What runs on this very stack can't be asked."""
        if future.ticket is None or promotion_of(future.ticket.job) is None:
            return False
        future.ticket.job.ask_cancel()
        return True

    def running(self, future: Future[Any]) -> bool:
        """Whether the job has been begun and has not ended."""
        if future.ticket is None:
            return False
        job = future.ticket.job
        return job.begun() and not job.done()

    def can_block(self) -> bool:
        """True: whoever waits works."""
        return True

    def listen(self) -> None:
        """The loops of tasks work for their futures themselves: `blocking_loop`."""

    def drain(
        self,
        timeout: float | None = None,
        wanted: Future[Any] | None = None,
        since: int | None = None,
    ) -> bool:
        """Run the wanted job, or what belongs to it until it has ended.

        A job that is run here can't be interrupted when the time is over.
        """
        if wanted is not None and wanted._state in DONE:
            return True  # by a callback of another, say
        if wanted is None or wanted.ticket is None:
            pending = self._pending.get(jobs.innermost, {})
            if timeout == 0:
                return any([self.drain(0, future) for future in list(pending)])
            wanted = next(reversed(pending), None)
            if wanted is None:
                return False
        job = wanted.ticket.job
        if timeout != 0:
            outer = blocking.put_aside()  # the job is in no coroutine
            try:
                job.wait(timeout)
            finally:
                jobs.mask()
                blocking.put_back(outer)
        if not job.done():
            return False
        self._settle(wanted)
        return True

    def wait(self, seconds: float) -> bool:
        """For event loops, see `blocking_loop.Work`: run the oldest pending job, or help."""
        pending = self._pending.get(jobs.innermost) or next(
            filter(None, self._pending.values()), None
        )
        if not pending:
            return False
        assert self.patience is not None
        future = next(iter(pending))
        if not self.drain(min(seconds, self.patience), future) and future in pending:
            del pending[future]  # the next one's turn
            pending[future] = None
        return True

    def wait_for_own(self, seconds: float) -> bool:
        """Run the oldest pending job that the innermost task itself has submitted, or help it.

        For conditions, see `event_loops.blocking.Work`. What others have submitted is not begun.
        """
        return bool(self._pending.get(jobs.innermost)) and self.wait(seconds)

    def _settle(self, future: Future[Any]) -> None:
        """Complete the future of a job that has ended."""
        job, _, name, options = future.ticket
        self._release(future)
        try:
            result = job.join()
        except BaseException as error:
            fail(future, error, name, options)
            # The task that waits was cancelled, too?
            if isinstance(error, Cancelled) and error.same(jobs.innermost.interrupt):
                raise
        else:
            future.set_result(result)
        finally:
            del future, job  # the future's exception refers to this frame: no cycle

    def _release(self, future: Future[Any]) -> None:
        del self._pending[future.ticket.execution][future]
        future.ticket = None

    def _finish(self, execution: Execution) -> None:
        """At the end of a task's function, do what nobody has waited for, the newest first."""
        pending = self._pending[execution]
        try:
            while pending and execution.cancelled == CancelReason.NOT_ASKED:
                self.drain(None, next(reversed(pending)))
        finally:
            self._over.add(execution)
            try:
                self._cancel_all(pending)  # the task was cancelled: what it submitted is, too
            finally:
                self._over.remove(execution)
                del self._pending[execution]

    def _cancel_all(self, pending: dict[Future[Any], None]) -> None:
        failure: BaseException | None = None
        while pending:
            future = next(iter(pending))
            job = future.ticket.job
            self._release(future)
            try:
                if not job.cancel():
                    job.ask_cancel()
                future.set_cancelled()
            except BaseException as error:  # of a callback; others are to be told, too
                failure = failure or error
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle

    def stats(self) -> dict[str, Any]:
        """What all workers did, and the heap."""
        stats: dict[str, Any] = json.loads(self._port.stats())
        return stats

    def trace(self) -> dict[str, Any] | None:
        """What all workers did, and when."""
        trace: dict[str, Any] | None = json.loads(self._port.trace() or "null")
        return trace

    def shutdown(self, *, cancel: bool) -> NoReturn:
        """Raises RuntimeError."""
        raise RuntimeError("a task can't end the scheduler that it runs on")
