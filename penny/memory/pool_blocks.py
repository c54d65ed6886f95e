"""Blocks in the memory that a pool's workers share, as one of its clients or workers sees it.

What happens there is the core's (`penny/wasm_core/memory/README.md`): Python holds an array by its
number and serial, and copies its elements through JavaScript.
"""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penny.jobs import job as jobs
from penny.memory.block import Block, freed, freed_elsewhere
from penny.memory.layout import Layout
from penny.memory.types import ElementType

if TYPE_CHECKING:
    from penny.bridge.ports import ArraysPort

__all__ = ["PoolBlock", "PoolMemory"]


def _no_room(size: int, limit: float, used: float | None = None) -> MemoryError:
    in_use = "" if used is None else f", of which {used:.0f} are in use"
    return MemoryError(
        f"an array of {size} bytes finds no room in the scheduler's shared heap of {limit:.0f} "
        f"bytes{in_use}: free others, or give the Scheduler a larger memory="
    )


class PoolMemory:
    """The memory of a pool, as one of its clients or workers sees it."""

    def __init__(self, port: ArraysPort) -> None:
        self._port = port
        self.identity = port.identity
        # An attribute of JavaScript's costs as much as the call.
        self.get, self.set = port.get, port.set
        self._blocks: weakref.WeakValueDictionary[tuple[int, int], PoolBlock] = (
            weakref.WeakValueDictionary()
        )

    def new_block(self, size: int) -> Block:
        """A block of zeros."""
        port = self._port
        if size > port.limit:
            raise _no_room(size, port.limit)
        with jobs.Masked():  # a Cancelled between the two would leave a hold that nobody lets go
            number = port.make(size)
            if not number:
                gc.collect()  # what is garbage may be an array
                number = port.make(size)
            if not number:
                raise _no_room(size, port.limit, port.used)
            return self._keep(number, port.serial(number))

    def block(self, number: int, serial: int) -> Block:
        """The block of that name."""
        block = self._blocks.get((number, serial))
        if block is not None:
            return block
        with jobs.Masked():
            if not self._port.hold(number, serial):
                raise freed_elsewhere()
            return self._keep(number, serial)

    def _keep(self, number: int, serial: int) -> PoolBlock:
        block = self._blocks[number, serial] = PoolBlock(self, self._port, number, serial)
        return block

    def forget(self, block: PoolBlock) -> None:
        """Whoever asks for it again gets another."""
        if self._blocks.get((block.number, block.serial)) is block:
            del self._blocks[block.number, block.serial]


class PoolBlock:
    """A block in shared memory."""

    def __init__(self, memory: PoolMemory, port: ArraysPort, number: int, serial: int) -> None:
        self.memory = memory
        self.number = number
        self.serial = serial
        self._port = port
        self._address: int | None = port.address(number)
        self._let_go = weakref.finalize(self, port.drop, number)
        self._let_go.atexit = False

    @property
    def closed(self) -> bool:
        """Whether it has let go."""
        return self._address is None

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._port.size(self.number)

    @property
    def address(self) -> int:
        """Where it is in the shared memory."""
        address = self._address
        if address is None:
            raise freed()
        return address

    def close(self) -> None:
        """Let go of it."""
        self._address = None
        self.memory.forget(self)
        self._let_go()

    def lay_files(self, folder: str, entries: Sequence[tuple[str, int, int]]) -> None:
        """Have files in this interpreter's file system, whose bytes are those of this block.

        Args:
            folder: Where, an absolute path.
            entries: Of each its path in there, bytes, and when it was changed, in ms since 1970;
                in the order of their contents.
        """
        self._port.lay_files(_file_system(), self.address, folder, json.dumps(list(entries)))

    def let_files_be(self, folder: str) -> None:
        """Those of these files that are open here get copies of their bytes."""
        self._port.let_files_be(_file_system(), folder)

    def read(self, layout: Layout) -> memoryview:
        """A copy of elements."""
        address = self.address + layout.offset
        if layout.is_dense:
            # The one way into a new buffer that is not filled with zeros first.
            copy: memoryview = self._port.bytes(address, layout.nbytes).to_py()
            return copy
        data = memoryview(bytearray(layout.nbytes))
        self._port.gather(address, list(layout.strides), list(layout.shape), layout.itemsize, data)
        return data

    def write(self, layout: Layout, data: memoryview) -> None:
        """Store elements."""
        address = self.address + layout.offset
        if layout.is_dense:
            self._port.write(address, data)
        else:
            self._port.scatter(
                address, list(layout.strides), list(layout.shape), layout.itemsize, data
            )

    def copy(self, layout: Layout, source: Block, source_layout: Layout) -> None:
        """Store elements of another block."""
        target = self.address + layout.offset
        if source.memory is not self.memory or (source is self and _overlap(layout, source_layout)):
            self.write(layout, source.read(source_layout))
            return
        self._port.copy(
            source.address + source_layout.offset,
            list(source_layout.strides),
            target,
            list(layout.strides),
            list(layout.shape),
            layout.itemsize,
        )

    def get(self, type: ElementType, offset: int) -> Any:
        """One element."""
        # JavaScript's numbers come as int where they are integral, BigInts as a class of int.
        return type.python(self.memory.get(type.code, self.address + offset))

    def set(self, type: ElementType, offset: int, value: Any) -> None:
        """Store one element."""
        self.memory.set(type.code, self.address + offset, value)

    def load(self, type: ElementType, offset: int) -> int:
        """One element, atomically."""
        return int(self._port.load(type.code, self.address + offset))

    def update(self, operation: str, type: ElementType, offset: int, value: int) -> int:
        """Change one element, atomically."""
        return int(self._port.update(operation, type.code, self.address + offset, value))

    def compare_exchange(self, type: ElementType, offset: int, expected: int, value: int) -> int:
        """Store an element if it is as expected, atomically."""
        address = self.address + offset
        return int(self._port.compare_exchange(type.code, address, expected, value))


def _file_system() -> Any:
    from penny.bridge import javascript  # which plain Python never imports

    return javascript.file_system()


def _overlap(first: Layout, second: Layout) -> bool:
    (low, high), (other_low, other_high) = first.bounds, second.bounds
    return low < other_high and other_low < high
