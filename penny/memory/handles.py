"""Handles of arrays: what travels in place of their elements, as bytes.

A handle names the block (memory, number, serial: for ever, see `penny/wasm_core/memory/README.md`)
and says which of its elements are meant. JavaScript reads and writes the same bytes
(`web/penny/api/shared_array.js`).
"""

from __future__ import annotations

import struct
import threading

from penny.bridge.numbers import Handle
from penny.errors import PickleError
from penny.memory import memories
from penny.memory.block import Block
from penny.memory.layout import Layout
from penny.memory.types import TYPES, ElementType

__all__ = ["handle_of", "refused", "resolved"]

# Memory, number, serial, type, axes, offset; then the extents, and strides unless they are C's.
_header = struct.Struct(Handle.FORMAT)


class _Refusal(threading.local):
    """Why no handle is made in this thread, now.

    No ContextVar: what an engine schedules while it is handed a call, its delivery for instance,
    would run in a copy of the context, and refuse the arrays of callbacks for ever.
    """

    why: str | None = None


_refusal = _Refusal()


class refused:
    """A context in which no handle is made: what is pickled leaves the memory that it would name.

    A class, for each submission enters one: a generator takes ten times as long.

    Args:
        why: The text of the PickleError that pickling an array raises; says what to do instead.
    """

    __slots__ = ("_outer", "_why")

    def __init__(self, why: str) -> None:
        self._why = why

    def __enter__(self) -> None:
        self._outer, _refusal.why = _refusal.why, self._why

    def __exit__(self, *_: object) -> None:
        _refusal.why = self._outer


def handle_of(block: Block, layout: Layout, type: ElementType) -> bytes:
    """The handle of some elements of a block: 16 bytes, and 4 for each axis, or 12 with strides.

    Raises:
        ValueError: The block has been freed here.
        PickleError: The handle would go where the block is not; see `refused`.
    """
    if block.closed:
        raise ValueError("this array has been freed here: it can't be sent any more")
    if _refusal.why is not None:
        raise PickleError(_refusal.why)
    dense = layout.is_dense
    axes = len(layout.shape)
    header = _header.pack(
        block.memory.identity,
        block.number,
        block.serial,
        type.code,
        axes if dense else axes | Handle.STRIDED,
        layout.offset,
    )
    handle = header + struct.pack(f"<{axes}I", *layout.shape)
    return handle if dense else handle + struct.pack(f"<{axes}q", *layout.strides)


def resolved(handle: bytes) -> tuple[Block, Layout, ElementType]:
    """What a handle names: the block, held from now on, and the elements in it.

    Raises:
        ValueError: It has been freed, or is in the memory of another scheduler; or the handle was
            overwritten.
    """
    try:
        identity, number, serial, code, axes, offset = _header.unpack_from(handle)
        strided = axes & Handle.STRIDED
        axes &= ~Handle.STRIDED
        type = TYPES[code]
        shape = struct.unpack_from(f"<{axes}I", handle, _header.size)
        layout = Layout.dense(shape, type.size, offset)
        if strided:
            strides = struct.unpack_from(f"<{axes}q", handle, _header.size + 4 * axes)
            layout = layout._replace(strides=strides)
    except (struct.error, IndexError) as error:
        raise ValueError("this is no handle of an array: it was overwritten") from error
    block = memories.attached_block(identity, number, serial)
    if layout.size:
        low, high = layout.bounds
        if low < 0 or high > block.size or any(s % type.size for s in (offset, *layout.strides)):
            raise ValueError("a part of an array lies outside of it: its handle was overwritten")
    return block, layout, type
