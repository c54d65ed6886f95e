"""Where this code runs."""

from __future__ import annotations

worker: int | None = None
"""The number of the pool worker that this interpreter is; None outside of a pool.

Set once, by `penny.worker`, when a worker starts; the serial engine sets it around each task.
"""


def current_worker() -> int | None:
    """The number of the pool worker that runs the caller, from 0 on; None outside of any task."""
    return worker
