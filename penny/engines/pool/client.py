"""The engine of the browser: a pool of Web Workers on one shared memory.

What it shares with other engines is in `penny.engines.ported.client`; the other half of a client is
`web/penny/tasks/client.js`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from penny.bridge import javascript
from penny.bridge.ports import ClientPort
from penny.engines.pool.abilities import ABILITIES, NAME
from penny.engines.ported.client import PortClient
from penny.engines.ported.delivery import Waiting
from penny.kernels import modules
from penny.memory import memories
from penny.memory.block import Memory
from penny.mirror import installed
from penny.where import IN_BROWSER

__all__ = ["SharedEngine"]


def _kernels_of(port: ClientPort) -> modules.Destination:
    return modules.Destination(lambda data: port.add_kernels(data))


_WAITING = {
    "page": Waiting.SUSPENDED,
    "host": Waiting.ASLEEP,
    "kept": Waiting.BESIDE_KEEPER,
}
"""By role: see `penny.bridge.javascript.role`."""


class SharedEngine(PortClient):
    """Submits to a pool of workers and collects from it. See `Engine` for the methods."""

    name = NAME
    abilities = ABILITIES

    def __init__(
        self,
        open_port: Callable[[bytearray, bytearray], ClientPort],
        waiting: Waiting,
        later: installed.Later | None = None,
    ) -> None:
        """Use `opened` or `attached` instead."""
        super().__init__(open_port, waiting, _kernels_of, later)
        self._naps = waiting is Waiting.SUSPENDED and IN_BROWSER and not javascript.is_page()
        self._memory = memories.attach(self._port.arrays)

    @classmethod
    def opened(
        cls,
        *,
        workers: int | None,
        packages: Sequence[str] | None,
        memory: int | None,
        check: bool,
        trace: bool | None = None,
    ) -> Self:
        """The engine of a new pool, whose workers come up by and by."""
        role = javascript.role()
        beginning = installed.Beginning.of(packages)
        return cls(
            lambda inbox, outbox: javascript.open_client(
                workers,
                memory,
                beginning,
                check,
                trace,
                inbox,
                outbox,
            ),
            _WAITING[role],
            beginning.later,
        )._enter()

    @classmethod
    def attached(cls, open_port: Callable[[bytearray, bytearray], ClientPort]) -> Self:
        """An engine that submits to the pool it is in, as one that is not to be closed.

        Args:
            open_port: Makes the port from an inbox and an outbox. Its completions are delivered by
                the event loop; nothing here may block.
        """
        engine = cls(open_port, Waiting.NEVER)
        modules.set_home(engine._kernels)
        return engine

    @property
    def memory(self) -> Memory:
        """The shared memory, for arrays."""
        return self._memory
