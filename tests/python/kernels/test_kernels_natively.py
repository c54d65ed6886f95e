"""The kernels of the examples as plain C, with sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from penny.cli.kernel import INCLUDE

ROOT = Path(__file__).parents[3]
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
