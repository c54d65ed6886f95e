"""Pyodide's WebAssembly, with one function changed: the one that frees an object.

CPython frees a chain of objects (a linked list, nested lists, exceptions that have each other as
their context, frames) by recursion in C. Its guard against chains that are too long looks how far
the C stack's pointer has come; but in WebAssembly most of these functions keep nothing in that
stack, so that its pointer does not move, while the engine's own stack, of which CPython knows
nothing, runs full. A chain of some thousand objects ended the interpreter when it was dropped, and
with it the worker.

So here the function `_Py_Dealloc` is put aside, and another one stands in its place that moves the
pointer by `STEP` bytes, calls it, and moves the pointer back. After some 500 levels the guard
finds the stack nearly used up, and frees what is left one by one ("trashcan"). Nothing else is
changed: no address, no place in a table, so memory snapshots fit either.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from penny.kernels.wasm_module import Malformed, Reader

__all__ = ["guarded", "guarded_file"]

WASM = "pyodide.asm.wasm"

FREES = "_Py_Dealloc"

STEP = 20480
"""Bytes of the C stack, which has 10 MB, that each level takes. A multiple of 16."""

IMPORT, FUNCTION, EXPORT, CODE = 2, 3, 7, 10
FUNCTION_KIND, TABLE_KIND, MEMORY_KIND, GLOBAL_KIND, TAG_KIND = range(5)


def guarded_file(pyodide: Path, cache: Path) -> Path | bytes:
    """The file of Pyodide's WebAssembly, with the guard, made once.

    Args:
        pyodide: The folder of Pyodide's files.
        cache: Where it is kept, under a name made of what goes into it.

    Returns:
        The file in the cache; what it would hold, where none can be written there; or the file as
        it is in `pyodide`, if that is not what Pyodide has there.
    """
    original = pyodide / WASM
    data = original.read_bytes()
    key = hashlib.sha256(Path(__file__).read_bytes() + hashlib.sha256(data).digest())
    target = cache / f"pyodide-guarded-{key.hexdigest()[:16]}.wasm"
    if target.is_file():
        return target
    changed = guarded(data)
    if changed is None:
        return original
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
            file.write(changed)
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)
    except OSError:
        return changed
    return target


def guarded(data: bytes) -> bytes | None:
    """A CPython whose guard sees how deep objects are freed.

    Args:
        data: A module that exports `_Py_Dealloc` and `__stack_pointer`.

    Returns:
        None if it doesn't.
    """
    if data[:8] != b"\0asm\1\0\0\0":
        return None
    try:
        return _guarded(memoryview(data))
    except Malformed:
        return None


def _guarded(data: memoryview) -> bytes | None:
    sections = _sections(data)
    exports = _exports(sections.get(EXPORT, data[:0]))
    function = exports.get((FREES, FUNCTION_KIND))
    pointer = exports.get(("__stack_pointer", GLOBAL_KIND))
    if function is None or pointer is None:
        return None
    imported = _imported_functions(sections.get(IMPORT, data[:0]))
    types = Reader(sections.get(FUNCTION, data[:0]))
    count = types.count()
    type_indices = types.data[types.position :]
    bodies = Reader(sections.get(CODE, data[:0]))
    if bodies.number() != count or not imported <= function < imported + count:
        return None
    first = bodies.position
    for _ in range(function - imported):
        bodies.take(bodies.number())
    start = bodies.position
    bodies.take(bodies.number())
    end = bodies.position
    own_type = [types.number() for _ in range(function - imported + 1)][-1]
    code = bodies.data
    moved = _number(pointer)
    wrapper = b"".join(
        [
            b"\0",  # locals: none
            *(b"\x23", moved, b"\x41", _signed(STEP), b"\x6b", b"\x24", moved),  # pointer -= STEP
            *(b"\x20\0", b"\x10", _number(imported + count)),  # the function itself, moved there
            *(b"\x23", moved, b"\x41", _signed(STEP), b"\x6a", b"\x24", moved),  # pointer += STEP
            b"\x0b",
        ]
    )
    changed: dict[int, list[bytes | memoryview]] = {
        FUNCTION: [_number(count + 1), type_indices, _number(own_type)],
        CODE: [
            *(_number(count + 1), code[first:start], _number(len(wrapper)), wrapper),
            *(code[end:], code[start:end]),
        ],
    }
    out: list[bytes | memoryview] = [data[:8]]
    for section, body in sections.items():
        parts = changed.get(section, [body])
        out += [bytes([section % CUSTOM]), _number(sum(map(len, parts))), *parts]
    return b"".join(out)


CUSTOM = 256
"""Custom sections, of which there may be many, are known here by multiples of this."""


def _sections(data: memoryview) -> dict[int, memoryview]:
    reader = Reader(data[8:])
    sections: dict[int, memoryview] = {}
    while reader.left:
        section = reader.byte() or CUSTOM * (len(sections) + 1)
        sections[section] = reader.take(reader.number())
    return sections


def _exports(section: memoryview) -> dict[tuple[str, int], int]:
    reader = Reader(section)
    return {(reader.name(), reader.byte()): reader.number() for _ in range(reader.count())}


def _imported_functions(section: memoryview) -> int:
    """How many there are."""
    reader = Reader(section)
    functions = 0
    for _ in range(reader.count()):
        reader.name(), reader.name()
        kind = reader.byte()
        if kind == FUNCTION_KIND:
            functions += 1
            reader.number()
        elif kind == TABLE_KIND:
            reader.value_type()
            reader.limits()
        elif kind == MEMORY_KIND:
            reader.limits()
        elif kind == GLOBAL_KIND:
            reader.value_type()
            reader.byte()
        else:
            reader.byte()
            reader.number()
    return functions


def _number(value: int) -> bytes:
    """LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _signed(value: int) -> bytes:
    """LEB128 of a number with a sign, which is not negative."""
    out = _number(value)
    return out if not out[-1] & 0x40 else out[:-1] + bytes([out[-1] | 0x80, 0])
