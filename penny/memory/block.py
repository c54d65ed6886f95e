"""What a memory and a block are, whoever has them: the seam between arrays and where they lie.

An interpreter has one `Block` for an array, however many objects there are for it and parts of it;
the block holds the array, and lets go of it when it is collected, or closed.
"""

from __future__ import annotations

from typing import Any, Protocol

from penny.memory.layout import Layout
from penny.memory.types import ElementType

__all__ = ["Block", "Memory", "Placed", "freed", "freed_elsewhere"]


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


def freed() -> ValueError:
    """The error to raise where a block is used that has let go here."""
    return ValueError(
        "this array has been freed: its `with` block has ended, or close() was called"
    )


def freed_elsewhere() -> ValueError:
    """The error to raise where the block of a handle is there no more."""
    return ValueError(
        "this array has been freed: whoever sent it, or pickled it, has let go of it since"
    )
