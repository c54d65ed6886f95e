"""What asyncio's event loops do with executors, where Penny runs.

Pyodide's loop calls inline whatever `run_in_executor` is given, since its threads can't start. Here
it is taught to submit to an executor that works: a Scheduler, or any other that needs no threads.
The loops of tasks (`penny.event_loops.blocking`) are told the same.

Nor does anybody run Pyodide's loop, whom a callback's SystemExit or KeyboardInterrupt could end, as
they end `asyncio.run`. A `Run` stands for him: the program, or an `asyncio.run` that it has called.

`install` replaces methods of the loop's class and keeps what was there: for calls that Penny has
nothing to do with, and for `uninstall`. Others may replace them, too, before or after.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import sys
from collections.abc import Callable
from typing import Any

from penny.bridge.javascript import can_run_sync, run_sync
from penny.event_loops.executor import LoopExecutor
from penny.where import IN_BROWSER

__all__ = [
    "Run",
    "exited",
    "hear_exits",
    "install",
    "set_default_executor",
    "shutdown_default_executor",
    "submitted",
    "uninstall",
]

# Attribute of a loop: its default executor, where that is Penny's business. Not asyncio's name: a
# loop of asyncio's would shut it down in close(), also the scheduler that its task runs on.
DEFAULT_EXECUTOR = "_penny_default_executor"


def submitted(
    loop: asyncio.AbstractEventLoop, executor: Any, function: Callable[..., Any], args: Any
) -> asyncio.Future[Any] | None:
    """What `loop.run_in_executor` returns; None: the call is to run inline.

    That is so where there is no executor, or one that would start threads.

    Raises:
        TypeError: In debug mode: `function` is no function, or a coroutine function.
        BaseException: What the executor's `submit` raises.
    """
    if loop.get_debug():
        check = asyncio.base_events.BaseEventLoop._check_callback  # type: ignore[attr-defined]
        check(loop, function, "run_in_executor")
    keywords: dict[str, Any] = {}
    if executor is None:
        executor = getattr(loop, DEFAULT_EXECUTOR, None)
        if executor is None:
            return None
        if isinstance(executor, LoopExecutor):
            function, args, keywords = _without_context(function, args)
    if _starts_threads(executor):
        return None
    return asyncio.wrap_future(executor.submit(function, *args, **keywords), loop=loop)


def _starts_threads(executor: Any) -> bool:
    threads = concurrent.futures.ThreadPoolExecutor
    return isinstance(executor, threads) and type(executor).submit is threads.submit


def _without_context(
    function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """A call of `asyncio.to_thread` without its context, which can't leave the interpreter."""
    if isinstance(function, functools.partial):
        owner = getattr(function.func, "__self__", None)
        if isinstance(owner, contextvars.Context) and function.func.__name__ == "run":
            called, *first = function.args
            return called, (*first, *args), function.keywords
    return function, args, {}


def set_default_executor(loop: asyncio.AbstractEventLoop, executor: Any) -> None:
    """Have `run_in_executor(None, …)` and `asyncio.to_thread` use it; None: run inline again.

    Raises:
        TypeError: It is no executor.
    """
    known = concurrent.futures.Executor, LoopExecutor
    if executor is not None and not isinstance(executor, known):
        raise TypeError(f"executor must be a concurrent.futures.Executor, not {executor!r}")
    setattr(loop, DEFAULT_EXECUTOR, executor)


async def shutdown_default_executor(
    loop: asyncio.AbstractEventLoop, timeout: float | None = None
) -> None:
    """Shut the loop's default executor down, if it is the caller's to end.

    What belongs to others stays: the scheduler that a task runs on, and what
    `scheduler.options(…)` gives.
    """
    executor = getattr(loop, DEFAULT_EXECUTOR, None)
    setattr(loop, DEFAULT_EXECUTOR, None)
    if isinstance(executor, LoopExecutor):
        await asyncio.wait_for(executor._loop_ends(), timeout)
    elif isinstance(executor, concurrent.futures.Executor):
        executor.shutdown(wait=False)


# -- Exits ---------------------------------------------------------------------------------------


class Run:
    """Stands for who runs an event loop that nobody runs, while it is entered.

    An exit (SystemExit or KeyboardInterrupt) in a callback of the loop, or in a task that nobody
    awaits, ends the run that was entered last, as it would end `asyncio.run`: its main task and all
    tasks that were made since are cancelled, and whoever has entered it waits for them and then
    raises `exit`.

    Args:
        main: The task that is run. If it is done, nothing is cancelled.
    """

    def __init__(self, main: asyncio.Future[Any]) -> None:
        self._main = main
        self._before = asyncio.all_tasks(main.get_loop())
        self._previous: Run | None = None
        self.exit: BaseException | None = None
        """The first exit that was raised since; the main task's own, too."""
        self.cancelled: set[asyncio.Future[Any]] = set()
        """The tasks that were cancelled."""

    def __enter__(self) -> Run:
        global _innermost
        self._previous, _innermost = _innermost, self
        return self

    def __exit__(self, *_: object) -> None:
        global _innermost
        _innermost = self._previous

    def end(self, error: BaseException) -> None:
        """End this run, since an exit was raised in a callback: cancel its tasks.

        Args:
            error: The exit; the first one counts.
        """
        if self.exit is not None:
            return
        self.exit = error
        if self._main.done():
            return
        tasks = asyncio.all_tasks(self._main.get_loop()) - self._before
        self.cancelled = {self._main, *tasks}
        for task in self.cancelled:
            task.cancel()


_innermost: Run | None = None


def exited(error: BaseException, callback: asyncio.Handle | None = None) -> bool:
    """An exit was raised in a callback: end who runs the loop. False: nobody does."""
    if _innermost is None:
        return False
    _innermost.end(error)
    return True


def hear_exits(
    loop: Any, hear: Callable[[BaseException, asyncio.Handle | None], bool] = exited
) -> None:
    """Have Pyodide's loop tell of exits in its callbacks.

    Args:
        loop: A loop of Pyodide's.
        hear: Called with the exit and the callback's handle, if that is known. False: it is
            nobody's, and goes on as an uncaught error of JavaScript's.
    """

    def handler(*_: object) -> None:
        # It is called while the exit is handled. Whose it is, is known to its caller alone.
        error = sys.exception()
        assert error is not None
        handle = sys._getframe(1).f_locals.get("h")
        if not hear(error, handle if isinstance(handle, asyncio.Handle) else None):
            raise error

    loop._system_exit_handler = loop._keyboard_interrupt_handler = handler


# -- Pyodide's loop ------------------------------------------------------------------------------

_Method = Callable[..., Any]


def _run_in_executor(previous: _Method) -> _Method:
    def run_in_executor(self: Any, executor: Any, func: Any, *args: Any) -> Any:
        """See asyncio. Without an executor, or with one that starts threads, it runs inline."""
        future = submitted(self, executor, func, args)
        return previous(self, executor, func, *args) if future is None else future

    return run_in_executor


def _set_default_executor(previous: _Method) -> _Method:
    def set_default(self: Any, executor: Any) -> None:
        """See asyncio. Takes any executor; None: calls run inline."""
        set_default_executor(self, executor)
        previous(self, executor)

    return set_default


def _shutdown_default_executor(previous: _Method) -> _Method:
    async def shutdown_default(self: Any, timeout: float | None = None) -> None:
        """See asyncio. This loop goes on, so that later calls run inline."""
        await shutdown_default_executor(self, timeout)
        await previous(self, timeout)

    return shutdown_default


def _run_until_complete(previous: _Method) -> _Method:
    def run_until_complete(self: Any, future: Any) -> Any:
        """See asyncio. Where the browser can't suspend Python, it returns the future, not done."""
        if not can_run_sync():
            return previous(self, future)
        main = asyncio.ensure_future(future)
        with Run(main) as run:
            try:
                return previous(self, main)
            finally:
                if run.cancelled:
                    run_sync(asyncio.wait(run.cancelled))
                # Also if it came when the main task was done.
                if run.exit is not None and sys.exception() is not run.exit:
                    raise run.exit

    return run_until_complete


_REPLACEMENTS: dict[str, Callable[[_Method], _Method]] = {
    "run_in_executor": _run_in_executor,
    "set_default_executor": _set_default_executor,
    "shutdown_default_executor": _shutdown_default_executor,
}


# Only Pyodide's loop has nobody who runs it.
_PYODIDES_REPLACEMENTS = {**_REPLACEMENTS, "run_until_complete": _run_until_complete}


class _Replaced:
    """A method of a class that was replaced."""

    def __init__(self, owner: type, name: str, replace: Callable[[_Method], _Method]) -> None:
        self._owner, self._name = owner, name
        self._previous: _Method = getattr(owner, name)
        self._inherited = name not in vars(owner)
        self._active = True
        ours, previous = replace(self._previous), self._previous

        @functools.wraps(previous)
        def method(*args: Any, **kwargs: Any) -> Any:
            return (ours if self._active else previous)(*args, **kwargs)

        self._method = method
        setattr(owner, name, method)

    def undo(self) -> None:
        """Put back what was there; where somebody has replaced ours, let it do what that did."""
        self._active = False
        if vars(self._owner).get(self._name) is self._method:
            if self._inherited:
                delattr(self._owner, self._name)
            else:
                setattr(self._owner, self._name, self._previous)


_installed: dict[type, list[_Replaced]] = {}


def install(loop_class: type | None = None) -> None:
    """Let the event loops of a class use executors that need no threads.

    Once is enough; on plain Python, whose loops do, it changes nothing.

    Args:
        loop_class: None: Pyodide's.
    """
    replacements = _REPLACEMENTS
    if loop_class is None:
        if not IN_BROWSER:
            return
        from pyodide.webloop import WebLoop

        loop_class, replacements = WebLoop, _PYODIDES_REPLACEMENTS
    assert loop_class is not None
    if loop_class not in _installed:
        _installed[loop_class] = [
            _Replaced(loop_class, name, replace) for name, replace in replacements.items()
        ]


def uninstall() -> None:
    """Undo what `install` has done, for all classes."""
    while _installed:
        for replaced in _installed.popitem()[1]:
            replaced.undo()
