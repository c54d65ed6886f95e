"""Runs a program as `python script.py` would, with top-level `await`."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import linecache
import os
import signal
import sys
import textwrap
import traceback
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import __main__
from penny.by_value.exception_parts import linked
from penny.by_value.exception_state import can_be_printed, printed
from penny.engines.engine import Interruptible
from penny.event_loops import executors
from penny.hints import command, explain
from penny.hosts import interrupts
from penny.mirror import modules

__all__ = ["remember", "run"]

INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a program that Ctrl-C has ended, as a shell has it."""


def remember(filename: str, source: str) -> None:
    """Let tracebacks show source lines of a program whose file lies elsewhere, or nowhere."""
    linecache.cache[filename] = len(source), None, source.splitlines(keepends=True), filename


async def run(
    source: str,
    filename: str,
    argv: Sequence[str],
    dedent: bool = False,
    environment: Any = None,
    begins: Callable[[], object] | None = None,
) -> int:
    """Run `source` in `__main__`; a traceback goes to stderr.

    Args:
        source: The program.
        filename: Its name in tracebacks.
        argv: Its `sys.argv`.
        dedent: Whether it may be indented as a whole.
        environment: A JavaScript object: what is set in `os.environ` before.
        begins: Called when Ctrl-C can be heard.

    Returns:
        Its exit status, as `python` would give it.
    """
    from pyodide.code import eval_code_async

    if dedent:  # written within a page's markup
        source = textwrap.dedent(source)
    sys.argv = list(argv)
    for folder in command.folders or [os.getcwd()]:
        modules.came_along(folder)
    if environment is not None:
        os.environ.update(environment.to_py())
    _let_asyncio_block()
    remember(filename, source)
    namespace = __main__.__dict__
    # Absolute where it is a file, so that it is still right in another directory.
    file = os.path.abspath(filename) if os.path.exists(filename) else filename
    namespace.update(__name__="__main__", __file__=file)
    loop = asyncio.get_running_loop()
    executors.hear_exits(loop)
    # Exit handlers see the program's context variables.
    context = contextvars.copy_context()
    code = eval_code_async(source, namespace, filename=filename)
    program = loop.create_task(code, context=context)
    with executors.Run(program) as run:
        if begins is not None:
            begins()
        await asyncio.wait([program])
        if run.cancelled:
            await asyncio.wait(run.cancelled)
    status = _status(program, run.exit, filename)
    with executors.Run(program) as rest:
        interrupted = _was_interrupted(program, run.exit)
        finishing = loop.create_task(_finish_tasks(interrupted), context=context)
        interrupts.ending_by(_interrupt_tasks)
        await asyncio.wait([finishing])
        interrupts.ending_by(None)
    try:
        finishing.result()
    except BaseException as error:
        _print_exception(error, filename)
        status = status or 1
    if rest.exit is not None:
        status = _status_of(rest.exit, filename)
    context.run(_run_exit_handlers)
    return _flushed(status)


def _flushed(status: int) -> int:
    """Flush what the program prints to now, and what it was given: CPython's way.

    Returns:
        The status, or 120 if something that was printed is lost.
    """
    for stream in dict.fromkeys((sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)):
        if stream is None or getattr(stream, "closed", False):
            continue
        try:
            stream.flush()
        except Exception as error:
            if sys.__stderr__ is not None:
                traceback.print_exception(error, file=sys.__stderr__)
            status = 120
    return status


def _status(program: asyncio.Task[Any], exit: BaseException | None, filename: str) -> int:
    """The exit status of a program that has ended, maybe for an exit in one of its callbacks."""
    try:
        program.result()
    except (SystemExit, KeyboardInterrupt) as error:
        return _status_of(error, filename)
    except asyncio.CancelledError as error:
        if exit is None:
            return _status_of(error, filename)
        if exit.__traceback__ is None:  # Ctrl-C while the program was awaiting something
            exit = exit.with_traceback(error.__traceback__)
    except BaseException as error:
        status = _status_of(error, filename)
        if exit is None:
            return status
    return 0 if exit is None else _status_of(exit, filename)


def _was_interrupted(program: asyncio.Task[Any], exit: BaseException | None) -> bool:
    if exit is None and not program.cancelled():
        exit = program.exception()
    return isinstance(exit, KeyboardInterrupt)


def _status_of(error: BaseException, filename: str) -> int:
    """The exit status of a program that has raised it; what is to be said goes to stderr."""
    if isinstance(error, SystemExit):
        return _exit_status(error.code)
    _print_exception(error, filename)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _run_exit_handlers() -> None:
    """Run what was registered with `atexit` and `weakref.finalize`. On a page Python lives on."""
    atexit._run_exitfuncs()
    # Else finalizers of what is made from now on would not run, neither at once nor at an exit.
    weakref.finalize._shutdown = False  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print_exception(error: BaseException, filename: str) -> None:
    # From the program's own first frame on: those before are Penny's and Pyodide's.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != filename:
        frames = frames.tb_next
    if frames is not None or isinstance(error, SyntaxError):
        error = error.with_traceback(frames)
    shown = linked(error)
    for each in shown:
        explain.explain(each)
    if sys.excepthook is not sys.__excepthook__:
        try:
            sys.excepthook(type(error), error, error.__traceback__)
            return
        except BaseException as failed:
            print("Error in sys.excepthook:", file=sys.stderr)
            traceback.print_exception(failed)
            print("\nOriginal exception was:", file=sys.stderr)
    if all(map(can_be_printed, shown)):
        traceback.print_exception(error)
    else:
        print(printed(error, error.__traceback__), end="", file=sys.stderr)


def _let_asyncio_block() -> None:
    from penny.bridge import javascript
    from penny.engines.ported.live import LiveEngines
    from penny.event_loops import blocking

    executors.install()
    if javascript.role() == "host" and not javascript.can_run_sync():
        blocking.stand_in(LiveEngines())


async def _finish_tasks(interrupted: bool) -> None:
    """As at the end of any program that uses executors: what was submitted is still done.

    After Ctrl-C it is not: in a terminal the processes of an executor get it, too.
    """
    from penny.engines.ported.live import live_engines

    if interrupted:
        _interrupt_tasks()
    for engine in list(live_engines):
        await engine.shutdown(cancel=interrupted)


def _interrupt_tasks() -> None:
    from penny.engines.ported.live import live_engines

    for engine in list(live_engines):
        if isinstance(engine, Interruptible):
            engine.interrupt()
