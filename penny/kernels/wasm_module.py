"""Reading a WebAssembly module: the types of what it exports, and its custom sections.

Only as much of the binary format (WebAssembly Core Specification 2.0, chapter 5) as that takes: the
bodies of functions, where nearly all the bytes are, are passed over. Whether the module is valid is
for the engine to say; whatever the bytes are, reading ends after as many steps as there are bytes.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FunctionType", "Malformed", "Reader", "WasmModule", "read_module"]

MAGIC = b"\0asm"
VERSION = b"\1\0\0\0"

# Section ids. The others are passed over.
CUSTOM, TYPE, IMPORT, FUNCTION, EXPORT = 0, 1, 2, 3, 7
SECTIONS = {TYPE: "type", IMPORT: "import", FUNCTION: "function", EXPORT: "export"}

# Kinds of imports and exports.
FUNCTION_KIND, TABLE_KIND, MEMORY_KIND, GLOBAL_KIND, TAG_KIND = range(5)
KINDS = ("function", "table", "memory", "global", "tag")

FUNCTION_TYPE = 0x60
# Reference types that a heap type follows.
TYPED_REFERENCES = (0x63, 0x64)
VALUE_TYPES = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}

# Flags of a memory's or table's limits: there is a maximum; it is shared.
HAS_MAXIMUM, SHARED = 1, 2


class FunctionType(NamedTuple):
    """Types of a function's parameters and results, such as "i32"; "reference" for any other."""

    parameters: tuple[str, ...]
    results: tuple[str, ...]


class WasmModule(NamedTuple):
    """What was read of a module."""

    functions: dict[str, FunctionType]
    """Exported functions by name."""
    custom: dict[str, bytes]
    """Custom sections by name; where there are several of one name, one after the other."""
    imports: tuple[tuple[str, str, str], ...]
    """What it imports: module, name and kind of each, such as ("env", "memory", "memory")."""
    shares_memory: bool
    """Whether it imports a memory that is shared."""


class Malformed(Exception):
    """What is wrong, and where."""


class Reader:
    """Reads forward through a part of the module's bytes; raises Malformed."""

    def __init__(self, data: memoryview, offset: int = 0) -> None:
        self.data = data
        self.position = 0
        self.offset = offset
        """Where the part begins in the module."""

    def fail(self, what: str) -> Malformed:
        """The error to raise, which says where."""
        return Malformed(f"{what} at byte {self.offset + self.position}")

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self.data) - self.position

    def byte(self) -> int:
        """The next byte."""
        if not self.left:
            raise self.fail("it ends too early,")
        self.position += 1
        return self.data[self.position - 1]

    def take(self, size: int) -> memoryview:
        """The next so many bytes."""
        if size > self.left:
            raise self.fail(f"{size} bytes are announced and {self.left} are left")
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, bits: int = 32) -> int:
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                raise self.fail("a number is too long")
        if value >> bits:
            raise self.fail(f"a number is larger than {bits} bits")
        return value

    def count(self) -> int:
        """The number of items that follow, each of which takes a byte or more."""
        count = self.number()
        if count > self.left:
            raise self.fail(f"{count} items are announced and {self.left} bytes are left")
        return count

    def name(self) -> str:
        """A string, after its length."""
        try:
            return str(self.take(self.number()), "utf-8")
        except UnicodeDecodeError:
            raise self.fail("a name is not UTF-8") from None

    def value_type(self) -> str:
        """A type of a value, by its name."""
        code = self.byte()
        if code in TYPED_REFERENCES:
            self.number(33)
        return VALUE_TYPES.get(code, "reference")

    def value_types(self) -> tuple[str, ...]:
        """Types, after their number."""
        return tuple([self.value_type() for _ in range(self.count())])

    def limits(self) -> int:
        """Pass over a memory's or table's limits; their flags."""
        flags = self.byte()
        self.number(64)
        if flags & HAS_MAXIMUM:
            self.number(64)
        return flags


def read_module(data: bytes) -> WasmModule:
    """Read a module.

    Raises:
        ValueError: The bytes are no WebAssembly module, or one that is damaged.
    """
    if data[:4] != MAGIC:
        hint = ""
        if data[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"!<ar"):
            hint = "; they are code for another machine, or a library"
        elif not data:
            hint = "; there are none"
        raise ValueError(
            f"the bytes are not a WebAssembly module, which begins with '\\0asm'{hint}"
        )
    if data[4:8] != VERSION:
        raise ValueError(
            "the bytes are not a WebAssembly module of version 1: a component, perhaps"
        )
    try:
        return _read(Reader(memoryview(data)[8:], 8))
    except Malformed as error:
        raise ValueError(f"the WebAssembly module is damaged: {error}") from None


def _read(reader: Reader) -> WasmModule:
    types: list[FunctionType] = []
    functions: list[int] = []
    exports: dict[str, int] = {}
    custom: dict[str, bytes] = {}
    imports: list[tuple[str, str, str]] = []
    shared = False
    seen: set[int] = set()
    while reader.left:
        section = reader.byte()
        size = reader.number()
        start = reader.offset + reader.position
        body = Reader(reader.take(size), start)
        if section == CUSTOM:
            name = body.name()
            custom[name] = custom.get(name, b"") + bytes(body.take(body.left))
            continue
        if section not in SECTIONS:
            continue
        if section in seen:
            raise body.fail(f"a second {SECTIONS[section]} section")
        seen.add(section)
        if section == TYPE:
            types = _types(body)
        elif section == IMPORT:
            imported, imports, shared = _imports(body)
            functions = imported + functions
        elif section == FUNCTION:
            functions += [body.number() for _ in range(body.count())]
        else:
            exports = _exports(body)
        if body.left:
            raise body.fail(f"more bytes than the {SECTIONS[section]} section has")
    return WasmModule(
        {name: _type_of(index, name, functions, types) for name, index in exports.items()},
        custom,
        tuple(imports),
        shared,
    )


def _types(body: Reader) -> list[FunctionType]:
    types: list[FunctionType] = []
    for _ in range(body.count()):
        if body.byte() != FUNCTION_TYPE:
            body.position -= 1
            raise body.fail("a type that is not a function's (of garbage-collected objects?)")
        types.append(FunctionType(body.value_types(), body.value_types()))
    return types


def _imports(body: Reader) -> tuple[list[int], list[tuple[str, str, str]], bool]:
    """The types of imported functions; all imports; and whether a shared memory is among them."""
    functions = []
    imports = []
    shared = False
    for _ in range(body.count()):
        module, name = body.name(), body.name()
        kind = body.byte()
        if kind >= len(KINDS):
            raise body.fail(f"an import of unknown kind {kind}")
        imports.append((module, name, KINDS[kind]))
        if kind == FUNCTION_KIND:
            functions.append(body.number())
        elif kind == TABLE_KIND:
            body.value_type()
            body.limits()
        elif kind == MEMORY_KIND:
            shared = bool(body.limits() & SHARED)
        elif kind == GLOBAL_KIND:
            body.value_type()
            body.byte()
        else:
            body.byte()
            body.number()
    return functions, imports, shared


def _exports(body: Reader) -> dict[str, int]:
    """The exported functions' numbers."""
    exports = {}
    for _ in range(body.count()):
        name = body.name()
        kind = body.byte()
        index = body.number()
        if kind == FUNCTION_KIND:
            exports[name] = index
    return exports


def _type_of(
    index: int, name: str, functions: list[int], types: list[FunctionType]
) -> FunctionType:
    if index >= len(functions) or functions[index] >= len(types):
        raise Malformed(f"its export {name!r} is function {index}, which it does not have")
    return types[functions[index]]
