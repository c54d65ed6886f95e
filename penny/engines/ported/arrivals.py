"""Outcomes that have come to the client: batches out of the inbox, as records in a queue.

JavaScript packs what has ended into the inbox (`web/penny/ports/client_port.js`), by batches, and
offers a batch until it has been taken. Whoever takes one may be interrupted by somebody who does
the same: steps 4 and 5 of web/penny/tasks/README.md.
"""

from __future__ import annotations

import functools
import struct
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from penny.bridge.numbers import Arrival
from penny.bridge.ports import ClientPort
from penny.wire.payload import Reader

__all__ = ["Arrivals", "Arrived", "Large", "whole"]

T = TypeVar("T")

# Ticket, outcome, worker, size, and what names the payload if it is not in the inbox: the header of
# each record there.
_arrival = struct.Struct(Arrival.FORMAT)

Arrived = tuple[int, int, int, "bytes | Large"]
"""Ticket, outcome, worker and payload: a record that was in the inbox."""


class Large:
    """The payload of an outcome, still in its slot, which goes when the payload has been read."""

    def __init__(self, port: ClientPort, large: int, size: int) -> None:
        self._port = port
        self._large = large
        self._size = size
        self._released = False

    def read(self, load: Callable[[Reader], T]) -> T:
        """What `load` makes of it. Once."""
        try:
            return load(Reader(functools.partial(self._port.read_outcome, self._large), self._size))
        finally:
            self.release()

    def release(self) -> None:
        """Let the slot go, whether it was read or not."""
        if not self._released:
            self._released = True
            self._port.release(self._large)


def whole(payload: bytes | Large, load: Callable[[bytes], T]) -> T:
    """What `load` makes of a payload's bytes, wherever it lies."""
    if isinstance(payload, Large):
        return payload.read(lambda reader: load(reader.read()))
    return load(payload)


class Arrivals:
    """What has come out of the inbox, by whole batches, and waits to complete futures.

    It is not in the frame of a delivery, where its callbacks, that wait for the rest, could not
    reach it.

    Args:
        port: Gives batches.
        inbox: Where it puts them.
    """

    def __init__(self, port: ClientPort, inbox: bytearray) -> None:
        self.queue: deque[Arrived] = deque()
        self._port = port
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self._collect = port.collect
        self._inbox = memoryview(inbox)
        self._batches = 0

    def take(self) -> None:
        """Take what is in the inbox out of it.

        The port offers a batch until `_batches` says that it has been taken. Whoever interrupts
        this takes the very same one, and then maybe others, so that what is copied here is another.
        """
        batch = self._batches
        size = self._collect(batch)
        if not size:
            return
        data = bytes(self._inbox[:size])
        if self._batches != batch:
            return
        records = self._read(data)
        # From the comparison to the end, nothing is called in between: nobody can interrupt.
        if self._batches == batch:
            self._batches = batch + 1
            self.queue.extend(records)

    def _read(self, data: bytes) -> list[Arrived]:
        """The records of a batch."""
        records = []
        offset = 0
        while offset < len(data):
            ticket, outcome, worker, size, large = _arrival.unpack_from(data, offset)
            offset += Arrival.BYTES
            payload: bytes | Large
            if large:
                payload = Large(self._port, large, size)
            else:
                payload = data[offset : offset + size]
                offset += (size + 3) & ~3
            records.append((ticket, outcome, worker, payload))
        return records
