"""The types of a shared array's elements."""

from __future__ import annotations

import operator
import struct
from typing import Any, NamedTuple

from penny.bridge.numbers import Element

__all__ = ["TYPES", "ElementType", "element_type"]


class ElementType(NamedTuple):
    """A type of elements: how it is called, stored and checked."""

    code: int
    """Its number in handles: one of `Element`."""
    name: str
    """NumPy's name for it, and `SharedArray.dtype`."""
    format: str
    """`struct`'s character, the same on every platform."""
    size: int
    """Bytes of an element."""

    python: type[bool] | type[int] | type[float]
    """Python's type for it."""
    low: int = 0
    """The least value of an integer type; 0 for others."""
    high: int = 0
    """The first value that is too large for an integer type; 0 for others."""

    @property
    def is_integer(self) -> bool:
        """Whether there are atomic operations; not of bool."""
        return self.high > 0

    def checked(self, value: Any) -> Any:
        """The value as an element of this type.

        Raises:
            TypeError: It is none.
            OverflowError: It is out of range.
        """
        if self.python is float:
            number = float(value)
            if self.size == 4:
                struct.pack("<f", number)  # OverflowError
            return number
        if self.python is bool:
            return bool(value)
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(
                f"an element of {self.name} must be an integer, not {type(value).__name__}"
            ) from None
        if not self.low <= number < self.high:
            raise OverflowError(f"{number} is out of range for {self.name}")
        return number

    def wrapped(self, value: Any) -> int:
        """An integer modulo the type's range."""
        number = operator.index(value)
        if self.low <= number < self.high:
            return number
        bits = 8 * self.size
        number &= (1 << bits) - 1
        return number - (1 << bits) if number >= self.high else number


def _element_type(code: int, name: str, format: str) -> ElementType:
    size = struct.calcsize(format)
    if name == "bool":
        return ElementType(code, name, format, size, bool)
    if name.startswith("float"):
        return ElementType(code, name, format, size, float)
    bits = 8 * size
    low, high = (0, 1 << bits) if name[0] == "u" else (-1 << bits - 1, 1 << bits - 1)
    return ElementType(code, name, format, size, int, low, high)


TYPES = tuple(
    _element_type(code, name, format)
    for code, name, format in sorted(
        [
            (Element.BOOL, "bool", "?"),
            (Element.INT8, "int8", "b"),
            (Element.INT16, "int16", "h"),
            (Element.INT32, "int32", "i"),
            (Element.INT64, "int64", "q"),
            (Element.UINT8, "uint8", "B"),
            (Element.UINT16, "uint16", "H"),
            (Element.UINT32, "uint32", "I"),
            (Element.UINT64, "uint64", "Q"),
            (Element.FLOAT32, "float32", "f"),
            (Element.FLOAT64, "float64", "d"),
        ]
    )
)
"""All types, by code."""

_BY_NAME = {
    **{each.format: each for each in TYPES},
    **{each.name: each for each in TYPES},
    "bool_": TYPES[Element.BOOL],  # NumPy's class
    "int": TYPES[Element.INT64],
    "float": TYPES[Element.FLOAT64],
}
# Of the C long, whose size depends on the platform.
_BY_NAME |= {
    "l": _BY_NAME["i" if struct.calcsize("l") == 4 else "q"],
    "L": _BY_NAME["I" if struct.calcsize("L") == 4 else "Q"],
    "n": _BY_NAME["i" if struct.calcsize("n") == 4 else "q"],
    "N": _BY_NAME["I" if struct.calcsize("N") == 4 else "Q"],
}


def element_type(dtype: Any) -> ElementType:
    """The type that a user means, by a name, a code of `struct` or `array`, or a type of theirs.

    Args:
        dtype: A name of NumPy's; a code; Python's `bool`, `int` or `float`; NumPy's type or dtype.

    Raises:
        ValueError: There is no such type.
    """
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if not isinstance(name, str):
        name = getattr(dtype, "__name__", None)
    if isinstance(name, str):
        found = _BY_NAME.get(name if len(name) == 1 else name.lstrip("@=<"))
        if found is not None:
            return found
    names = ", ".join(each.name for each in TYPES)
    raise ValueError(f"no element type {dtype!r}: there are {names}")
