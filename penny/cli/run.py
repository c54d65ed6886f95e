"""`penny run`: a script on the runtime, in a headless browser, as if it ran here."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import sys
import tempfile
import tokenize
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from penny.cli import bundle, metadata, node
from penny.cli.browser import Browser, find_browser
from penny.cli.errors import CommandError
from penny.cli.input import StandardInput
from penny.cli.luggage import pack_up
from penny.cli.output import StandardStreams
from penny.cli.packages import find_packages
from penny.cli.pyodide import find_pyodide
from penny.cli.session import Outcome, Place, Session, Start
from penny.cli.site import Site
from penny.cli.snapshot import find_snapshot
from penny.cli.trace import TraceFile
from penny.cli.visit import visit
from penny.cli.written import WrittenFiles


def run(options: argparse.Namespace) -> int:
    """Run a script and return its exit status.

    Raises:
        CommandError: the script can't be read, the trace can't be written, something needed is
            missing, or the browser or the page broke down.
    """
    if node.engine_of(options.on):
        dependencies = partial(_dependencies, options.script)
        return node.run(options, _environment(options.env), dependencies)
    source, folder = read_script(options.script)
    with TraceFile(options.trace) if options.trace else contextlib.nullcontext() as trace:
        return _run_source(options, source, folder, trace)


def _run_source(
    options: argparse.Namespace, source: str, folder: Path, trace: TraceFile | None
) -> int:
    browser = find_browser(options.on)
    pyodide = find_pyodide(options.pyodide)
    python = bundle.python_packages()
    snapshot = find_snapshot(python, pyodide, browser) if options.snapshot else None
    from_stdin = options.script == "-"
    script = None if from_stdin else Path(os.path.abspath(options.script))
    luggage = pack_up(folder, script, options.args, options.mount)
    for note in luggage.notes:
        print(f"penny: {note}", file=sys.stderr)
    requirements = [*metadata.dependencies(source, options.script), *options.packages]
    packages = find_packages(requirements, pyodide)
    site = Site(pyodide=pyodide, snapshot=snapshot, python=python, run=True, more=packages.files)
    start = Start(
        source=source,
        filename="<stdin>" if from_stdin else options.script,
        argv=[options.script, *options.args],
        workers=options.workers,
        on="page" if options.page else "host",
        trace=trace is not None,
        terminal=sys.stdin is not None and sys.stdin.isatty(),
        environment=_environment(options.env),
        packages=packages.load,
        place=Place(
            directory=os.getcwd(),
            path=str(folder),
            folders=luggage.folders,
            partial=luggage.partial,
            keep=options.write,
        ),
    )
    written = WrittenFiles([Path(folder) for folder in luggage.folders], options.write)
    sys.stdout.flush()
    return asyncio.run(_run(site, browser, start, luggage.archive, trace, written))


def _dependencies(script: str) -> list[str]:
    """Those of a script's metadata. What comes by stdin can be read there once more."""
    if script == "-":
        with tempfile.TemporaryFile() as copy:
            copy.write(sys.stdin.buffer.read())
            copy.seek(0)
            os.dup2(copy.fileno(), 0)
            source, _ = read_script(script)
            copy.seek(0)
    else:
        source, _ = read_script(script)
    return metadata.dependencies(source, script)


def _environment(names: Sequence[str]) -> dict[str, str]:
    """What `--env` names: NAME, with the value that it has here, or NAME=VALUE.

    Raises:
        CommandError: It is neither.
    """
    environment = {}
    for name in names:
        name, given, value = name.partition("=")
        if not name:
            raise CommandError("--env takes NAME or NAME=VALUE", 2)
        if given:
            environment[name] = value
        elif name in os.environ:
            environment[name] = os.environ[name]
    return environment


def read_script(script: str) -> tuple[str, Path]:
    """Return a script's source and its folder; `-` is stdin and the current folder.

    Raises:
        CommandError: it can't be opened (status 2, as Python has it) or decoded.
    """
    try:
        if script == "-":
            data, folder = sys.stdin.buffer.read(), Path.cwd()
        else:
            data, folder = Path(script).read_bytes(), Path(script).resolve().parent
    except OSError as error:
        raise CommandError(
            f"can't open file {os.path.abspath(script)!r}: [Errno {error.errno}] {error.strerror}",
            2,
        ) from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding), folder
    except (SyntaxError, UnicodeDecodeError) as error:
        raise CommandError(f"can't decode {script}: {error}") from None


async def _run(
    site: Site,
    browser: Browser,
    start: Start,
    files: bytes,
    trace: TraceFile | None,
    written: WrittenFiles,
) -> int:
    def converse(settle: Callable[[Outcome], None]) -> Session:
        streams = StandardStreams(on_error=settle)
        return Session(start, files, streams, StandardInput(), settle, trace, written)

    return await visit(site, browser, "run/", converse)
