"""A Penny without workers: each task is called inside `submit`, by whoever submits it.

For `PENNY_TEST_INLINE`, see docs/testing.md: a test that passes with it says nothing of workers.
"""

from __future__ import annotations

from typing import Any

import forkjoin
from gates import Gate

import penny
import penny.scheduler
from penny.engines.serial import SerialEngine


class _Inline(SerialEngine):
    def __init__(self, *, workers: int | None = None, trace: bool | None = None, **options: Any):
        super().__init__(trace=bool(trace), **options)
        self.workers = workers or 2

    def stats(self) -> dict[str, Any]:
        counters = dict.fromkeys(("run", "stolen", "promoted", "busy", "idle", "wakeups"), 0)
        heap = {"used": 0, "size": 0, "limit": 0}
        return {"workers": [{"worker": n} | counters for n in range(self.workers)], "heap": heap}


def replace() -> None:
    """Have Schedulers from now on run their tasks inline, and nobody be in a worker."""
    penny.scheduler.open_engine = lambda name, **options: _Inline(**options)
    penny.current_worker = lambda: None
    # Who waits for what only another could do would wait for ever.
    Gate.wait = lambda gate: None
    Gate.reached = _reached
    forkjoin.SECONDS = 0.1


async def _reached(gate: Gate) -> None:
    pass
