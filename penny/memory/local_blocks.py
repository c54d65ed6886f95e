"""Blocks in this process's own memory, where one interpreter is all there is: on plain Python."""

from __future__ import annotations

import os
import weakref
from typing import Any

from penny.memory.block import Block, freed, freed_elsewhere
from penny.memory.layout import Layout
from penny.memory.types import ElementType

__all__ = ["LOCAL", "LocalBlock", "LocalMemory"]


class LocalMemory:
    """The memory of this process."""

    def __init__(self) -> None:
        self._identity = 0
        self._process: int | None = None
        self._blocks: weakref.WeakValueDictionary[tuple[int, int], LocalBlock] = (
            weakref.WeakValueDictionary()
        )
        self._last = 0

    @property
    def identity(self) -> int:
        """What names it, different in each process.

        A forked process has copies of the blocks, under the same numbers: since it has another
        identity, a handle from elsewhere is refused there, and does not find a copy whose changes
        nobody else would see.
        """
        process = os.getpid()
        if self._process != process:
            self._process = process
            self._identity = int.from_bytes(os.urandom(4), "little")
        return self._identity

    def new_block(self, size: int) -> Block:
        """A block of zeros."""
        try:
            data = bytearray(size)
        except (MemoryError, OverflowError):
            raise MemoryError(f"an array of {size} bytes finds no room in memory") from None
        self._last += 1
        # The serial alone names it; the number is one that a pool could have (sizes.h: ARRAYS).
        block = LocalBlock(self, data, self._last & 0x1FFF, self._last)
        self._blocks[block.number, block.serial] = block
        return block

    def block(self, number: int, serial: int) -> Block:
        """The block of that name."""
        block = self._blocks.get((number, serial))
        if block is None or block.closed:
            raise freed_elsewhere()
        return block


class LocalBlock:
    """A block in a bytearray."""

    def __init__(self, memory: LocalMemory, data: bytearray, number: int, serial: int) -> None:
        self.memory = memory
        self.number = number
        self.serial = serial
        self._data: memoryview | None = memoryview(data)

    def _bytes(self) -> Any:
        if self._data is None:
            raise freed()
        return self._data

    @property
    def closed(self) -> bool:
        """Whether it has let go."""
        return self._data is None

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self._bytes())

    @property
    def address(self) -> int:
        """Raises TypeError: kernels, which alone ask for it, see shared memory only."""
        self._bytes()
        raise TypeError("there is no shared memory here: only a scheduler in the browser has one")

    def close(self) -> None:
        """Let go of it."""
        self._data = None

    def read(self, layout: Layout) -> memoryview:
        """A copy of elements."""
        data = self._bytes()
        copy = bytearray(layout.nbytes)
        if layout.is_dense:
            copy[:] = data[layout.offset : layout.offset + layout.nbytes]
        else:
            for at, element in enumerate(_offsets(layout)):
                at *= layout.itemsize
                copy[at : at + layout.itemsize] = data[element : element + layout.itemsize]
        return memoryview(copy)

    def write(self, layout: Layout, data: memoryview) -> None:
        """Store elements."""
        target = self._bytes()
        if layout.is_dense:
            target[layout.offset : layout.offset + layout.nbytes] = data
            return
        for at, element in enumerate(_offsets(layout)):
            at *= layout.itemsize
            target[element : element + layout.itemsize] = data[at : at + layout.itemsize]

    def copy(self, layout: Layout, source: Block, source_layout: Layout) -> None:
        """Store elements of another block."""
        self.write(layout, source.read(source_layout))

    def get(self, type: ElementType, offset: int) -> Any:
        """One element."""
        return self._bytes()[offset : offset + type.size].cast(type.format)[0]

    def set(self, type: ElementType, offset: int, value: Any) -> None:
        """Store one element."""
        self._bytes()[offset : offset + type.size].cast(type.format)[0] = value

    def load(self, type: ElementType, offset: int) -> int:
        """One element."""
        value: int = self.get(type, offset)
        return value

    def update(self, operation: str, type: ElementType, offset: int, value: int) -> int:
        """Change one element; nothing comes between."""
        before = self.load(type, offset)
        match operation:
            case "add":
                after = before + value
            case "and":
                after = before & value
            case "or":
                after = before | value
            case "xor":
                after = before ^ value
            case _:
                after = value
        self.set(type, offset, type.wrapped(after))
        return before

    def compare_exchange(self, type: ElementType, offset: int, expected: int, value: int) -> int:
        """Store an element if it is as expected."""
        before = self.load(type, offset)
        if before == expected:
            self.set(type, offset, value)
        return before


def _offsets(layout: Layout) -> list[int]:
    """Where each element begins, in C's order."""
    offsets = [layout.offset]
    for extent, stride in zip(layout.shape, layout.strides, strict=True):
        offsets = [offset + i * stride for offset in offsets for i in range(extent)]
    return offsets


LOCAL = LocalMemory()
"""The memory of plain Python: arrays that no scheduler has a better place for."""
