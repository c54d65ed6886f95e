"""The worker of the engine `messages` that runs coroutine tasks."""

from __future__ import annotations

from collections.abc import Callable

from penny import where
from penny.bridge.ports import CoroutinePort
from penny.engines.messages.abilities import NAME
from penny.engines.ported.coroutines import Coroutines
from penny.engines.refusals import arrays_stay
from penny.jobs import tracebacks
from penny.memory import memories
from penny.wire.outbox import Outbox

__all__ = ["main"]


async def main(worker: int, workers: int, open_port: Callable[[bytearray], CoroutinePort]) -> None:
    """Run coroutine tasks until there are no more.

    Args:
        worker: This worker's number.
        workers: How many others there are.
        open_port: Makes the port from an outbox.
    """
    where.worker = worker
    tracebacks.keep_short()
    memories.stay()
    outbox = Outbox()
    await Coroutines(open_port(outbox.box), outbox, lambda: arrays_stay(NAME)).attend()
