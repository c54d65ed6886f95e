"""`penny serve`: a folder and the runtime over HTTP, for a browser on this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import webbrowser
from pathlib import Path

from penny.cli import bundle
from penny.cli.errors import CommandError
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, serving
from penny.cli.site import Site
from penny.cli.snapshot import find_snapshot


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal comes.

    Raises:
        CommandError: the folder does not exist, or the port can't be had.
    """
    folder = Path(options.dir) if options.dir is not None else None
    if folder is not None and not folder.is_dir():
        raise CommandError(f"{folder} is not a folder", 2)
    pyodide = find_pyodide(options.pyodide)
    python = bundle.python_packages()
    snapshot = find_snapshot(python, pyodide) if options.snapshot else None
    site = Site(pyodide=pyodide, folder=folder, snapshot=snapshot, python=python)
    return asyncio.run(_serve(site, options))


async def _serve(site: Site, options: argparse.Namespace) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serving(application(site), host=options.host, port=options.port) as url:
        print(f"Serving {options.dir or 'the playground'} at {url} (Ctrl-C stops)", flush=True)
        if options.open:
            webbrowser.open(url)
        await stopped.wait()
    return 0
