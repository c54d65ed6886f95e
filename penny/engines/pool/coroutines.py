"""The async worker's Python: coroutine tasks, and what they submit to the pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penny import where
from penny.bridge.ports import ClientPort, CoroutinePort
from penny.engines import current
from penny.engines.pool.client import SharedEngine
from penny.engines.ported.coroutines import Coroutines, running
from penny.futures import Future
from penny.jobs import tracebacks
from penny.options import Options
from penny.wire.outbox import Outbox

__all__ = ["main"]


async def main(
    worker: int,
    open_port: Callable[[bytearray], CoroutinePort],
    open_client: Callable[[bytearray, bytearray], ClientPort],
) -> None:
    """Run coroutine tasks until the scheduler stops.

    Args:
        worker: This worker's number.
        open_port: Makes the port to the core from an outbox.
        open_client: Makes the port by which coroutines submit, from an inbox and an outbox.
    """
    where.worker = worker
    tracebacks.keep_short()
    outbox = Outbox()
    coroutines = Coroutines(open_port(outbox.box), outbox)
    current.attach(_Engine.attached(open_client))
    await coroutines.attend()


class _Engine(SharedEngine):
    """Submits for coroutine tasks, and says for which.

    A worker whose task waits for a coroutine runs what that has submitted, and nothing else.
    """

    def submit(
        self,
        future: Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> None:
        """Pickle the call and queue it."""
        self._port.below(running.get())
        super().submit(future, function, args, kwargs, options)
