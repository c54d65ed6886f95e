"""`penny kernel`: kernels from C to WebAssembly, by Emscripten's clang, and what a module has.

A module is linked as position-independent code, so that its static data and its functions can have
their places in the memory and the table that all workers share, beside those of other modules.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from penny.cli.errors import EX_UNAVAILABLE, CommandError
from penny.cli.site import PACKAGE
from penny.kernels.kernel import Kernels
from penny.kernels.wasm_module import read_module

INCLUDE = PACKAGE / "wasm_core" / "include"
"""Where penny.h is."""

OLDEST = (3, 1, 6)
"""The Emscripten that Penny is tested with: Debian 12's."""

COMPILE_FLAGS = (
    "-fPIC",
    "-fvisibility=hidden",
    "-matomics",
    "-mbulk-memory",
    "-mmutable-globals",
    "-msign-ext",
    "-mnontrapping-fptoint",
)
CXX_FLAGS = ("-fno-exceptions", "-fno-rtti")

# The maximum has to be the memory's own, which is what an address can say; a module that is linked
# with less is refused.
LINK_FLAGS = (
    "-shared",
    "--experimental-pic",
    "--import-memory",
    "--shared-memory",
    "--max-memory=4294967296",
)

SOURCES = (".c", ".cc", ".cpp", ".cxx", ".C")

# What the workers give a module.
GIVEN = {
    ("env", "memory"),
    ("env", "__indirect_function_table"),
    ("env", "__stack_pointer"),
    ("env", "__memory_base"),
    ("env", "__table_base"),
    # JavaScript's, of doubles and floats: kernels/modules.js; with -lm Emscripten's are linked.
    *(
        ("env", name + kind)
        for name in (
            *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh"),
            *("exp", "expm1", "fmod", "hypot", "log", "log10", "log1p", "log2", "pow", "sin"),
            *("sinh", "tan", "tanh"),
        )
        for kind in ("", "f")
    ),
}


class Emscripten(NamedTuple):
    """The parts of an Emscripten that are used."""

    emcc: str
    linker: str
    libraries: Path
    """Where its libraries of position-independent code are, if they have been made."""


def build(options: argparse.Namespace) -> int:
    """Compile and link kernels.

    Raises:
        CommandError: A file or Emscripten is missing; the compiler or the linker complains, which
            it does by itself; or no worker could load the result.
    """
    for source in options.sources:
        if not os.path.isfile(source):
            raise CommandError(f"there is no file {source}", 2)
        if not source.endswith(SOURCES):
            raise CommandError(f"{source} is not C or C++ ({', '.join(SOURCES)})", 2)
    output = Path(options.output or Path(options.sources[0]).with_suffix(".wasm").name)
    if not output.parent.is_dir():
        raise CommandError(f"there is no folder {output.parent}", 2)
    emscripten = find_emscripten()
    with tempfile.TemporaryDirectory(prefix="penny-kernel-") as folder:
        objects = []
        for number, source in enumerate(options.sources):
            objects.append(f"{folder}/{number}.o")
            _run([*compile_command(emscripten, options, source), "-c", source, "-o", objects[-1]])
        linked = Path(folder, "kernels.wasm")
        _run(link_command(emscripten, options, objects, linked))
        data = linked.read_bytes()
    for warning in check(data):
        print(f"penny: {output}: {warning}", file=sys.stderr)
    output.write_bytes(data)
    return 0


def compile_command(emscripten: Emscripten, options: argparse.Namespace, source: str) -> list[str]:
    """The command that compiles one source, but for -c and -o."""
    command = [emscripten.emcc, f"-O{options.optimise}", *COMPILE_FLAGS]
    if not source.endswith(".c"):
        command += CXX_FLAGS
    if options.debug:
        command.append("-g")
    for option, values in (
        ("-D", options.define),
        ("-I", options.include),
        ("-m", options.machine),
        ("-f", options.feature),
        ("-W", options.warn),
        ("-std=", [] if options.std is None else [options.std]),
    ):
        command += [option + value for value in values]
    return [*command, "-I", str(INCLUDE)]


def link_command(
    emscripten: Emscripten, options: argparse.Namespace, objects: Sequence[str], output: Path
) -> list[str]:
    """The command that links a module.

    Raises:
        CommandError: A library is wanted that there is not.
    """
    command = [emscripten.linker, *LINK_FLAGS, *objects]
    for name in options.library:
        if name != "m":
            raise CommandError(f"-l{name}: only -lm can be linked with kernels", 2)
    wanted = ["libc-mt.a"] if options.library else []
    for name in (*wanted, "libcompiler_rt-mt.a"):
        library = emscripten.libraries / name
        if library.is_file():
            command.append(str(library))
        elif name in wanted:
            raise CommandError(
                f"-lm: Emscripten has not made its libraries of position-independent code yet "
                f"({library} is missing): `embuilder --pic build libc-mt libcompiler_rt-mt` does",
                EX_UNAVAILABLE,
            )
    if not options.debug:
        command.append("--strip-debug")
    return [*command, "-o", str(output)]


def check(data: bytes) -> list[str]:
    """What there is to warn of in a linked module.

    Raises:
        CommandError: No worker could load it, or a signature is not its function's.
    """
    try:
        module = read_module(data)
        kernels = Kernels(data)
    except ValueError as error:
        raise CommandError(str(error)) from None
    missing = [
        name for space, name, _ in module.imports if space != "penny" and (space, name) not in GIVEN
    ]
    if missing:
        raise CommandError(
            f"undefined: {', '.join(missing)}. Kernels have the functions of penny.h and of math.h "
            "(some of these with -lm only), and no other library"
        )
    if not kernels:
        return [
            'it has no kernels: write PENNY_KERNEL(name, "f32 a, f32[] x") before each function '
            "that Python is to call"
        ]
    return []


def show(options: argparse.Namespace) -> int:
    """Print the signatures of a module's kernels, one a line.

    Raises:
        CommandError: It can't be read, or is no module of kernels.
    """
    try:
        data = Path(options.module).read_bytes()
    except OSError as error:
        raise CommandError(f"{options.module}: {error.strerror}", 2) from None
    try:
        kernels = Kernels(data)
    except ValueError as error:
        raise CommandError(f"{options.module}: {error}") from None
    for name in kernels:
        print(f"{name}{kernels[name].signature}")
    if not kernels:
        raise CommandError(f"{options.module} has no kernels; it was made without PENNY_KERNEL")
    return 0


# -- Emscripten ----------------------------------------------------------------------------------

INSTALL = (
    "`sudo apt install emscripten` on Debian and Ubuntu, `brew install emscripten` on macOS, or "
    "https://emscripten.org/docs/getting_started/downloads.html"
)


def find_emscripten() -> Emscripten:
    """The Emscripten on the path.

    Raises:
        CommandError: There is none, or one that is too old, or not all of it.
    """
    emcc, config = shutil.which("emcc"), shutil.which("em-config")
    if emcc is None or config is None:
        missing = "emcc" if emcc is None else "em-config"
        raise CommandError(
            f"{missing} is not on the path: Emscripten compiles kernels. To get it: {INSTALL}",
            EX_UNAVAILABLE,
        )
    said = _ask([emcc, "--version"])
    found = re.search(r"\b(\d+)\.(\d+)\.(\d+)", said)
    if found is None:
        raise CommandError(f"`{emcc} --version` gives no version: {said!r:.200}", EX_UNAVAILABLE)
    if tuple(map(int, found.groups())) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise CommandError(
            f"{emcc} is Emscripten {found[0]}, and kernels need {oldest} or newer: {INSTALL}",
            EX_UNAVAILABLE,
        )
    cache = Path(_ask([config, "CACHE"]).strip())
    return Emscripten(
        emcc,
        _find_linker(Path(_ask([config, "LLVM_ROOT"]).strip())),
        cache / "sysroot" / "lib" / "wasm32-emscripten" / "pic",
    )


def _find_linker(folder: Path) -> str:
    # Debian and Ubuntu install it under a name with the version in it, and not always plainly.
    plain = folder / "wasm-ld"
    if plain.is_file():
        return str(plain)
    named = sorted(folder.glob("wasm-ld-[0-9]*"), key=lambda path: int(path.name.split("-")[2]))
    if not named:
        raise CommandError(
            f"there is no wasm-ld in {folder}, where Emscripten's LLVM is: {INSTALL}",
            EX_UNAVAILABLE,
        )
    return str(named[-1])


def _ask(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(
            f"`{' '.join(command)}` failed with status {done.returncode}:\n{done.stderr.strip()}",
            EX_UNAVAILABLE,
        )
    return done.stdout


def _run(command: Sequence[str]) -> None:
    """Run a tool, which says what is wrong by itself."""
    sys.stdout.flush()
    try:
        status = subprocess.run(command).returncode
    except OSError as error:
        raise CommandError(f"{command[0]}: {error.strerror}", EX_UNAVAILABLE) from None
    if status:
        raise CommandError("", 1)
