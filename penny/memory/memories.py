"""Where the elements of shared arrays are: the memory that a scheduler's workers share.

An interpreter has one `Block` for an array, however many objects there are for it and parts of it;
the block holds the array, and lets go of it when it is collected, or closed. On plain Python, where
one interpreter is all there is, blocks are bytearrays (`LOCAL`).
"""

from __future__ import annotations

import gc
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from penny.jobs import job as jobs
from penny.memory.layout import Layout
from penny.memory.types import ElementType

if TYPE_CHECKING:
    from penny.bridge.ports import ArraysPort

__all__ = ["LOCAL", "Block", "Memory", "Placed", "attach", "attached_block", "default", "retire"]


class Placed(Protocol):
    """What knows where the arrays of its tasks are: a Scheduler, or a view of it."""

    @property
    def _memory(self) -> Memory: ...


class Memory(Protocol):
    """What a scheduler's arrays are in."""

    @property
    def identity(self) -> int:
        """What names it in handles, 32 bits."""

    def new_block(self, size: int) -> Block:
        """A block of zeros.

        Raises:
            MemoryError: There is no room for it.
        """

    def block(self, number: int, serial: int) -> Block:
        """The block of that name.

        Raises:
            ValueError: It has been freed.
        """


class Block(Protocol):
    """The elements of one array, and this interpreter's hold on it.

    Offsets are bytes from its beginning. All but `close` raise ValueError once it is closed.
    """

    number: int
    """Its number in the array table."""
    serial: int
    """Which use of that number."""

    @property
    def memory(self) -> Memory:
        """Where it is."""

    @property
    def closed(self) -> bool:
        """Whether it has let go."""

    @property
    def size(self) -> int:
        """Its bytes."""

    @property
    def address(self) -> int:
        """Where it is in the shared memory. Raises TypeError where there is none."""

    def close(self) -> None:
        """Let go of it, whatever refers to it here."""

    def read(self, layout: Layout) -> memoryview:
        """A copy of elements, one after the other: writable bytes that nobody else has."""

    def write(self, layout: Layout, data: memoryview) -> None:
        """Store elements: `data` are their bytes, one after the other."""

    def copy(self, layout: Layout, source: Block, source_layout: Layout) -> None:
        """Store elements of another block, or of another part of this one, of the same shape."""

    def get(self, type: ElementType, offset: int) -> Any:
        """One element."""

    def set(self, type: ElementType, offset: int, value: Any) -> None:
        """Store one element, which is in range."""

    def load(self, type: ElementType, offset: int) -> int:
        """One element, atomically."""

    def update(self, operation: str, type: ElementType, offset: int, value: int) -> int:
        """Change one element, atomically; what it was before.

        Args:
            operation: `add`, `and`, `or`, `xor`, `exchange` or `store`.
            type: Of the element; an integer.
            offset: Of the element.
            value: In range.
        """

    def compare_exchange(self, type: ElementType, offset: int, expected: int, value: int) -> int:
        """Store an element if it is as expected, atomically; what it was before."""


def _freed() -> ValueError:
    return ValueError(
        "this array has been freed: its `with` block has ended, or close() was called"
    )


def _no_room(size: int, limit: float, used: float | None = None) -> MemoryError:
    in_use = "" if used is None else f", of which {used:.0f} are in use"
    return MemoryError(
        f"an array of {size} bytes finds no room in the scheduler's shared heap of {limit:.0f} "
        f"bytes{in_use}: free others, or give the Scheduler a larger memory="
    )


# -- In the browser --------------------------------------------------------------------------------


class PortMemory:
    """The memory of a pool, as one of its clients or workers sees it."""

    def __init__(self, port: ArraysPort) -> None:
        self._port = port
        self.identity = port.identity
        # An attribute of JavaScript's costs as much as the call.
        self.get, self.set = port.get, port.set
        self._blocks: weakref.WeakValueDictionary[tuple[int, int], PortBlock] = (
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
                raise ValueError(
                    "this array has been freed: whoever sent it, or pickled it, has let go of it "
                    "since"
                )
            return self._keep(number, serial)

    def _keep(self, number: int, serial: int) -> PortBlock:
        block = self._blocks[number, serial] = PortBlock(self, self._port, number, serial)
        return block

    def forget(self, block: PortBlock) -> None:
        """Whoever asks for it again gets another."""
        if self._blocks.get((block.number, block.serial)) is block:
            del self._blocks[block.number, block.serial]


class PortBlock:
    """A block in shared memory."""

    def __init__(self, memory: PortMemory, port: ArraysPort, number: int, serial: int) -> None:
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
            raise _freed()
        return address

    def close(self) -> None:
        """Let go of it."""
        self._address = None
        self.memory.forget(self)
        self._let_go()

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


def _overlap(first: Layout, second: Layout) -> bool:
    (low, high), (other_low, other_high) = first.bounds, second.bounds
    return low < other_high and other_low < high


# -- On plain Python -------------------------------------------------------------------------------


class LocalMemory:
    """The memory of this process."""

    def __init__(self) -> None:
        self._identity: int | None = None
        self._blocks: weakref.WeakValueDictionary[tuple[int, int], LocalBlock] = (
            weakref.WeakValueDictionary()
        )
        self._last = 0

    @property
    def identity(self) -> int:
        """What names it, different in each process."""
        if self._identity is None:
            self._identity = int.from_bytes(os.urandom(4), "little")
        return self._identity

    def new_block(self, size: int) -> Block:
        """A block of zeros."""
        try:
            data = bytearray(size)
        except (MemoryError, OverflowError):
            raise MemoryError(f"an array of {size} bytes finds no room in memory") from None
        self._last += 1
        block = LocalBlock(self, data, self._last & 0x1FFF, self._last)
        self._blocks[block.number, block.serial] = block
        return block

    def block(self, number: int, serial: int) -> Block:
        """The block of that name."""
        block = self._blocks.get((number, serial))
        if block is None or block.closed:
            raise ValueError(
                "this array has been freed: whoever sent it, or pickled it, has let go of it since"
            )
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
            raise _freed()
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
        """There is none."""
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
    """Of each element, in C's order."""
    offsets = [layout.offset]
    for extent, stride in zip(layout.shape, layout.strides, strict=True):
        offsets = [offset + i * stride for offset in offsets for i in range(extent)]
    return offsets


LOCAL = LocalMemory()
"""The memory of plain Python."""


# -- Memories --------------------------------------------------------------------------------------

# By identity, as long as somebody has an array in it or could make one.
_memories: weakref.WeakValueDictionary[int, PortMemory] = weakref.WeakValueDictionary()
# Of schedulers that are open here.
_open: weakref.WeakSet[PortMemory] = weakref.WeakSet()


def attach(port: ArraysPort) -> PortMemory:
    """The memory of a pool that this interpreter takes part in."""
    memory = _memories.get(port.identity)
    if memory is None:
        memory = _memories[port.identity] = PortMemory(port)
        _open.add(memory)
    return memory


def retire(memory: PortMemory) -> None:
    """Its scheduler has ended: new arrays go elsewhere. Those that are there stay as they are."""
    _open.discard(memory)


def default() -> Memory | None:
    """Where an array goes if nobody says; None: there are several memories.

    Raises:
        RuntimeError: No scheduler is open, in the browser.
    """
    if len(_open) == 1:
        return next(iter(_open))
    if _open:
        return None
    if sys.platform == "emscripten":
        raise RuntimeError(
            "no Scheduler is open here, so there is no shared memory for an array: open one first"
        )
    return LOCAL


def attached_block(identity: int, number: int, serial: int) -> Block:
    """The block of a handle.

    Raises:
        ValueError: It has been freed, or is another memory's.
    """
    memory = _memories.get(identity)
    if memory is not None:
        return memory.block(number, serial)
    if identity == LOCAL.identity:
        return LOCAL.block(number, serial)
    raise ValueError("this array is in the memory of a scheduler that this interpreter is not in")
