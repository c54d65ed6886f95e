"""The trace of the serial engine.

That of the browser's engine is recorded by the core (`wasm_core/trace/README.md`); JavaScript makes
the same form of it (`web/penny/trace/chrome.js`).
"""

from __future__ import annotations

import time
from typing import Any

__all__ = ["Recorder"]

EVENTS_MAX = 1_000_000
"""About as many as a pool keeps (LOG_EVENTS of sizes.h): some hundred megabytes of JSON."""


class Recorder:
    """Records what the one worker of the serial engine does.

    A trace is a dict in the Trace Event Format of Chromium, for `json.dump`. See `Scheduler.trace`.
    """

    def __init__(self) -> None:
        self._epoch = time.perf_counter()
        self._events: list[dict[str, Any]] = []
        self._dropped = 0
        self._coroutines = 0

    def task(self, name: str, began: float, failed: bool) -> None:
        """A task has ended.

        Args:
            name: Its function's.
            began: When it did, by `time.perf_counter()`.
            failed: Whether it raised.
        """
        now = time.perf_counter()
        duration = self._micro(now) - self._micro(began)
        self._add(name, "X", began, dur=duration, args=_outcome(failed))

    def coroutine(self, name: str, began: float, failed: bool) -> None:
        """A coroutine task has ended, beside which others have run.

        Args:
            name: Its function's.
            began: When it did, by `time.perf_counter()`.
            failed: Whether it raised.
        """
        self._coroutines += 1
        self._add(name, "b", began, id=self._coroutines, args={})
        self._add(name, "e", time.perf_counter(), id=self._coroutines, args=_outcome(failed))

    def trace(self) -> dict[str, Any]:
        """What was recorded so far."""
        known: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "Penny"}},
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "worker 0"}},
        ]
        # The outermost first of those that begin at the same time.
        events = sorted(self._events, key=lambda event: (event["ts"], -event.get("dur", 0)))
        return {
            "traceEvents": known + events,
            "displayTimeUnit": "ms",
            "otherData": {"generator": "Penny", "dropped": self._dropped},
        }

    def _add(self, name: str, phase: str, at: float, **more: Any) -> None:
        if len(self._events) >= EVENTS_MAX:
            self._dropped += 1
            return
        event = {"name": name, "cat": "task", "ph": phase, "pid": 1, "tid": 1}
        self._events.append(event | {"ts": self._micro(at)} | more)

    def _micro(self, seconds: float) -> int:
        # Whole ones: a sum of rounded fractions could reach beyond the span around it.
        return round((seconds - self._epoch) * 1e6)


def _outcome(failed: bool) -> dict[str, str]:
    return {"outcome": "raised" if failed else "returned"}
