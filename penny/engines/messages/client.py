"""The engine where there is no shared memory: Web Workers that get their tasks by messages.

What it shares with the pool is in `penny.engines.ported.client`; the other half of a client is
`web/penny/messages/pool.js`. Arrays stay with whoever has made them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from penny.bridge import javascript
from penny.bridge.ports import ClientPort
from penny.engines.messages.abilities import ABILITIES, NAME
from penny.engines.ported.client import PortClient
from penny.engines.ported.delivery import Waiting
from penny.memory import memories
from penny.memory.block import Memory
from penny.mirror import installed

__all__ = ["MessageEngine"]


class MessageEngine(PortClient):
    """Submits to workers by messages, and collects from them. See `Engine` for the methods."""

    name = NAME
    abilities = ABILITIES

    def __init__(
        self,
        open_port: Callable[[bytearray, bytearray], ClientPort],
        waiting: Waiting,
        later: installed.Later | None = None,
    ) -> None:
        """Use `opened` instead."""
        super().__init__(open_port, waiting, later=later)
        self._memory = memories.stay()

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
        """The engine of new workers, which come up by and by."""
        beginning = installed.Beginning.of(packages)
        return cls(
            lambda inbox, outbox: javascript.open_messages(
                workers,
                beginning,
                check,
                inbox,
                outbox,
            ),
            Waiting.SUSPENDED,
            beginning.later,
        )._enter()

    def _on_completions(self) -> None:
        # Who waits suspended is told in any case, and delivers on a stack on which callbacks may
        # wait, too. The event loop's may not.
        if not self._suspended:
            super()._on_completions()

    @property
    def memory(self) -> Memory:
        """This interpreter's own memory, for arrays."""
        return self._memory
