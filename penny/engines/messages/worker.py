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
        For JavaScript: `serve(code)` runs the tasks of the message that has come, of which the
        first one's arguments are in the inbox; `flush()` gives away what was printed.
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
        port = open_port(inbox, outbox.box)
        super().__init__(port, inbox, outbox, lambda: arrays_stay(NAME))
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._step, self._start = port.step, port.start
        self._pack = _pack
        self.execution = Execution()
        """The innermost, of all tasks."""

    def serve(self, code: int) -> None:
        """Run the tasks that have come, from that of this code on. Masked."""
        self._serve(code, self.execution, self._step, self._start)
