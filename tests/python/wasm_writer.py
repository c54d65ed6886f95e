"""Writes small WebAssembly modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CODES = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C, "v128": 0x7B}

Functions = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]


def number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def string(text: str) -> bytes:
    return number(len(text.encode())) + text.encode()


def vector(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return number(len(items)) + b"".join(items)


def section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + number(len(body)) + body


def function_type(parameters: Iterable[str], results: Iterable[str]) -> bytes:
    def types(names):
        return vector(bytes([CODES[name]]) for name in names)

    return b"\x60" + types(parameters) + types(results)


def module(functions: Functions, penny: str | bytes | None = None, *, shared: bool = True) -> bytes:
    """A module that exports functions of these types (parameters, results), all of which trap.

    It imports a function, a memory, a table and a global, as real ones do.
    """
    memory = b"\x03\x01\x80\x80\x04" if shared else b"\x00\x01"
    types = [function_type(("i32",), ())]
    types += [function_type(*each) for each in functions.values()]
    imports = [
        string("penny") + string("spawn") + b"\x00" + number(0),
        string("env") + string("memory") + b"\x02" + memory,
        string("env") + string("__indirect_function_table") + b"\x01\x70\x00\x01",
        string("env") + string("__memory_base") + b"\x03\x7f\x00",
    ]
    exports = [
        string(name) + b"\x00" + number(index)
        for index, name in enumerate(functions, start=1)  # 0 is the imported one
    ]
    exports.append(string("memory") + b"\x02\x00")
    body = b"\x00\x00\x0b"  # no locals, unreachable, end
    sections = [
        section(1, vector(types)),
        section(2, vector(imports)),
        section(3, vector(number(index) for index in range(1, len(types)))),
        section(7, vector(exports)),
        section(10, vector([number(len(body)) + body] * len(functions))),
    ]
    if penny is not None:
        content = penny.encode() if isinstance(penny, str) else penny
        sections.append(section(0, string("penny") + content))
    return b"\0asm\1\0\0\0" + b"".join(sections)
