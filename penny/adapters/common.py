"""The scheduler that adapters submit to when their user has named none."""

from __future__ import annotations

import penny

__all__ = ["scheduler", "use", "workers"]

_shared: penny.Scheduler | None = None


def scheduler() -> penny.Scheduler:
    """The scheduler that runs this task; outside of tasks the adapters' own, opened when missed.

    It stays open, so that workers keep what they have imported. The program's end ends it.
    """
    global _shared
    try:
        return penny.current_scheduler()
    except RuntimeError:
        if _shared is None:
            _shared = penny.Scheduler()
        return _shared


def use(chosen: penny.Scheduler | None) -> penny.Scheduler | None:
    """Have the adapters submit to this scheduler; None: to one of their own, opened when missed.

    Returns:
        What was in use until now.
    """
    global _shared
    before, _shared = _shared, chosen
    return before


def workers() -> int:
    """How many workers there are, or will be; 1 where there can be none."""
    try:
        return scheduler().workers
    except RuntimeError:
        return 1
