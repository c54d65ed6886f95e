"""Which engine runs the tasks here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from penny.engines.engine import Engine

__all__ = ["open_engine"]


def open_engine(
    *,
    workers: int | None,
    packages: Sequence[str],
    memory: int | None,
    check: bool,
    trace: bool | None = None,
) -> Engine:
    """Start the engine for this platform. Returns at once: its workers come up by and by.

    Args:
        workers: Number of workers, at least 1; None: as many as the machine has processors.
        packages: Names of Pyodide packages, or URLs of wheels, to load into every worker.
        memory: Limit of the shared memory in bytes; None: the engine's default.
        check: Send every job's arguments and result through pickle.
        trace: Record what the workers do; None: if the page, or the command, says so.

    Raises:
        IsolationError: The page is not cross-origin isolated.
        RuntimeError: The page has not been set up for Penny; the message says how.
    """
    if sys.platform == "emscripten":
        from penny.engines.shared import SharedEngine

        return SharedEngine.opened(
            workers=workers, packages=packages, memory=memory, check=check, trace=trace
        )
    from penny.engines.serial import SerialEngine

    return SerialEngine(
        workers=workers, packages=packages, memory=memory, check=check, trace=bool(trace)
    )
