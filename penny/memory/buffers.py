"""Buffers, lists and numbers as the elements of an array: their types, their shape, their bytes."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from typing import Any

from penny.memory.layout import Layout
from penny.memory.types import ElementType, element_type

__all__ = ["check_type", "elements", "misfit", "type_of"]


def type_of(view: memoryview) -> ElementType:
    """The type of a buffer's elements.

    Raises:
        TypeError: They are no numbers, or have their bytes in the other order.
    """
    format = view.format
    if format.startswith(">") or (format.startswith("!") and sys.byteorder == "little"):
        raise TypeError("data with its bytes in the other order: convert it first")
    try:
        found = element_type("B" if format == "c" else format.lstrip("@=<!"))
    except ValueError:
        raise TypeError(f"data of the format {format!r} is none of numbers") from None
    assert found.size == view.itemsize
    return found


def check_type(given: ElementType, wanted: ElementType) -> None:
    """Raise TypeError unless data of one type can be stored in an array of the other."""
    if given is not wanted:
        raise TypeError(f"data of {given.name} for an array of {wanted.name}: convert it first")


def misfit(given: Sequence[int], wanted: tuple[int, ...]) -> ValueError:
    """The error to raise where data of one shape is to be stored in another."""
    return ValueError(f"data of the shape {tuple(given)} does not fit into the shape {wanted}")


def elements(data: Any, layout: Layout, type: ElementType) -> memoryview:
    """The bytes to store at `layout`, one element after the other.

    Args:
        data: A buffer, nested lists, or one number for all elements.
        layout: Where they go: its shape is what `data` must have, or one axis of as many elements.
        type: The array's; that of a buffer must be the same.

    Raises:
        TypeError: It is of another type.
        ValueError: It is of another shape.
        OverflowError: A number is out of range.
    """
    if isinstance(data, (list, tuple, range)):
        extents, numbers = _flattened(data)
        if extents != layout.shape and extents != (layout.size,):
            raise misfit(extents, layout.shape)
        packed = struct.pack(f"={len(numbers)}{type.format}", *map(type.checked, numbers))
        return memoryview(packed)
    try:
        view = memoryview(data)
    except TypeError:
        if not hasattr(data, "__index__") and not hasattr(data, "__float__"):
            raise TypeError(
                f"can't store {data.__class__.__name__} in an array of {type.name}: it takes a "
                "buffer, a SharedArray, lists of numbers, or a number"
            ) from None
        return memoryview(struct.pack(f"={type.format}", type.checked(data)) * layout.size)
    if not view.ndim:  # one of NumPy's scalars
        element = type.checked(view[()])
        return memoryview(struct.pack(f"={type.format}", element) * layout.size)
    raw = view.itemsize == 1 and view.ndim == 1 and type.size > 1 and view.format in "Bbc"
    if raw:
        if view.nbytes != layout.nbytes:
            raise ValueError(
                f"{view.nbytes} bytes do not fit into the shape {layout.shape} of {type.name}, "
                f"which takes {layout.nbytes}"
            )
    else:
        if not (type.size == 1 and view.format in "Bbc"):  # bytes are any type's of one byte
            check_type(type_of(view), type)
        if view.shape != layout.shape and view.shape != (layout.size,):
            raise misfit(view.shape or (), layout.shape)
    if not layout.size:
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def _flattened(data: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Shape and elements of nested lists. Raises ValueError if they are of different lengths."""
    if not isinstance(data, (list, tuple, range)):
        return (), [data]
    parts = [_flattened(item) for item in data]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise ValueError("lists within each other must be of the same length")
    inner = next(iter(shapes), ())
    return (len(data), *inner), [number for _, numbers in parts for number in numbers]
