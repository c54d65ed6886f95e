"""`penny kernel`, on Emscripten, and on something that only looks like it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from wasm_writer import module

from penny.cli import kernel, main
from penny.cli.errors import EX_UNAVAILABLE
from penny.kernels.kernel import Kernels
from penny.kernels.wasm_module import read_module

SAXPY = """
#include <penny.h>
#ifndef SCALE
#define SCALE 1
#endif
static uint32_t calls;
PENNY_KERNEL(saxpy, "f32 a, f32[] x, f32[] y")
void saxpy(float a, const float *x, uint32_t nx, float *y, uint32_t ny) {
  calls++;
  for (uint32_t i = 0; i < nx && i < ny; i++) y[i] += SCALE * a * x[i];
}
"""
COUNT = """
#include "penny.h"
#include "more.h"
PENNY_KERNEL(count, "u8[] bytes, u32 value -> u64")
uint64_t count(const uint8_t *bytes, uint32_t n, uint32_t value) {
  uint64_t found = 0;
  for (uint32_t i = 0; i < n; i++) found += bytes[i] == value;
  return found + MORE;
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saxpy.c").write_text(SAXPY)
    return tmp_path


def build(*line: str) -> int:
    return main(["kernel", "build", *line])


def test_several_sources_with_options(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "count.c").write_text(COUNT)
    (folder / "include").mkdir()
    (folder / "include" / "more.h").write_text("#define MORE 3\n")
    line = "saxpy.c count.c -o both.wasm -O2 -g -DSCALE=2 -Iinclude -msimd128 -Wall -std=c11"
    assert build(*line.split(), "-fno-math-errno") == 0
    kernels = Kernels((folder / "both.wasm").read_bytes())
    assert repr(kernels.saxpy) == "<Kernel saxpy(f32 a, f32[] x, f32[] y)>"
    assert repr(kernels.count) == "<Kernel count(u8[] bytes, u32 value) -> u64>"
    assert main(["kernel", "show", "both.wasm"]) == 0
    said = capfd.readouterr()
    assert said.out == ("saxpy(f32 a, f32[] x, f32[] y)\ncount(u8[] bytes, u32 value) -> u64\n")
    assert said.err == ""


def test_the_module_is_named_like_the_first_source(folder: Path) -> None:
    (folder / "sub").mkdir()
    os.rename("saxpy.c", "sub/saxpy.c")
    assert build("sub/saxpy.c") == 0
    read = read_module((folder / "saxpy.wasm").read_bytes())
    assert read.shares_memory
    assert {(space, name) for space, name, _ in read.imports} <= kernel.GIVEN
    assert not any(name.startswith(".debug") for name in read.custom)


def test_functions_of_math_h(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The usual ones are JavaScript's; with -lm all are linked in."""
    source = (
        "#include <math.h>\n#include <penny.h>\n"
        'PENNY_KERNEL(wave, "f64 x -> f64")\n'
        "double wave(double x) { return sin(x) + exp(x) + pow(x, x) + sinf(x) + sqrt(x) EXTRA; }\n"
    )
    (folder / "wave.c").write_text(source)
    assert build("wave.c", "-DEXTRA=") == 0
    imports = {name for _, name, _ in read_module((folder / "wave.wasm").read_bytes()).imports}
    assert {"sin", "exp", "pow", "sinf"} <= imports
    (folder / "wave.wasm").unlink()
    assert build("wave.c", "-DEXTRA=+tgamma(x)") == 1
    assert "undefined: tgamma. Kernels have" in capfd.readouterr().err
    assert not (folder / "wave.wasm").exists()
    assert build("wave.c", "-DEXTRA=+tgamma(x)+fmod(x,2)+cbrt(x)", "-lm") == 0
    read = read_module((folder / "wave.wasm").read_bytes())
    assert not {name for _, name, kind in read.imports if kind == "function"}


def test_c_plus_plus(folder: Path) -> None:
    (folder / "twice.cpp").write_text(
        '#include <penny.h>\ntemplate <class T> T twice(T x) { return x + x; }\nextern "C" {\n'
        'PENNY_KERNEL(doubled, "i64 n -> i64")\n'
        "int64_t doubled(int64_t n) { return twice(n); }\n}\n"
    )
    assert build("twice.cpp") == 0
    assert list(Kernels((folder / "twice.wasm").read_bytes())) == ["doubled"]


def test_errors_of_the_compiler_are_its_own(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.c").write_text("#include <penny.h>\nint f(void) { return 1 }\n")
    (folder / "bad.wasm").write_text("an earlier one")
    assert build("bad.c") == 1
    said = capfd.readouterr().err
    assert "bad.c:2:" in said and "expected ';'" in said and "penny: " not in said
    assert (folder / "bad.wasm").read_text() == "an earlier one"


def test_what_no_worker_could_load(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.c").write_text(
        "#include <penny.h>\nint puts(const char *);\n"
        'PENNY_KERNEL(f, "i32 n -> i32")\nint f(int n) { return n + puts("hi"); }\n'
    )
    assert build("bad.c") == 1
    assert "undefined: puts. Kernels have the functions of penny.h" in capfd.readouterr().err
    (folder / "bad.c").write_text(
        '#include <penny.h>\nPENNY_KERNEL(f, "i32[] n")\nvoid f(int n) { (void)n; }\n'
    )
    assert build("bad.c") == 1
    assert "kernel f(i32[] n) would be a function of (i32, i32)" in capfd.readouterr().err
    (folder / "bad.c").write_text(
        '#include <penny.h>\nPENNY_KERNEL(f, "float x")\nvoid f(float x) { (void)x; }\n'
    )
    assert build("bad.c") == 1
    assert "signature of kernel f, '(float x)', is wrong: no type 'float'" in capfd.readouterr().err
    assert not (folder / "bad.wasm").exists()


def test_no_kernels_is_a_warning(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "none.c").write_text("int f(void) { return 1; }\n")
    assert build("none.c") == 0
    assert "none.wasm: it has no kernels: write PENNY_KERNEL(" in capfd.readouterr().err
    assert main(["kernel", "show", "none.wasm"]) == 1
    assert "none.wasm has no kernels" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["lost.c"], "there is no file lost.c"),
        (["saxpy.rs"], "saxpy.rs is not C or C"),
        (["saxpy.c", "-o", "no/where.wasm"], "there is no folder no"),
        (["saxpy.c", "-lz"], "-lz: only -lm can be linked"),
    ],
)
def test_what_is_not_there(
    line: list[str], said: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "saxpy.rs").write_text("fn main() {}")
    assert build(*line) == 2
    assert said in capfd.readouterr().err


def test_show_of_what_is_no_module(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "show", "saxpy.c"]) == 1
    assert "saxpy.c: the bytes are not a WebAssembly module" in capfd.readouterr().err
    assert main(["kernel", "show", "lost.wasm"]) == 2
    assert "lost.wasm: No such file" in capfd.readouterr().err


# -- Something that looks like Emscripten --------------------------------------------------------


class Fake:
    """Programs that note their arguments, in place of everything on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.linked = folder / "linked"
        self.program("emcc", 'case $1 in --version) echo "emcc (Emscripten) 3.1.64 (abc)";; esac')
        self.program(
            "em-config",
            f'case $1 in CACHE) echo "{folder}/cache";; LLVM_ROOT) echo "{folder}/llvm";; esac',
        )
        (folder / "llvm").mkdir()
        self.linked.write_bytes(module({"f": ((), ())}, "f()\n"))
        copy = f'for last; do :; done; cat "{self.linked}" > "$last"'
        self.program("llvm/wasm-ld-9", "exit 3")
        self.program("llvm/wasm-ld-19", copy)

    def program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.log}"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def lines(self, name: str) -> list[list[str]]:
        """The arguments of each call of a program."""
        calls = [line.split() for line in self.log.read_text().splitlines()]
        return [call[1:] for call in calls if call[0] == name]


@pytest.fixture
def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    (folder / "fake").mkdir()
    fake = Fake(folder / "fake")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}/bin{os.pathsep}/usr/bin")
    monkeypatch.setattr(kernel.shutil, "which", lambda name: _which(fake.folder / name))
    return fake


def _which(path: Path) -> str | None:
    return str(path) if path.exists() else None


def test_options_are_passed_through(fake: Fake, folder: Path) -> None:
    (folder / "b.cpp").touch()
    line = "saxpy.c b.cpp -o k.wasm -Os -DA -D B=2 -I x -mrelaxed-simd -ffast-math -Wextra -g"
    assert build(*line.split()) == 0
    _, first, second = fake.lines("emcc")
    passed = ["-g", "-DA", "-DB=2", "-Ix", "-mrelaxed-simd", "-ffast-math", "-Wextra", "-I"]
    for call in first, second:
        assert call[0] == "-Os" and set(kernel.COMPILE_FLAGS) <= set(call)
        assert call[call.index("-g") :][: len(passed)] == passed
        assert Path(call[call.index("-c") - 1], "penny.h").is_file()
    assert not set(kernel.CXX_FLAGS) & set(first) and set(kernel.CXX_FLAGS) <= set(second)
    assert (first[-3], second[-3]) == ("saxpy.c", "b.cpp")
    ((*link, _, output),) = fake.lines("llvm/wasm-ld-19")
    assert link[: len(kernel.LINK_FLAGS)] == list(kernel.LINK_FLAGS)
    assert link[len(kernel.LINK_FLAGS) :] == [first[-1], second[-1]]
    assert not os.path.exists(output), "the temporary folder is gone"


def test_libraries_are_linked_where_there_are_some(
    fake: Fake, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert build("saxpy.c", "-lm") == EX_UNAVAILABLE
    assert "`embuilder --pic build libc-mt" in capfd.readouterr().err
    pic = fake.folder / "cache/sysroot/lib/wasm32-emscripten/pic"
    pic.mkdir(parents=True)
    for name in "libc-mt.a", "libcompiler_rt-mt.a":
        (pic / name).touch()
    assert build("saxpy.c") == build("saxpy.c", "-lm") == 0
    without, with_m = fake.lines("llvm/wasm-ld-19")
    assert str(pic / "libc-mt.a") not in without and str(pic / "libcompiler_rt-mt.a") in without
    assert with_m.index(str(pic / "libc-mt.a")) < with_m.index(str(pic / "libcompiler_rt-mt.a"))


@pytest.mark.parametrize("missing", ["emcc", "em-config", "llvm/wasm-ld-9"])
def test_how_to_get_what_is_missing(
    fake: Fake, capfd: pytest.CaptureFixture[str], missing: str
) -> None:
    for name in {missing, missing.replace("-9", "-19")}:
        (fake.folder / name).unlink()
    assert build("saxpy.c") == EX_UNAVAILABLE
    said = capfd.readouterr().err
    assert missing.split("/")[-1].removesuffix("-9") in said and "apt install emscripten" in said


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("emcc 3.1.5", "is Emscripten 3.1.5, and kernels need 3.1.6 or newer"),
        ("emcc 2.0.34", "is Emscripten 2.0.34"),
        ("hello", "gives no version: 'hello"),
    ],
)
def test_versions(fake: Fake, capfd: pytest.CaptureFixture[str], version: str, said: str) -> None:
    fake.program("emcc", f"echo {version}")
    assert build("saxpy.c") == EX_UNAVAILABLE
    assert said in capfd.readouterr().err


def test_an_emscripten_that_fails(
    fake: Fake, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.program("em-config", "echo no such setting >&2; exit 1")
    assert build("saxpy.c") == EX_UNAVAILABLE
    assert "em-config CACHE` failed with status 1:\nno such setting" in capfd.readouterr().err


def test_a_linker_that_fails(fake: Fake, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fake.program("llvm/wasm-ld-19", "echo wasm-ld: error: no >&2; exit 1")
    assert build("saxpy.c") == 1
    assert capfd.readouterr().err == "wasm-ld: error: no\n"
    assert not (folder / "saxpy.wasm").exists()
