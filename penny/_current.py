"""Where this code runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penny.engines import Engine

worker: int | None = None
"""The number of the pool worker that this interpreter is; None outside of a pool.

Set once, by `penny.worker`, when a worker starts.
"""

engine: ContextVar[Engine | None] = ContextVar("penny.engine", default=None)
"""The engine whose task runs here, where engine and task share an interpreter: the serial one."""


def current_worker() -> int | None:
    """The number of the pool worker that runs the caller, from 0 on; None outside of any task."""
    if worker is None and engine.get() is not None:
        return 0  # of the serial engine, which has one worker
    return worker
