from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_writer import CODES, module, number, section, string, vector

from penny.kernels.wasm_module import FunctionType, read_module

CORE = Path(__file__).parents[3] / "penny/wasm_core/core.wasm"

FUNCTIONS = {
    "saxpy": (("f32", "i32", "i32", "i32", "i32"), ()),
    "sum": (("i32", "i32"), ("f64",)),
    "lanes": (("v128", "i64"), ("v128", "i32")),
}

types = st.lists(st.sampled_from(list(CODES)), max_size=6).map(tuple)
names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
functions = st.dictionaries(names, st.tuples(types, types), max_size=8)


@given(functions, st.none() | st.binary(max_size=50), st.booleans())
def test_what_is_written_is_read(functions, penny, shared):
    read = read_module(module(functions, penny, shared=shared))
    assert read.functions == {name: FunctionType(*each) for name, each in functions.items()}
    assert read.custom == ({} if penny is None else {"penny": penny})
    assert read.shares_memory is shared
    assert read.imports == (
        ("penny", "spawn", "function"),
        ("env", "memory", "memory"),
        ("env", "__indirect_function_table", "table"),
        ("env", "__memory_base", "global"),
    )


def test_the_core_is_read():
    read = read_module(CORE.read_bytes())
    assert read.shares_memory
    assert read.functions["worker_next"] == FunctionType(("i32", "f64"), ("i32",))


def test_sections_of_one_name_are_one_after_the_other():
    data = module({}, "a\n") + section(0, string("penny") + b"b\n") + section(0, string("name"))
    assert read_module(data).custom == {"penny": b"a\nb\n", "name": b""}


def test_types_that_kernels_do_not_use_are_passed_over():
    kinds = b"\x60" + vector([b"\x70", b"\x63\x90\x01", b"\x6f", b"\x64\x00"]) + vector([])
    data = (
        b"\0asm\1\0\0\0"
        + section(1, vector([kinds]))
        + section(2, vector([string("e") + string("t") + b"\x04\x00\x00"]))
        + section(3, vector([number(0)]))
        + section(7, vector([string("f") + b"\x00\x00"]))
        + section(13, b"anything")
    )
    read = read_module(data)
    assert read.functions["f"].parameters == ("funcref", "reference", "externref", "reference")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a WebAssembly module, .*there are none"),
        (b"hello, world", "not a WebAssembly module"),
        (b"\x7fELF\x02\x01\x01\x00", "not a WebAssembly module, .*another machine"),
        (b"\0asm\x0d\0\1\0", "version 1: a component"),
        (b"\0asm", "version 1"),
        (b"\0asm\1\0\0\0\1", "too early, at byte 9"),
        (b"\0asm\1\0\0\0\1\x80\x80\x80\x80\x80\x80\1", "number is too long at byte 14"),
        (b"\0asm\1\0\0\0\1\xff\xff\xff\xff\x7f", "larger than 32 bits at byte 14"),
        (b"\0asm\1\0\0\0\1\7\0", "7 bytes are announced and 1 are left at byte 10"),
        (b"\0asm\1\0\0\0" + section(1, b"\xff\xff\xff\xff\x0f"), "4294967295 items are announced"),
        (b"\0asm\1\0\0\0" + section(1, b"\1\x5f\0\0"), "not a function's .* at byte 11"),
        (b"\0asm\1\0\0\0" + section(1, b"\0\0"), "more bytes than the type section has"),
        (b"\0asm\1\0\0\0" + section(1, b"\0") * 2, "a second type section"),
        (b"\0asm\1\0\0\0" + section(2, vector([string("a") * 2 + b"\7"])), "unknown kind 7"),
        (b"\0asm\1\0\0\0" + section(7, b"\1\2\xff\xfe\0\0"), "not UTF-8"),
        (b"\0asm\1\0\0\0" + section(7, vector([string("f") + b"\0\3"])), "'f' is function 3"),
    ],
)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(ValueError, match=message):
        read_module(data)


def read_or_refuse(data: bytes) -> None:
    try:
        read_module(data)
    except ValueError as error:
        assert re.match("the (WebAssembly module is damaged: |bytes are not a)", str(error))


@given(st.binary(max_size=200))
def test_garbage_is_refused(data):
    read_or_refuse(data)
    read_or_refuse(b"\0asm\1\0\0\0" + data)


@given(st.lists(st.tuples(st.integers(0, 14), st.binary(max_size=40)), max_size=6))
def test_garbage_in_sections_is_refused(sections):
    read_or_refuse(b"\0asm\1\0\0\0" + b"".join(section(*each) for each in sections))


@given(st.data())
def test_damaged_modules_are_read_or_refused(data):
    whole = module(FUNCTIONS, "saxpy(f32 a, f32[] x, f32[] y)\n")
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        if place < len(damaged):
            damaged[place] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(damaged))
