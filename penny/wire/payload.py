"""Pickles on their way into shared memory, and out of it.

What is small is one `bytes` object, made by `pickle.dumps` and copied twice. A `Payload` is for
what is large, or refers to shared arrays. Its pieces are the objects' own memory, one after the
other with what the pickler writes between them; so large data is copied once, from where it is into
the shared memory, and once more from there into the new object (`load`): CPython's pickler hands
`bytes`, `bytearray` and buffers of 64 KiB and more to the file that it writes to without copying
them, and its unpickler has the file fill them.
"""

from __future__ import annotations

import copyreg
import operator
import pickle
from array import array
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from penny.by_value.exception_values import Exceptions
from penny.by_value.names import Pickling, header_of, those_known
from penny.by_value.pickler import ByValuePickler, try_out
from penny.by_value.reducing import PROTOCOL

__all__ = [
    "ATOMS",
    "LARGE",
    "Carried",
    "Payload",
    "Reader",
    "Tangled",
    "dumps_plainly",
    "is_large",
    "load",
    "pieces_of",
    "stream",
]

LARGE = 1 << 16
"""Bytes from which on data is worth the way by pieces: measured, and CPython's pickler does not
hand out smaller ones as they are."""


class Carried(Protocol):
    """A shared array, as payloads refer to it."""

    number: int
    """Its number in the array table."""
    memory: Any


class Payload:
    """A pickle in pieces.

    Attributes:
        pieces: Together they are the pickle: `bytes` that the pickler wrote, and memoryviews of
            large data where it is.
        size: Bytes of all.
        arrays: Blocks of the shared arrays that it refers to, each once. Whoever sends it holds on
            to it until the slot carries them.
    """

    __slots__ = ("arrays", "pieces", "size")

    def __init__(self, pieces: list[Any], arrays: Iterable[Carried]) -> None:
        self.pieces = pieces
        self.size = sum(map(len, pieces))
        self.arrays = list(arrays)

    def __len__(self) -> int:
        return self.size

    def joined(self) -> bytes:
        """The pickle in one piece."""
        return b"".join(self.pieces)


def pieces_of(data: bytes | Payload) -> tuple[list[Any], list[int]]:
    """A pickle's pieces, and the numbers of the arrays that it refers to."""
    if isinstance(data, Payload):
        return data.pieces, [block.number for block in data.arrays]
    return [data], []


# -- Writing ---------------------------------------------------------------------------------------

ATOMS = frozenset({int, float, str, bool, type(None), complex})
"""Types of values that are never large enough."""
_ITEMS = 32
"""Items of a container among which to look for large ones. That takes a few microseconds, which is
what the copy of LARGE bytes takes that pieces save; of more items it would take longer."""


def is_large(value: Any, depth: int = 2) -> bool:
    """Whether the value is, or has near its surface, data that is worth the way by pieces."""
    kind = type(value)
    if kind in ATOMS:
        return False
    if kind is bytes or kind is bytearray:
        return len(value) >= LARGE
    if kind is memoryview:
        return bool(value.nbytes >= LARGE)
    if kind is array:
        return bool(len(value) * value.itemsize >= LARGE)
    if kind is tuple or kind is list:
        if depth and len(value) <= _ITEMS:
            for item in value:
                if type(item) not in ATOMS and is_large(item, depth - 1):
                    return True
        return False
    if kind is dict:
        return (
            depth > 0
            and len(value) <= _ITEMS
            and any(is_large(item, depth - 1) for item in value.values())
        )
    # NumPy's arrays; an attribute of a stranger's might be a property that does anything.
    if kind.__module__ == "numpy":
        return getattr(value, "nbytes", 0) >= LARGE
    return False


class _Sink:
    """The file that a pickler writes to."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.write = self.pieces.append


def _reduce(value: Any, arrays: dict[int, Carried]) -> Any:
    """How to pickle what plain pickling would copy first; also notes shared arrays."""
    kind = type(value)
    if kind is array:
        # Not for one that is empty: an empty buffer has no format.
        if len(value) * value.itemsize >= LARGE:
            return _array, (value.typecode, pickle.PickleBuffer(value))
    elif kind is memoryview:
        # Arrives as bytes, as a small one does.
        if value.c_contiguous and value.nbytes >= LARGE:
            return _same, (pickle.PickleBuffer(value.toreadonly()),)
        return bytes, (value.tobytes(),)
    else:
        block = getattr(kind, "__penny_block__", None)
        if block is not None:
            carried = block(value)
            arrays[id(carried)] = carried
    return NotImplemented


def _same(value: Any) -> Any:
    return value


def _array(typecode: str, data: bytearray) -> array[Any]:
    result = array(typecode)
    result.frombytes(data)
    return result


class _Pickler(pickle.Pickler):
    def __init__(self, sink: _Sink, arrays: dict[int, Carried]) -> None:
        super().__init__(sink, PROTOCOL)
        self._arrays = arrays
        self._exceptions: Exceptions | None = None

    def reducer_override(self, obj: Any) -> Any:
        if issubclass(type(obj), BaseException):
            if self._exceptions is None:
                self._exceptions = Exceptions(try_out)
            return self._exceptions.reduce(obj)
        return _reduce(obj, self._arrays)


class _Reducers(dict[type, Callable[[Any], Any]]):
    """pickle's table of reducers, with one for exceptions.

    Objects of other classes are asked by themselves, as without it. To be asked for each object, as
    `reducer_override` is, would cost a sixth of pickling it.
    """

    def __init__(self, reduce_exception: Callable[[BaseException], Any]) -> None:
        super().__init__()
        self._reduce_exception = reduce_exception

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, BaseException):
            reducer: Callable[[Any], Any] = self._reduce_exception
        elif issubclass(kind, type) or kind in copyreg.dispatch_table:
            return copyreg.dispatch_table[kind]  # as it is now
        else:
            reducer = _ask
        self[kind] = reducer
        return reducer


_ask = operator.methodcaller("__reduce_ex__", PROTOCOL)
_CLASSES = 1000
"""Classes whose reducers a pickler remembers. With more it begins anew, since a program that makes
classes without end is not to have them kept."""


class _PlainPickler(pickle.Pickler):
    """pickle's, but for exceptions. Used again and again."""

    def __init__(self) -> None:
        sink = _Sink()
        super().__init__(sink, PROTOCOL)
        self.pieces = sink.pieces
        self.registered = -1
        """How many classes `copyreg` had when `reducers` was empty."""
        self.dispatch_table = self.reducers = _Reducers(self._reduce_exception)
        self.exceptions: Exceptions | None = None

    def _reduce_exception(self, error: BaseException) -> Any:
        if self.exceptions is None:
            self.exceptions = Exceptions(try_out)
        return self.exceptions.reduce(error)


# Making one takes longer than pickling a small value. There are several where what is pickled
# pickles something in turn.
_idle: list[_PlainPickler] = []
_REUSED = 1 << 16
"""Bytes up to which its buffer and memo are worth keeping."""


def dumps_plainly(value: object) -> bytes:
    """The plain pickle of a value. Raises whatever pickling raises."""
    # One that fails is not used again.
    pickler = _idle.pop() if _idle else _PlainPickler()
    registered = len(copyreg.dispatch_table)
    if pickler.registered != registered or len(pickler.reducers) > _CLASSES:
        pickler.reducers.clear()
        pickler.registered = registered
    pickler.dump(value)
    data = b"".join(pickler.pieces)
    if len(data) <= _REUSED:
        pickler.pieces.clear()
        pickler.clear_memo()
        pickler.exceptions = None
        _idle.append(pickler)
    return data


class _ByValuePickler(ByValuePickler):
    def __init__(
        self,
        sink: _Sink,
        arrays: dict[int, Carried],
        pickling: Pickling | None = None,
        *,
        top: Any = None,
        kept: Any = None,
        state: bool = False,
    ) -> None:
        super().__init__(sink, PROTOCOL, pickling, top=top, kept=kept, state=state)
        self._arrays = arrays

    def reducer_override(self, obj: Any) -> Any:
        reduced = _reduce(obj, self._arrays)
        return super().reducer_override(obj) if reduced is NotImplemented else reduced


def stream(
    value: object,
    *,
    by_value: bool = False,
    pickling: Pickling | None = None,
    kept: object = None,
) -> Payload:
    """The pickled form in pieces. Raises whatever pickling raises.

    Args:
        value: Anything.
        by_value: Send functions and classes by value where they can't be imported.
        pickling: What knows the modules of the side that it is for; None: who is known now.
        kept: See `ByValuePickler`.
    """
    sink = _Sink()
    arrays: dict[int, Carried] = {}
    if not by_value:
        _Pickler(sink, arrays).dump(value)
        return Payload(_merged(sink.pieces), arrays.values())
    if pickling is None and (names := those_known()) is not None:
        pickling = names.begin()
    _ByValuePickler(sink, arrays, pickling, kept=kept).dump(value)
    header = header_of(pickling)
    pieces = _merged(sink.pieces)
    return Payload([header, *pieces] if header else pieces, arrays.values())


class Tangled(Exception):
    """The value of a name contains that of another one, which contains it."""

    def __init__(self, key: str, name: str) -> None:
        super().__init__(key, name)
        self.outer = key, name


class _DefinitionPickler(_ByValuePickler):
    """Pickles the value of a name. In it, values of other names are references to these."""

    def __init__(
        self,
        sink: _Sink,
        arrays: dict[int, Carried],
        pickling: Pickling,
        names: dict[int, tuple[str, str]],
        refer: Callable[[str, str], int],
        busy: dict[int, tuple[str, str]],
        top: Any,
    ) -> None:
        super().__init__(sink, arrays, pickling, top=top, state=True)
        self._names = names
        self._refer = refer
        self._busy = busy

    def persistent_id(self, obj: Any) -> Any:
        found = self._names.get(id(obj))
        if found is not None:
            return *found, self._refer(*found)
        if id(obj) in self._busy:
            raise Tangled(*self._busy[id(obj)])
        return None


def dump_definition(
    value: object,
    pickling: Pickling,
    *,
    top: bool,
    names: dict[int, tuple[str, str]],
    refer: Callable[[str, str], int],
    busy: dict[int, tuple[str, str]],
) -> tuple[bytes, list[Carried]]:
    """The pickled form of a name's value, and its arrays.

    It is for the unpickler of `penny.mirror.mirror`.

    Args:
        value: The value.
        pickling: What knows modules.
        top: Whether it is a function or class that is found by this name, and is to be pickled
            itself.
        names: Module and name of other values, by identity.
        refer: Called with the module and name of one that `value` contains; gives its number.
        busy: Of values that are being pickled, and contain `value`: the same.

    Raises:
        Tangled: `value` contains one of those.
    """
    sink = _Sink()
    arrays: dict[int, Carried] = {}
    if not (names or busy):
        pickler: Any = _ByValuePickler(
            sink, arrays, pickling, top=value if top else None, state=True
        )
    else:
        pickler = _DefinitionPickler(
            sink, arrays, pickling, names, refer, busy, value if top else None
        )
    pickler.dump(value)
    return b"".join(map(bytes, sink.pieces)), list(arrays.values())


# V8 copies to and from shared memory by words if both sides are aligned, else by bytes, at a
# quarter of the speed. Large data is aligned in itself, so its place in the pickle has to be.
_ALIGNMENT = 8

# What comes before large data, by its opcode: BINBYTES with 4 bytes of length; BINBYTES8 and
# BYTEARRAY8 with 8.
_PREFIXES = {5: b"B", 9: b"\x8e\x96"}


def _merged(pieces: list[Any]) -> list[Any]:
    """The pieces: opcodes that lie side by side in one, `bytes`; large data aligned."""
    merged: list[Any] = []
    small = bytearray()
    at = 0
    for piece in pieces:
        # A view: whoever reads it wants bytes, whatever the buffer's own items are.
        data = memoryview(piece).cast("B")
        prefix = _prefix_of(data, small)
        if not prefix:  # opcodes; of these, too, there may be many at once
            small += data
            continue
        small[-prefix:-prefix] = _nothing(-(at + len(small)) % _ALIGNMENT)
        merged += [bytes(small), data]
        at += len(small) + len(data)
        small.clear()
    if small:
        merged.append(bytes(small))
    return merged


def _prefix_of(data: memoryview, before: bytearray) -> int:
    """Bytes of what comes before large data; 0: it is none."""
    if len(data) >= LARGE:
        for size, opcodes in _PREFIXES.items():
            start = len(before) - size
            length = int.from_bytes(before[start + 1 :], "little")
            if start >= 0 and before[start] in opcodes and length == len(data):
                return size
    return 0


def _nothing(size: int) -> bytes:
    """Opcodes without effect, of so many bytes modulo the alignment."""
    if size % 2:
        # A number and None, pushed and popped.
        return b"K\0" + b"0" + b"N0" * ((size - 3) % _ALIGNMENT // 2)
    return b"N0" * (size // 2)


# -- Reading ---------------------------------------------------------------------------------------

_WINDOW = 4096
"""Bytes that are read ahead. Each read is a crossing, and costs more than to copy so many; between
large pieces lie a few dozen."""


class Reader:
    """A payload in shared memory, as the file that an unpickler reads from.

    Args:
        read: Called with an offset and a buffer, fills the buffer from there on.
        size: Bytes of the payload.
    """

    def __init__(self, read: Callable[[int, Any], object], size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0
        # What was read ahead, for the few bytes between the large pieces.
        self._window = b""
        self._window_at = 0

    def read(self, count: int = -1) -> bytes:
        """The next bytes: as many, or what is left; all of that if negative."""
        left = self._size - self._at
        if count < 0 or count > left:
            count = left
        start = self._at - self._window_at
        if not 0 <= start <= len(self._window) - count:
            if count > _WINDOW:
                data = bytearray(count)
                self._read(self._at, data)
                self._at += count
                return bytes(data)
            ahead = bytearray(min(left, _WINDOW))
            if ahead:
                self._read(self._at, ahead)
            self._window, self._window_at, start = bytes(ahead), self._at, 0
        self._at += count
        return self._window[start : start + count]

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, or as much of it as there is; how many bytes."""
        view = memoryview(buffer).cast("B")
        count = min(len(view), self._size - self._at)
        if count < _WINDOW:
            view[:count] = self.read(count)
        else:
            self._read(self._at, view if count == len(view) else view[:count])
            self._at += count
        return count

    def readline(self) -> bytes:
        """The bytes up to and with the end of a line; an old opcode may ask for them."""
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return bytes(line)


def load(reader: Reader) -> Any:
    """The value whose pickle is read."""
    return pickle.Unpickler(reader).load()
