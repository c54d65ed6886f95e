"""A worker of the engine `messages`: runs the tasks of a message whenever one has come.

Between two messages it is JavaScript's event loop that waits. What a task spawns runs in its
worker: there is nobody who could ask for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from penny.bridge import javascript
from penny.bridge.ports import TaskPort
from penny.engines.messages.abilities import NAME
from penny.engines.ported.serving import RECURSION_LIMIT, Serving
from penny.engines.refusals import arrays_stay
from penny.engines.remote_calls import enter_worker
from penny.jobs import job as jobs
from penny.jobs import tracebacks
from penny.jobs.execution import Execution
from penny.memory import memories
from penny.stdio import output
from penny.wire.outbox import Outbox
from penny.wire.payload import ATOMS, Payload
from penny.wire.pickles import pack

__all__ = ["main"]

INBOX_BYTES = 1 << 16

OpenPort = Callable[[bytearray, bytearray], TaskPort]


def main(worker: int, workers: int, open_port: OpenPort, check: bool = False) -> Any:
    """Make this interpreter a worker.

    Args:
        worker: This worker's number.
        workers: How many there are.
        open_port: Makes the port from an inbox and an outbox.
        check: Send every job's arguments and result through pickle.

    Returns:
        For JavaScript: `serve()` runs the tasks of the message that has come, `flush()` gives away
        what was printed.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)
    tracebacks.keep_short()
    jobs.set_check(check)
    memories.stay()
    serving = _Serving(open_port)
    enter_worker(worker, workers, NAME)
    jobs.mask()
    jobs.enter(serving.execution)
    return javascript.functions(serve=serving.serve, flush=output.flush)


def _pack(value: object) -> bytes | Payload:
    if type(value) in ATOMS:  # refers to nothing
        return pack(value)
    with arrays_stay(NAME):
        return pack(value)


class _Serving(Serving):
    def __init__(self, open_port: OpenPort) -> None:
        inbox, outbox = bytearray(INBOX_BYTES), Outbox()
        self._port = open_port(inbox, outbox.box)
        super().__init__(self._port, inbox, outbox, lambda: arrays_stay(NAME))
        self._pack = _pack
        self.execution = Execution()
        """The innermost, of all tasks."""

    def serve(self) -> None:
        """Run the tasks that have come. Masked."""
        port = self._port
        self._serve(port.start(), self.execution, port.step, port.start)
