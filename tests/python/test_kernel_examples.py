"""The examples of kernels: as plain C with sanitizers, and to WebAssembly."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from penny.cli import main
from penny.cli.kernel import INCLUDE
from penny.kernels import Kernels

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "examples" / "kernels").glob("*.c"))

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), "cc")
STRICT = ("-Wall", "-Wextra", "-Werror")


def test_natively_under_sanitizers(tmp_path: Path) -> None:
    """The serial elision: what penny_spawn was given is called by penny_join."""
    program = tmp_path / "examples"
    subprocess.run(
        [
            *(COMPILER, "-std=gnu11", "-O1", "-g", *STRICT, "-I", str(INCLUDE)),
            *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
            *map(str, SOURCES),
            *(str(Path(__file__).parent / "kernel_examples.c"), "-o", str(program), "-lm"),
        ],
        check=True,
    )
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_to_webassembly(source: Path, tmp_path: Path) -> None:
    """As each says at its top; and all it needs is there."""
    (line,) = (line for line in source.read_text().splitlines() if " penny kernel build " in line)
    assert source.name in line
    options = line.split(source.name)[1].split()
    output = tmp_path / "kernels.wasm"
    assert main(["kernel", "build", str(source), "-o", str(output), *options, *STRICT]) == 0
    assert len(Kernels(output.read_bytes()))
