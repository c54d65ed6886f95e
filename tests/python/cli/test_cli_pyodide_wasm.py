from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasm_writer import function_type, number, section, string, vector

from penny.cli.pyodide import find_pyodide
from penny.cli.pyodide_wasm import STEP, WASM, guarded, guarded_file
from penny.kernels.wasm_module import read_module


def interpreter(names: tuple[str, ...] = ("_Py_Dealloc", "__stack_pointer")) -> bytes:
    """A module whose second function puts the stack pointer at address 0, and then its argument.

    A custom section comes before and after the others, and the memory is exported.
    """
    store_pointer = b"\x00\x41\x00\x23\x00\x36\x02\x00\x41\x04\x20\x00\x36\x02\x00\x0b"
    exports = [string("memory") + b"\x02\x00", string("other") + b"\x00" + number(1)]
    if names[0]:
        exports.append(string(names[0]) + b"\x00" + number(2))
    if names[1]:
        exports.append(string(names[1]) + b"\x03" + number(0))
    return b"\0asm\1\0\0\0" + b"".join(
        [
            section(0, string("first") + b"1"),
            section(1, vector([function_type((), ("i32",)), function_type(("i32",), ())])),
            section(2, vector([string("env") + string("f") + b"\x00\x00"])),
            section(3, vector([number(0), number(1), number(0)])),
            section(5, b"\x01\x00\x01"),
            section(6, b"\x01\x7f\x01\x41\x80\x80\x04\x0b"),  # 65536
            section(7, vector(exports)),
            section(
                10,
                vector(
                    number(len(body)) + body
                    for body in (b"\x00\x41\x07\x0b", store_pointer, b"\x00\x41\x08\x0b")
                ),
            ),
            section(0, string("last") + b"2"),
        ]
    )


def test_the_function_runs_lower_on_the_stack_and_all_else_is_as_it_was(tmp_path):
    file = tmp_path / "module.wasm"
    changed = guarded(interpreter())
    assert changed is not None
    file.write_bytes(changed)
    program = """
        const bytes = require('fs').readFileSync(process.argv[1]);
        const module = new WebAssembly.Module(bytes);
        const {exports: e} = new WebAssembly.Instance(module, {env: {f() {}}});
        e._Py_Dealloc(42);
        console.log(...new Uint32Array(e.memory.buffer, 0, 2), e.__stack_pointer.value, e.other());
    """
    done = subprocess.run(
        [shutil.which("node") or "node", "-e", program, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(65536 - STEP), "42", "65536", "7"]
    assert read_module(changed).custom == {"first": b"1", "last": b"2"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"pyodide",
        b"\0asm\1\0\0\0",
        interpreter(("", "__stack_pointer")),
        interpreter(("_Py_Dealloc", "")),
        interpreter()[:-40],
    ],
)
def test_what_is_something_else_is_left_alone(data, tmp_path):
    assert guarded(data) is None
    (tmp_path / WASM).write_bytes(data)
    assert guarded_file(tmp_path, tmp_path / "cache") == tmp_path / WASM


@given(st.data())
def test_damaged_bytes_are_no_trouble(data):
    damaged = bytearray(interpreter())
    for _ in range(3):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    guarded(bytes(damaged))


def test_pyodides_own_has_what_is_needed_and_is_made_once(tmp_path):
    pyodide = find_pyodide()
    made = guarded_file(pyodide, tmp_path / "cache")
    assert isinstance(made, Path)
    assert made.read_bytes() == guarded((pyodide / WASM).read_bytes())
    before = made.stat().st_mtime_ns
    assert guarded_file(pyodide, tmp_path / "cache") == made
    assert made.stat().st_mtime_ns == before
    assert list(made.parent.iterdir()) == [made]


def test_where_no_file_can_be_written_there_are_the_bytes(tmp_path):
    (tmp_path / WASM).write_bytes(interpreter())
    (tmp_path / "cache").write_text("a file")
    assert guarded_file(tmp_path, tmp_path / "cache") == guarded(interpreter())
