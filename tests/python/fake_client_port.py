"""A client's port that plays the other half."""

from __future__ import annotations

import struct
from typing import Any

from fake_arrays import FakeArraysPort

from penny.bridge.numbers import Arrival


class FakeClientPort:
    """See ClientPort. Tasks end when the test says so."""

    workers = 2
    heap_limit = 1 << 20

    def __init__(self, inbox: bytearray, outbox: bytearray) -> None:
        self.inbox, self.outbox = inbox, outbox
        self.submitted: list[tuple[int, bytes, bool, int]] = []
        self.ended: list[list[tuple[int, int, bytes]]] = []
        self.asked: list[int] = []
        self.arrays = FakeArraysPort()
        self.asleep: Any = None
        self.batches = self.used = 0

    def submit(self, ticket, function, flags, interactive, limit, size, pieces=None, arrays=()):
        data = bytes(self.outbox[:size]) if pieces is None else b"".join(pieces)
        if len(data) > self.heap_limit:
            return False
        self.submitted.append((flags, data, interactive, limit))
        assert ticket == len(self.submitted)
        return True

    def add_function(self, data):
        return 1

    def drop_function(self, function):
        pass

    def add_bundle(self, data):
        return 1

    def drop_bundle(self, place):
        pass

    def cancel(self, ticket):
        return ticket - 1 not in self.asked

    def ask_cancel(self, ticket):
        self.asked.append(ticket - 1)
        return True

    def running(self, ticket):
        return True

    def end(self, *batch: tuple[int, int, bytes]) -> None:
        """One batch more to collect: number of the task, from 0, outcome and payload of each."""
        self.ended.append(list(batch))

    def collect(self, taken):
        if taken != self.batches:
            return self.used
        batch = self.ended.pop(0) if self.ended else []
        offset = 0
        for number, outcome, payload in batch:
            ticket = number + 1
            arrival = ticket, outcome, 7, len(payload), 0
            struct.pack_into(Arrival.FORMAT, self.inbox, offset, *arrival)
            offset += Arrival.BYTES
            self.inbox[offset : offset + len(payload)] = payload
            offset += (len(payload) + 3) & ~3
        self.used = offset
        self.batches += offset > 0
        return self.used

    def wait(self, milliseconds):
        self.asleep(milliseconds)

    def on_completions(self, callback, step):
        self.callback = callback
