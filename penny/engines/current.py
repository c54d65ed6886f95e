"""The engine whose task runs here, and to which that task submits."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from penny import where

if TYPE_CHECKING:
    from penny.engines.engine import Engine

__all__ = ["attach", "attached", "current_worker", "engine"]

engine: ContextVar[Engine | None] = ContextVar("penny.engine", default=None)
"""The engine whose task runs here, where engine and task share an interpreter: the serial one."""

attached: Engine | None = None
"""The engine by which all tasks of this interpreter submit: a pool worker's. Set by `attach`."""


def attach(to: Engine) -> None:
    """Make the engine the one that tasks of this interpreter submit to. For pool workers."""
    global attached
    attached = to


def current_worker() -> int | None:
    """The number of the pool worker that runs the caller, from 0 on; None outside of any task."""
    if where.worker is None and engine.get() is not None:
        return 0  # of the serial engine, which has one worker
    return where.worker
