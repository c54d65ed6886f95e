"""`penny run`: a script on the runtime, in a headless browser, as if it ran here."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import signal
import sys
import tokenize
from pathlib import Path

from penny.cli import bundle
from penny.cli.browser import Browser, BrowserProcess, find_browser
from penny.cli.errors import EX_INTERRUPTED, EX_SOFTWARE, CommandError
from penny.cli.output import StandardStreams
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, serving
from penny.cli.session import Outcome, Session, Start
from penny.cli.site import Site
from penny.cli.snapshot import find_snapshot
from penny.cli.trace import TraceFile

CONNECTING = 60.0
"""Seconds within which the page must have connected; a cold start takes about one."""

LAST_TRACE = 10.0
"""Seconds that a page whose script is interrupted has to send the trace."""

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(options: argparse.Namespace) -> int:
    """Run a script and return its exit status.

    Raises:
        CommandError: the script can't be read, the trace can't be written, something needed is
            missing, or the browser or the page broke down.
    """
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
    site = Site(pyodide=pyodide, snapshot=snapshot, python=python, run=True)
    files = bundle.script_folder(folder)
    if files.note:
        print(f"penny: {files.note}", file=sys.stderr)
    start = Start(
        source=source,
        # The folder is the working directory there, so that this name finds the file again.
        filename="<stdin>" if options.script == "-" else Path(options.script).name,
        argv=[options.script, *options.args],
        workers=options.workers,
        on="page" if options.page else "host",
        trace=trace is not None,
    )
    sys.stdout.flush()
    return asyncio.run(_run(site, browser, start, files.archive, trace))


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
    site: Site, browser: Browser, start: Start, files: bytes, trace: TraceFile | None
) -> int:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()

    def settle(value: Outcome) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def on_browser_exit(status: int) -> None:
        said = f":\n{process.last_words}" if process.last_words else ""
        settle(CommandError(f"the browser ended with status {status}{said}", EX_SOFTWARE))

    def give_up_connecting() -> None:
        if not session.connected.is_set():
            said = f"{browser.executable} did not open the page within {CONNECTING:.0f} s"
            settle(CommandError(said, EX_SOFTWARE))

    def interrupt(status: int) -> None:
        if session.interrupt(status):  # the first time it ends when the trace is there
            loop.call_later(LAST_TRACE, settle, status)
        else:
            settle(status)

    for number in STOPPING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, and so it stays
            loop.add_signal_handler(number, interrupt, EX_INTERRUPTED + number)
    session = Session(start, files, StandardStreams(on_error=settle), settle, trace)
    async with serving(application(site, routes=session.routes()), port=0) as url:
        process = BrowserProcess(browser, f"{url}run/?token={session.token}", on_browser_exit)
        async with process:
            patience = loop.call_later(CONNECTING, give_up_connecting)
            result = await outcome
            patience.cancel()
    if isinstance(result, CommandError):
        raise result
    return result
