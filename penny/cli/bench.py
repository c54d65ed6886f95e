"""`penny bench`: what a task costs on this machine, measured in a headless browser.

The page (web/bench/) connects to `/bench/session?token=…`. Each message is a JSON object:

=========  =====================  ================================================================
direction  message                meaning
=========  =====================  ================================================================
to page    workers, rounds        Measure, with pools of so many workers, so many times
from page  page: agent, cores     What the browser calls itself, and how many cores it sees
from page  row: operation, us     µs per task of each round, by who ran them: a row of the table
from page  done                   That was all; the last message
from page  error: message         It failed; the last message
=========  =====================  ================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import secrets
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from penny.cli import bundle, machine
from penny.cli.browser import find_browser
from penny.cli.errors import EX_SOFTWARE, CommandError
from penny.cli.pyodide import PYODIDE_VERSION, find_pyodide
from penny.cli.session import LOST
from penny.cli.site import Site, penny_version
from penny.cli.snapshot import find_snapshot
from penny.cli.visit import visit

OPERATIONS = {
    "submit-await": "one at a time, from JavaScript",
    "bulk": "many at once, from JavaScript",
    "python-submit-await": "one at a time, from the page's Python",
    "python-bulk": "many at once, from the page's Python",
    "host-submit-await": "one at a time, in a host worker",
    "host-bulk": "many at once, in a host worker",
    "spawn-join": "spawn and join, inside a task",
}
"""What is measured, by the name that web/bench/overhead.js gives it; in the table's order."""

WHO = {"penny": "Penny", "message": "postMessage pool", "serial": "plain call"}
"""Who runs the tasks, by the name that the page gives them: the table's columns."""

Row = dict[str, list[float]]
"""µs per task of each round, by who ran them."""

NOTES = """\
A task is f(x) = x + 1 in Python. The postMessage pool is written by hand: a Pyodide in each worker,
a message for each call and each result. A plain call runs in the caller's own thread.
"""


def bench(options: argparse.Namespace) -> int:
    """Measure, and print the table row by row.

    Raises:
        CommandError: something needed is missing, the browser or the page broke down, or the
            file for the results can't be written.
    """
    browser = find_browser(options.on)
    if options.json is not None:
        _require_writable(options.json)
    pyodide = find_pyodide(options.pyodide)
    python = bundle.python_packages()
    snapshot = find_snapshot(python, pyodide, browser) if options.snapshot else None
    site = Site(pyodide=pyodide, snapshot=snapshot, python=python, bench=True)
    table = Table(options.workers, options.rounds)

    def converse(settle: Callable[[CommandError | None], None]) -> Measurement:
        return Measurement(options.workers, options.rounds, table, settle)

    asyncio.run(visit(site, browser, "bench/", converse))
    if options.json is not None:
        text = json.dumps(table.as_json(), indent=1, ensure_ascii=False) + "\n"
        options.json.write_text(text, encoding="utf-8")
    return 0


def _require_writable(file: Path) -> None:
    """Find out before a minute of measuring is lost."""
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        said = f"--json: can't write {str(file)!r}: it has to be a file in a folder that exists"
        raise CommandError(said, 2)


class Table:
    """The results, printed as they come.

    Args:
        workers: Workers of each pool.
        rounds: How often each was measured.
    """

    def __init__(self, workers: int, rounds: int) -> None:
        self._workers = workers
        self._rounds = rounds
        self._environment: dict[str, Any] = {}
        self._rows: dict[str, Row] = {}

    def begin(self, agent: str, cores: int) -> None:
        """Print what is above the rows.

        Args:
            agent: The browser's `navigator.userAgent`.
            cores: Its `navigator.hardwareConcurrency`.
        """
        self._environment = {
            "penny": penny_version(),
            "pyodide": PYODIDE_VERSION,
            "browser": browser_of(agent),
            "system": f"{platform.system()} {platform.machine()}",
            "processor": machine.processor(),
            "cores": cores,
            "workers": self._workers,
            "rounds": self._rounds,
        }
        where = self._environment
        print(f"{where['browser']}, Pyodide {PYODIDE_VERSION}, Penny {where['penny']}")
        print(f"{where['processor']}, {where['cores']} cores, {where['system']}")
        print(f"{self._workers} workers, median of {self._rounds} rounds\n")
        print(_line("µs per task", list(WHO.values())), flush=True)

    def add(self, operation: str, row: Row) -> None:
        """Print a row."""
        self._rows[operation] = row
        cells = [digits(statistics.median(row[who])) if who in row else "—" for who in WHO]
        print(_line(OPERATIONS[operation], cells), flush=True)

    def end(self) -> None:
        """Print what is below the rows."""
        print(f"\n{NOTES}", end="", flush=True)

    def as_json(self) -> dict[str, Any]:
        """Return everything, each sample included."""
        return {
            "environment": self._environment,
            "unit": "µs",
            "results": [
                {
                    "operation": operation,
                    "who": who,
                    "median": statistics.median(samples),
                    "samples": samples,
                }
                for operation, row in self._rows.items()
                for who, samples in row.items()
            ],
        }


def browser_of(agent: str) -> str:
    """Return a browser's name and version by what it calls itself."""
    for name, pattern in (("Firefox", r"Firefox/([\d.]+)"), ("Chromium", r"Chrome/(\d+)")):
        if found := re.search(pattern, agent):
            return f"{name} {found[1]}"
    return agent


def digits(value: float) -> str:
    """Return a value as people read it: more than three digits are good for nothing."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{float(f'{value:.3g}'):g}"


def _line(label: str, cells: list[str]) -> str:
    first = max(map(len, OPERATIONS.values()))
    columns = [cell.rjust(len(title)) for cell, title in zip(cells, _TITLES, strict=True)]
    return f"{label:{first}}   {'   '.join(columns)}"


_TITLES = [title.rjust(8) for title in WHO.values()]


class Measurement:
    """One measurement, seen from the command.

    Args:
        workers: Workers of each pool.
        rounds: How often everything is measured.
        table: Takes the rows.
        settle: Called with None at the end, or with an error.
    """

    def __init__(
        self,
        workers: int,
        rounds: int,
        table: Table,
        settle: Callable[[CommandError | None], None],
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.connected = asyncio.Event()
        self._order = {"workers": workers, "rounds": rounds}
        self._table = table
        self._settle = settle

    def routes(self) -> list[web.RouteDef]:
        """Return what the server must answer for it."""
        return [web.get("/bench/session", self._handle)]

    def interrupt(self, status: int) -> float:
        """There is nothing to wait for: the rows so far are printed."""
        return 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not secrets.compare_digest(request.query.get("token", ""), self.token):
            raise web.HTTPForbidden(text="This measurement belongs to another page.\n")
        self.connected.set()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await socket.send_json(self._order)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        self._settle(CommandError(LOST, EX_SOFTWARE))
        return socket

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "page", "agent": str(agent), "cores": int(cores)}:
                self._table.begin(agent, cores)
            case {"type": "row", "operation": str(operation), "us": dict(us)} if (
                operation in OPERATIONS
            ):
                self._table.add(operation, us)
            case {"type": "done"}:
                self._table.end()
                self._settle(None)
            case {"type": "error", "message": str(text)}:
                self._settle(CommandError(text, EX_SOFTWARE))
            case _:
                said = f"the page sent an unknown message: {message!r}"
                self._settle(CommandError(said, EX_SOFTWARE))
