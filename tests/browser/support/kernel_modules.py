"""Modules of kernels for tests, compiled whenever they are older than their sources."""

from __future__ import annotations

import re
from pathlib import Path

from penny.cli import kernel, main

FOLDER = Path(__file__).parents[3] / "build" / "tests" / "kernels"


def kernel_module(source: Path, *options: str) -> bytes:
    """The module that `penny kernel build` makes of one source, warnings being errors.

    Args:
        source: In C. It includes nothing but penny.h and the system's headers.
        options: The compiler's, for this source always the same.
    """
    target = FOLDER / source.with_suffix(".wasm").name
    inputs = (source, kernel.INCLUDE / "penny.h", Path(kernel.__file__))
    if not target.exists() or target.stat().st_mtime < max(each.stat().st_mtime for each in inputs):
        FOLDER.mkdir(parents=True, exist_ok=True)
        strict = ("-Wall", "-Wextra", "-Werror")
        assert main(["kernel", "build", str(source), "-o", str(target), *options, *strict]) == 0
    return target.read_bytes()


def documented_module(document: Path, folder: Path) -> bytes:
    """The module that `penny kernel build` makes of all the C in a Markdown file.

    Args:
        document: The file.
        folder: Where to build it.
    """
    source, target = folder / "kernels.c", folder / "kernels.wasm"
    source.write_text(
        "\n".join(re.findall(r"^```c\n(.*?)^```$", document.read_text(), re.M | re.S))
    )
    assert main(["kernel", "build", str(source), "-o", str(target), "-Wall", "-Werror"]) == 0
    return target.read_bytes()
