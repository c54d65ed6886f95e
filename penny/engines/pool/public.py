"""The layer of public tasks in a pool worker: what `penny.jobs` reaches other workers by.

Its parts lie one on the other: `places` of functions, `promotion`, the `doorbell` that asks for it,
and `joining`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from penny.bridge.ports import WorkerPort
from penny.engines.pool.doorbell import Doorbell
from penny.engines.pool.joining import Joining
from penny.engines.pool.places import Places
from penny.engines.pool.promotion import Promoter
from penny.jobs import job as jobs
from penny.jobs.execution import Execution
from penny.wire.outbox import Outbox

__all__ = ["PublicTasks"]


class PublicTasks:
    """A pool worker's `penny.jobs.job.Public`.

    Args:
        port: To the core.
        inbox: Where the port puts outcomes.
        parcel: Where it takes arguments of promoted jobs from.
        run_task: Runs the task that the port has just put on the stack, on top of all else.
        header_of: Gives what the task of an execution needs of the submitter's modules.
    """

    def __init__(
        self,
        port: WorkerPort,
        inbox: bytearray,
        parcel: Outbox,
        run_task: Callable[[int], None],
        header_of: Callable[[Execution], bytes],
    ) -> None:
        self.places = Places(port, header_of)
        self.promoter = Promoter(port, parcel, self.places, header_of)
        self.doorbell = Doorbell(port, self.promoter, run_task)
        joining = Joining(port, inbox, self.promoter, self.doorbell, run_task)
        # The parts' own methods: another call would be another frame, where the stack is deep.
        self.renew = self.places.renew
        self.publish = self.promoter.publish
        self.holds_off = self.doorbell.holds_off
        self.answer = self.doorbell.answer
        self.wait = joining.wait
        self.take_back = joining.take_back
        self.ask_cancel = joining.ask_cancel
        self.begun = joining.begun
        self.ended = joining.ended

    def install(self) -> None:
        """Answer the doorbell from now on, whenever not masked."""
        jobs.install(self)
        signal.signal(signal.SIGUSR1, jobs.on_doorbell)
