"""An ArraysPort without a browser: the shared memory is a bytearray."""

from __future__ import annotations

import itertools
import struct

from penny.memory.layout import Layout
from penny.memory.local_blocks import LocalBlock
from penny.memory.types import TYPES


class Copied(bytes):
    """A typed array of JavaScript's."""

    def to_py(self):
        return memoryview(bytearray(self))


class FakeArraysPort:
    """See ArraysPort. Memory is never used again, so that a use after the end is noticed.

    Attributes:
        held: Serial and number of holds of each array, by number.
        calls: Names of the functions that have been called.
    """

    identities = itertools.count(1)

    def __init__(self, limit: int = 1 << 20) -> None:
        self.identity = next(self.identities)
        self.limit = limit
        self.used = 0
        self.held: dict[int, list[int]] = {}
        self.calls: list[str] = []
        self._memory = bytearray(64)
        self._blocks: dict[int, tuple[int, int]] = {}
        self._serials = itertools.count(1)
        self._numbers = itertools.count(1)

    # -- Holds -----------------------------------------------------------------------------------

    def make(self, size):
        taken = -(-max(size, 1) // 512) * 512
        if self.used + taken > self.limit:
            return 0
        self.used += taken
        number = next(self._numbers)
        self._blocks[number] = len(self._memory), size
        self._memory.extend(bytes(-(-size // 64) * 64))
        self.held[number] = [next(self._serials), 1]
        return number

    def hold(self, number, serial):
        if self.held.get(number, [0])[0] != serial:
            return False
        self.held[number][1] += 1
        return True

    def drop(self, number):
        self.held[number][1] -= 1
        if not self.held[number][1]:
            del self.held[number]
            address, size = self._blocks.pop(number)
            self.used -= -(-max(size, 1) // 512) * 512
            self._memory[address : address + size] = b"\xdd" * size

    def serial(self, number):
        return self.held[number][0]

    def address(self, number):
        return self._blocks[number][0]

    def size(self, number):
        return self._blocks[number][1]

    # -- Copies ----------------------------------------------------------------------------------

    def bytes(self, address, size):
        self.calls.append("bytes")
        return Copied(self._memory[address : address + size])

    def write(self, address, buffer):
        self.calls.append("write")
        data = memoryview(buffer).cast("B")
        self._memory[address : address + len(data)] = data

    def _local(self):
        return LocalBlock(None, self._memory, 0, 0)  # type: ignore[arg-type]

    def gather(self, address, strides, shape, size, buffer):
        self.calls.append("gather")
        layout = Layout(tuple(shape), tuple(strides), address, size)
        buffer[:] = self._local().read(layout)

    def scatter(self, address, strides, shape, size, buffer):
        self.calls.append("scatter")
        layout = Layout(tuple(shape), tuple(strides), address, size)
        self._local().write(layout, memoryview(buffer).cast("B"))

    def copy(self, source, source_strides, target, target_strides, shape, size):
        self.calls.append("copy")
        block = self._local()
        block.copy(
            Layout(tuple(shape), tuple(target_strides), target, size),
            block,
            Layout(tuple(shape), tuple(source_strides), source, size),
        )

    # -- Elements --------------------------------------------------------------------------------

    def get(self, type, address):
        value = self._local().get(TYPES[type], address)
        return int(value) if type == 0 else value

    def set(self, type, address, value):
        struct.pack_into("=" + TYPES[type].format, self._memory, address, value)

    def load(self, type, address):
        return self._local().load(TYPES[type], address)

    def update(self, operation, type, address, value):
        return self._local().update(operation, TYPES[type], address, value)

    def compare_exchange(self, type, address, expected, value):
        return self._local().compare_exchange(TYPES[type], address, expected, value)
