"""Threads and processes, which Python can't start in a browser: a task is what stands for them."""

from __future__ import annotations

from typing import Any

from penny.by_value.exception_parts import ARGS

__all__ = ["hint"]

NOTE = (
    "(Python in the browser, a script as well as Penny's workers, can start neither threads nor "
    "processes. Submit the function as a task, which another worker runs: to penny.Scheduler() in "
    "a script, to penny.current_scheduler() in a task. Both are what ThreadPoolExecutor and "
    "ProcessPoolExecutor are: a concurrent.futures.Executor.)"
)

# What the interpreter, and what the standard library makes of modules that it was built without.
_SAID = (
    (RuntimeError, "can't start new thread"),
    (ImportError, "This platform lacks a functioning sem_open"),
    (NotImplementedError, "This Python build lacks multiprocessing.synchronize"),
)
_MODULES = ("_multiprocessing", "_posixshmem", "_interpreters")

# Whatever a class of the program's makes of it.
_name: Any = ImportError.__dict__["name"]


def hint(error: BaseException) -> str:
    """What to do instead, if the error is for want of threads or processes."""
    return NOTE if _wants_concurrency(error) else ""


def _wants_concurrency(error: BaseException) -> bool:
    if isinstance(error, ImportError) and _name.__get__(error) in _MODULES:
        return True
    said = next(iter(ARGS.__get__(error)), None)
    return type(said) is str and any(
        isinstance(error, kind) and said.startswith(text) for kind, text in _SAID
    )
