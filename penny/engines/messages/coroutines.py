"""The worker of the engine `messages` that runs coroutine tasks."""

from __future__ import annotations

from collections.abc import Callable

from penny import where
from penny.bridge.ports import ClientPort, CoroutinePort
from penny.engines import current
from penny.engines.messages.abilities import NAME
from penny.engines.messages.client import MessageEngine
from penny.engines.ported.coroutines import Coroutines
from penny.engines.ported.delivery import Waiting
from penny.engines.refusals import arrays_stay
from penny.jobs import tracebacks
from penny.wire.outbox import Outbox

__all__ = ["main"]


async def main(
    worker: int,
    open_port: Callable[[bytearray], CoroutinePort],
    open_client: Callable[[bytearray, bytearray], ClientPort],
) -> None:
    """Run coroutine tasks until there are no more.

    Args:
        worker: This worker's number.
        open_port: Makes the port from an outbox.
        open_client: Makes the port by which coroutines submit, from an inbox and an outbox.
    """
    where.worker = worker
    tracebacks.keep_short()
    outbox = Outbox()
    coroutines = Coroutines(open_port(outbox.box), outbox, lambda: arrays_stay(NAME))
    current.attach(MessageEngine(open_client, Waiting.NEVER))
    await coroutines.attend()
