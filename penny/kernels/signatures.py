"""Signatures of kernels: what a kernel takes and returns, and arguments in that form.

The grammar, which is also that of `PENNY_KERNEL` in `penny.h`:

    signature = [ parameter { "," parameter } ] [ "->" scalar ]
    parameter = ( scalar | element "[]" ) [ name ]
    scalar    = "i32" | "i64" | "u32" | "u64" | "f32" | "f64" | "bool"
    element   = "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64"

as in `f32 a, f32[] x, f32[] y -> f64`. Parentheses may enclose the parameters, or all of it, and do
so in the module's custom section "penny", which has a line for each kernel: its name, and then its
signature in parentheses.

A scalar is one WebAssembly parameter: i32, i64, f32 or f64; a bool is an i32. An array is two, both
i32: its address, and its length in elements.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

from penny.kernels.wasm_module import FunctionType
from penny.wire.pickles import qualified_name

__all__ = ["Parameter", "Signature", "parse_section", "parse_signature"]


class _Integers(NamedTuple):
    low: int
    high: int


INTEGERS = {
    f"{kind}{bits}": _Integers(-(1 << bits - 1), (1 << bits - 1) - 1)
    if kind == "i"
    else _Integers(0, (1 << bits) - 1)
    for bits in (8, 16, 32, 64)
    for kind in "iu"
}
FLOATS = ("f32", "f64")
SCALARS = ("i32", "i64", "u32", "u64", *FLOATS, "bool")

# What an array of these elements says its dtype is.
DTYPES = {
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "f32": "float32",
    "f64": "float64",
}

# How WebAssembly types the scalars whose own names it does not know.
WASM_TYPES = {"u32": "i32", "u64": "i64", "bool": "i32"}

# From this absolute value on, numbers round to infinity.
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103

INFINITY = float("inf")


class Parameter(NamedTuple):
    """One parameter of a kernel."""

    name: str
    type: str
    """A scalar's, or that of an array's elements."""
    is_array: bool

    def __str__(self) -> str:
        return f"{self.type}{'[]' * self.is_array} {self.name}"

    def convert(self, kernel: str, value: Any) -> Any:
        """The argument as it is passed on: an int, a float, or the array.

        Raises:
            TypeError: It is of the wrong type, or an array of the wrong dtype, or not contiguous.
            OverflowError: It is out of the type's range.
        """
        if self.is_array:
            return self._array(kernel, value)
        if self.type in FLOATS:
            return self._float(kernel, value)
        return self._integer(kernel, value)

    def _integer(self, kernel: str, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            wanted = "a bool" if self.type == "bool" else f"an int ({self.type})"
            raise self._wrong_type(kernel, wanted, value) from None
        if self.type == "bool":
            if number not in (0, 1):
                raise OverflowError(
                    f"{self._of(kernel)} must be True or False, not {_shown(number)}"
                )
            return number
        low, high = INTEGERS[self.type]
        if not low <= number <= high:
            raise OverflowError(
                f"{self._of(kernel)} must be from {low} to {high} ({self.type}), not "
                f"{_shown(number)}"
            )
        return number

    def _float(self, kernel: str, value: Any) -> float:
        if not isinstance(value, (float, int, Real)):
            raise self._wrong_type(kernel, f"a float ({self.type})", value)
        try:
            number = float(value)
        except OverflowError:
            number = INFINITY
            too_large = True
        else:
            size = abs(number)
            too_large = self.type == "f32" and size >= FLOAT32_OVERFLOW and size != INFINITY
        if too_large:
            shown = _shown(value) if isinstance(value, int) else value
            raise OverflowError(f"{self._of(kernel)} is out of {self.type}'s range: {shown}")
        return number

    def _array(self, kernel: str, value: Any) -> Any:
        wanted = DTYPES[self.type]
        dtype = getattr(value, "dtype", None)
        if not hasattr(type(value), "_kernel_argument"):
            shown = qualified_name(type(value)) + ("" if dtype is None else f" of {dtype}")
            raise TypeError(
                f"{self._of(kernel)} must be a penny.SharedArray of {wanted}, not {shown}: "
                "a kernel sees shared memory only"
            )
        if dtype != wanted:
            raise TypeError(
                f"{self._of(kernel)} must be a SharedArray of {wanted}, not one of {dtype}"
            )
        if not _is_contiguous(value):
            raise TypeError(
                f"{self._of(kernel)} must have its elements one after the other, and is a view of "
                f"shape {value.shape} with strides {value.strides}: copy it first "
                "(SharedArray.copy_of)"
            )
        return value

    def _of(self, kernel: str) -> str:
        return f"kernel {kernel}: argument {self.name!r}"

    def _wrong_type(self, kernel: str, wanted: str, value: Any) -> TypeError:
        kind = qualified_name(type(value))
        return TypeError(f"{self._of(kernel)} must be {wanted}, not {kind} ({value!r:.60})")


def _is_contiguous(array: Any) -> bool:
    stride = array.itemsize
    for extent, actual in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if extent == 0:
            return True
        if extent > 1 and actual != stride:
            return False
        stride *= extent
    return True


def _shown(number: int) -> str:
    # CPython refuses to write thousands of digits.
    bits = number.bit_length()
    return str(number) if bits <= 256 else f"a number of {bits} bits"


class Signature(NamedTuple):
    """What a kernel takes and returns."""

    parameters: tuple[Parameter, ...]
    result: str | None

    def __str__(self) -> str:
        arrow = "" if self.result is None else f" -> {self.result}"
        return f"({', '.join(map(str, self.parameters))}){arrow}"

    @property
    def wasm_type(self) -> FunctionType:
        """The type of a function of this signature."""
        parameters: list[str] = []
        for parameter in self.parameters:
            if parameter.is_array:
                parameters += ("i32", "i32")
            else:
                parameters.append(WASM_TYPES.get(parameter.type, parameter.type))
        result = self.result
        return FunctionType(
            tuple(parameters), () if result is None else (WASM_TYPES.get(result, result),)
        )

    def bind(
        self, kernel: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """The arguments of a call, in order, each as it is passed on.

        Args:
            kernel: Its name, for errors.
            args: The first arguments.
            kwargs: The others, by the parameters' names.

        Raises:
            TypeError: There are too many or too few, or one is of the wrong type.
            OverflowError: One is out of its type's range.
        """
        parameters = self.parameters
        if kwargs:
            args = self._ordered(kernel, args, kwargs)
        if len(args) != len(parameters):
            count = len(parameters)
            raise TypeError(
                f"kernel {kernel}{self} takes {count} argument{'s' * (count != 1)}, not {len(args)}"
            )
        return tuple([p.convert(kernel, value) for p, value in zip(parameters, args, strict=True)])

    def _ordered(
        self, kernel: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        names = [parameter.name for parameter in self.parameters]
        for name in kwargs:
            if name not in names:
                raise TypeError(f"kernel {kernel}{self} has no parameter {name!r}")
            if name in names[: len(args)]:
                raise TypeError(f"kernel {kernel}{self}: two values for argument {name!r}")
        missing = [name for name in names[len(args) :] if name not in kwargs]
        if missing:
            raise TypeError(f"kernel {kernel}{self}: argument {missing[0]!r} is missing")
        return (*args, *[kwargs[name] for name in names[len(args) :]])

    def returned(self, value: Any) -> Any:
        """The result of a call, from what JavaScript makes of it."""
        result = self.result
        if result is None:
            return None
        if result in FLOATS:
            return float(value)
        if result == "bool":
            return bool(value)
        number = int(value)
        return number if result[0] == "i" else number & INTEGERS[result].high


_NAME = r"[^\W\d]\w*"
_RESULT = r"(?: ?-> ?(?P<{}>\w+))?"
_SIGNATURE = re.compile(
    rf"\((?P<inner>[^()>-]*){_RESULT.format('early')} ?\){_RESULT.format('late')}"
)
_PARAMETER = re.compile(rf" ?(?P<type>\w+) ?(?P<array>\[ ?\])? ?(?P<name>{_NAME})? ?")
_LINE = re.compile(rf"(?P<name>{_NAME}) ?(?P<signature>\(.*)")


def parse_signature(kernel: str, text: str) -> Signature:
    """The signature that a text says: `f32 a, f32[] x -> f64`.

    Parameters without a name are called `arg0`, `arg1` and so on, by their place.

    Args:
        kernel: Its name, for errors.
        text: In the grammar above.

    Raises:
        ValueError: It says none.
    """
    text = " ".join(text.split())  # else the patterns take long for much white space
    found = _SIGNATURE.fullmatch(text if text.startswith("(") else f"({text})")
    if found is None or (found["early"] and found["late"]):
        raise _bad(kernel, text, 'write "f32 a, f32[] x -> f64"')
    parameters: list[Parameter] = []
    if found["inner"].strip():
        for place, each in enumerate(found["inner"].split(",")):
            parameters.append(_parameter(kernel, text, place, each))
    names: set[str] = set()
    for parameter in parameters:
        if parameter.name in names:
            raise _bad(kernel, text, f"two parameters are called {parameter.name!r}")
        names.add(parameter.name)
    result = found["early"] or found["late"]
    if result is not None and result not in SCALARS:
        raise _bad(kernel, text, f"it can't return {result!r}: {', '.join(SCALARS)}, or nothing")
    return Signature(tuple(parameters), result)


def _parameter(kernel: str, signature: str, place: int, text: str) -> Parameter:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise _bad(kernel, signature, f"{text.strip()!r} is no parameter, such as 'f32[] x'")
    kind, is_array = found["type"], found["array"] is not None
    allowed = tuple(DTYPES) if is_array else SCALARS
    if kind not in allowed:
        what = "elements" if is_array else "scalars"
        hint = " (small integers travel as i32 or u32)" if kind in DTYPES else ""
        raise _bad(kernel, signature, f"no type {kind!r}: {what} are {', '.join(allowed)}{hint}")
    return Parameter(found["name"] or f"arg{place}", kind, is_array)


def _bad(kernel: str, text: str, why: str) -> ValueError:
    return ValueError(f"the signature of kernel {kernel}, {text.strip()!r:.200}, is wrong: {why}")


def parse_section(data: bytes) -> dict[str, Signature]:
    """The signatures of a module's custom section "penny", by kernel: one a line, name first.

    Raises:
        ValueError: A line says none, or a kernel has two.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise ValueError("the module's section 'penny', of signatures, is not UTF-8") from None
    signatures: dict[str, Signature] = {}
    for line in text.replace("\0", "\n").splitlines():
        if not line.strip():
            continue
        found = _LINE.fullmatch(" ".join(line.split()))
        if found is None:
            raise ValueError(
                f"a line of the module's section 'penny' is no signature: {line!r:.200}"
            )
        name = found["name"]
        signature = parse_signature(name, found["signature"])
        if signatures.setdefault(name, signature) != signature:
            raise ValueError(f"kernel {name} has two signatures in the module's section 'penny'")
    return signatures
