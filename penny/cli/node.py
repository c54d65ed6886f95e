"""`penny run --on node`: a script in Node, Deno or Bun, with the machine's files at their paths.

The engine's process takes this one's place, where the system lets it: stdin, output, signals and
exit status are its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from penny.cli import bundle
from penny.cli.errors import EX_UNAVAILABLE, CommandError
from penny.cli.packages import WHEELS, find_packages
from penny.cli.pyodide import cache_folder, find_pyodide
from penny.cli.pyodide_wasm import guarded_file
from penny.cli.site import PACKAGE, web_folder

ENGINES = {"node": [], "bun": [], "deno": ["run", "--allow-all"]}
"""By name, what stands before the program in its command line."""

KEPT = 4
"""Archives of Penny's Python files that the cache keeps, the newest."""


def engine_of(on: str) -> str | None:
    """Which engine `--on` names, by its name or the path of its executable; None: a browser."""
    name = Path(on).name.removesuffix(".exe")
    return name if name in ENGINES else None


def run(
    options: argparse.Namespace, environment: dict[str, str], dependencies: Callable[[], list[str]]
) -> int:
    """Run a script and return its exit status, where the engine does not take over the process.

    Args:
        options: Of the command.
        environment: What the script's `os.environ` has besides this process's.
        dependencies: Gives requirements of the script, besides those of `--with`.

    Raises:
        CommandError: the engine was not found, or can't do what is asked.
    """
    if options.page:
        raise CommandError(f"--page is for browsers, and {options.on} has no page", 2)
    if not options.snapshot:
        raise CommandError(f"--no-snapshot is for browsers, not for {options.on}", 2)
    executable = _executable(options.on)
    pyodide = find_pyodide(options.pyodide)
    wasm = guarded_file(pyodide, cache_folder())
    start = {
        "core": str(PACKAGE / "wasm_core" / "core.wasm"),
        "python": str(_python_zip()),
        "pyodide": str(pyodide.resolve()),
        "wasm": str(wasm.resolve() if isinstance(wasm, Path) else pyodide / "pyodide.asm.wasm"),
        "script": options.script,
        "args": options.args,
        "workers": options.workers,
        "environment": environment,
        "trace": options.trace,
        "packages": _packages([*dependencies(), *options.packages], pyodide),
    }
    program = web_folder() / "run" / "node.js"
    return _become(
        [
            executable,
            *ENGINES[engine_of(options.on) or ""],
            str(program),
            json.dumps(start),
        ]
    )


def _packages(requirements: Sequence[str], pyodide: Path) -> list[str]:
    """Names of Pyodide's packages, which it fetches by itself, and URLs of wheels on the disk."""
    found = find_packages(requirements, pyodide)
    names = [each for each in found.load if "/" not in each]
    wheels = [file for path, file in found.files.items() if path.startswith(WHEELS)]
    return names + [file.resolve().as_uri() for file in wheels]


def _executable(on: str) -> str:
    found = shutil.which(on)
    if found is None:
        raise CommandError(
            f"{on} was not found: install it, or name its executable, as in --on /usr/bin/node",
            EX_UNAVAILABLE,
        )
    return found


def _python_zip() -> Path:
    """The file with Penny's Python packages, in the cache under a name made of its content."""
    content = bundle.python_packages()
    folder = cache_folder()
    target = folder / f"python-{hashlib.sha256(content).hexdigest()[:16]}.zip"
    if target.is_file():
        os.utime(target)  # the newest are kept, and using one makes it new
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(content)
    os.replace(file.name, target)
    archives = sorted(folder.glob("python-*.zip"), key=lambda path: path.stat().st_mtime)
    for path in archives[:-KEPT]:
        path.unlink(missing_ok=True)
    return target


def _become(command: list[str]) -> int:
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.run(command).returncode
