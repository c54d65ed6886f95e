"""Where an array's elements are: shape, strides and offset; slicing and reshaping as NumPy does."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import Any, NamedTuple

__all__ = ["AXES_MAX", "Index", "Layout", "checked_shape"]

AXES_MAX = 64
"""As for memoryview (`PyBUF_MAX_NDIM`), which `read` gives."""

EXTENT_MAX = (1 << 32) - 1
"""Extents have 32 bits in handles. Larger arrays find no room anyway, unless they are empty."""

Index = int | slice | EllipsisType | None | tuple[Any, ...]
"""What may stand in the brackets of an array."""


class Layout(NamedTuple):
    """Where the elements of an array are in its block, or those of a view of a part of it."""

    shape: tuple[int, ...]
    """Elements along each axis."""
    strides: tuple[int, ...]
    """Bytes from one element to the next, along each axis."""
    offset: int
    """Bytes from the beginning of the memory to the first element."""
    itemsize: int
    """Bytes of an element."""

    @classmethod
    def dense(cls, shape: tuple[int, ...], itemsize: int, offset: int = 0) -> Layout:
        """In C's order: the last axis is the innermost."""
        strides = []
        step = itemsize
        for extent in reversed(shape):
            strides.append(step)
            step *= extent
        return cls(shape, tuple(reversed(strides)), offset, itemsize)

    @property
    def size(self) -> int:
        """How many elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.itemsize

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie one after the other, in C's order."""
        if 0 in self.shape:
            return True
        step = self.itemsize
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent != 1 and stride != step:
                return False
            step *= extent
        return True

    @property
    def bounds(self) -> tuple[int, int]:
        """The first byte of any element, and the first one behind all."""
        if not self.size:
            return self.offset, self.offset
        low = high = self.offset
        for extent, stride in zip(self.shape, self.strides, strict=True):
            if stride < 0:
                low += (extent - 1) * stride
            else:
                high += (extent - 1) * stride
        return low, high + self.itemsize

    def at(self, index: Index) -> Layout | int:
        """What an index selects: a part, or, given an integer for every axis, an element's offset.

        Raises:
            IndexError: It is out of bounds, or there are too many.
            TypeError: It is no basic index.
        """
        keys = index if isinstance(index, tuple) else (index,)
        # An element is asked for more often than anything else.
        if len(keys) == len(self.shape):
            offset = self.offset
            for key, extent, stride in zip(keys, self.shape, self.strides, strict=True):
                if type(key) is not int or not 0 <= key < extent:
                    break
                offset += key * stride
            else:
                return offset
        given = sum(key is not None and key is not Ellipsis for key in keys)
        if given > len(self.shape):
            raise IndexError(f"too many indices: {given} for an array of {len(self.shape)} axes")
        ellipses = sum(key is Ellipsis for key in keys)
        if ellipses > 1:
            raise IndexError("an index can only have one ellipsis ('...')")
        rest = (slice(None),) * (len(self.shape) - given)
        if ellipses:
            where = next(i for i, key in enumerate(keys) if key is Ellipsis)
            keys = (*keys[:where], *rest, *keys[where + 1 :])
        else:
            keys = (*keys, *rest)
        offset = self.offset
        shape: list[int] = []
        strides: list[int] = []
        axis = 0
        for key in keys:
            if key is None:
                shape.append(1)
                strides.append(0)
                continue
            extent, stride = self.shape[axis], self.strides[axis]
            if isinstance(key, slice):
                start, stop, step = key.indices(extent)
                count = len(range(start, stop, step))
                if count:
                    offset += start * stride
                shape.append(count)
                strides.append(step * stride)
            else:
                offset += _position(key, axis, extent) * stride
            axis += 1
        if not shape and not ellipses:
            return offset
        return Layout(tuple(shape), tuple(strides), offset, self.itemsize)

    def reshaped(self, shape: Sequence[int]) -> Layout:
        """A layout of these elements, in this order, in another shape: one extent may be -1.

        Raises:
            ValueError: The numbers of elements differ; or they do not lie so that a view would do.
        """
        extents = [operator.index(extent) for extent in shape]
        unknown = [axis for axis, extent in enumerate(extents) if extent == -1]
        if len(unknown) > 1:
            raise ValueError("only one extent of a shape can be -1")
        if any(extent < -1 for extent in extents):
            raise ValueError(f"negative extents in the shape {tuple(extents)}")
        if unknown:
            others = math.prod(extent for extent in extents if extent != -1)
            if others and self.size % others == 0:
                extents[unknown[0]] = self.size // others
        if -1 in extents or math.prod(extents) != self.size:
            raise ValueError(f"cannot reshape an array of {self.size} elements into {tuple(shape)}")
        if len(extents) > AXES_MAX:
            raise ValueError(f"more than {AXES_MAX} axes")
        wanted = tuple(extents)
        dense = Layout.dense(wanted, self.itemsize, self.offset)
        if self.is_dense:
            return dense
        strides = self._strides_for(wanted)
        if strides is None:
            raise ValueError(
                "these elements do not lie so that another shape could be a view of them: "
                "reshape what read() gives, or write that into another array"
            )
        return dense._replace(strides=strides)

    def _strides_for(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Strides with which the elements have that shape; None: there are none.

        Old and new axes are matched group by group, each of the same number of elements; within
        the old ones of a group, each must continue where the next one ends. As NumPy does it
        (`_attempt_nocopy_reshape`). The array has elements, else it is dense.
        """
        old = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        strides = [0] * len(shape)
        i = 0  # first old axis of the group
        axis = 0  # first new axis of the group
        while i < len(old):
            end, count = i + 1, old[i][0]
            new_end, new_count = axis, 1
            while new_count != count or new_end == axis:
                if new_count < count:
                    new_count *= shape[new_end]
                    new_end += 1
                else:
                    count *= old[end][0]
                    end += 1
            for (_, outer), (extent, inner) in zip(old[i : end - 1], old[i + 1 : end], strict=True):
                if outer != extent * inner:
                    return None
            step = old[end - 1][1]
            for new in range(new_end - 1, axis - 1, -1):
                strides[new] = step
                step *= shape[new]
            i, axis = end, new_end
        for new in range(axis, len(shape)):  # of extent 1
            strides[new] = strides[new - 1] if new else self.itemsize
        return tuple(strides)


def _position(key: Any, axis: int, extent: int) -> int:
    if isinstance(key, bool):
        raise TypeError("an index must be an integer, a slice or an ellipsis, not bool")
    try:
        index = operator.index(key)
    except TypeError:
        raise TypeError(
            "an index must be an integer, a slice or an ellipsis, or a tuple of these, "
            f"not {type(key).__name__}"
        ) from None
    if not -extent <= index < extent:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {extent}")
    return index + extent if index < 0 else index


def checked_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    """The extents that a user means.

    Raises:
        TypeError: They are no integers.
        ValueError: One is negative, or too large; or there are too many.
    """
    if isinstance(shape, (str, bytes)):
        raise TypeError("shape must be an integer or a sequence of integers")
    given = shape if isinstance(shape, Sequence) else (shape,)
    try:
        extents = tuple(operator.index(extent) for extent in given)
    except TypeError:
        raise TypeError(
            f"shape must be an integer or a sequence of integers, not {shape!r}"
        ) from None
    if any(extent < 0 for extent in extents):
        raise ValueError(f"negative extents in the shape {extents}")
    if len(extents) > AXES_MAX:
        raise ValueError(f"more than {AXES_MAX} axes")
    if 0 in extents and max(extents) > EXTENT_MAX:
        raise ValueError(f"an extent of more than {EXTENT_MAX} in the shape {extents}")
    return extents
