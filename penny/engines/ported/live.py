"""Pools that this interpreter submits to: a loop that blocks, and a program's end, wait for all.

An engine enters itself when it is opened, and is gone from here when nobody has it any more.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Awaitable
from typing import Protocol

__all__ = ["LiveEngines", "kept", "live_engines"]


class Live(Protocol):
    """What is wanted of an engine here."""

    def expectant(self) -> bool:
        """Whether a future is pending."""

    def drain(self, timeout: float | None = None) -> bool:
        """Wait for completions, see `Source`."""

    def shutdown(self, *, cancel: bool) -> Awaitable[None]:
        """Stop once nothing is pending, see `Engine`."""


live_engines: weakref.WeakSet[Live] = weakref.WeakSet()
"""Engines that have not been collected: a program's end waits for their tasks."""


kept: set[Live] = set()
"""Engines with something pending: until it is done, nobody else need hold them. All others live by
their schedulers and futures alone; JavaScript keeps none."""


class LiveEngines:
    """For a loop that blocks, see `event_loops.blocking.Work`: the futures of all engines here."""

    patience = 0.005
    """Seconds to sleep for one of several engines before it is another's turn: short enough for who
    waits to see no delay, long enough for waking to cost nothing."""

    def wait(self, seconds: float) -> bool:
        """Wait for a completion, of whichever engine has something to wait for."""
        engines = [engine for engine in live_engines if engine.expectant()]
        if engines and not any([engine.drain(0) for engine in engines]) and seconds:
            engine = random.choice(engines)
            engine.drain(seconds if len(engines) == 1 else min(seconds, self.patience))
        return bool(engines)
