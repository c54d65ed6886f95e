"""The command line: `penny run`, `serve`, `build`, `snapshot`. CPython only, for development."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from penny.cli import build, run, serve, snapshot
from penny.cli.errors import EX_INTERRUPTED, CommandError
from penny.cli.site import penny_version

__all__ = ["main"]

BROWSERS = "chromium (the default), firefox, or the path of either"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: The arguments; the process's own if not given.
    """
    options = parser().parse_args(arguments)
    # So that a child (npm, a browser) is ended and temporary files are removed on the way out.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(EX_INTERRUPTED + number))
    try:
        status: int = options.command(options)
    except CommandError as error:
        if str(error):
            print(f"penny: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return EX_INTERRUPTED + signal.SIGINT
    return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="penny",
        description="Python on all cores of a browser: a work-stealing runtime on Pyodide.",
    )
    top.add_argument("--version", action="version", version=f"penny {penny_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    pyodide = argparse.ArgumentParser(add_help=False)
    pyodide.add_argument(
        "--pyodide",
        metavar="DIR",
        help="where Pyodide's files are (also $PENNY_PYODIDE); by default in node_modules or the "
        "cache, where npm puts them once",
    )
    common = argparse.ArgumentParser(add_help=False, parents=[pyodide])
    common.add_argument(
        "--no-snapshot",
        dest="snapshot",
        action="store_false",
        help="start workers without a memory snapshot",
    )

    command = commands.add_parser(
        "run",
        parents=[common],
        help="run a script on the runtime, in a headless browser",
        description="Run a script on the runtime, in a headless browser. Its output appears as it "
        "comes, and its exit status is the command's. Top-level await is allowed. The script's "
        "folder is copied into the browser: its modules can be imported, its files read.",
    )
    command.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="workers of a Scheduler() that names no number (default: one for each core)",
    )
    command.add_argument(
        "--on",
        default="chromium",
        metavar="BROWSER",
        help=BROWSERS,
    )
    command.add_argument(
        "--page",
        action="store_true",
        help="run on the page's own Pyodide; by default a host worker runs it, which may block",
    )
    command.add_argument("script", help="a Python file, or - for standard input")
    command.add_argument("args", nargs=argparse.REMAINDER, help="the rest of the script's sys.argv")
    command.set_defaults(command=run.run)

    command = commands.add_parser(
        "serve",
        parents=[common],
        help="serve a folder and the runtime, for a browser on this machine",
        description="Serve a folder with the headers that cross-origin isolation needs, and "
        "penny.js. Without a folder, or without an index.html in it, the playground is at /.",
    )
    command.add_argument("dir", nargs="?", help="the folder (default: none, only the playground)")
    command.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    command.add_argument(
        "--port", type=_port, help="port; 0 for any free one (default: the first free from 8000 on)"
    )
    command.add_argument("--open", action="store_true", help="open it in the default browser")
    command.set_defaults(command=serve.serve)

    command = commands.add_parser(
        "build",
        parents=[common],
        help="write a static site with everything in it",
        description="Write a static site that any web server can host: penny.js, the runtime, "
        "Pyodide, a memory snapshot, and the playground as its index.html.",
    )
    command.add_argument("dir", metavar="DIR", help="the folder; new, empty, or an earlier build")
    command.add_argument("--force", action="store_true", help="write even if DIR holds other files")
    command.set_defaults(command=build.build)

    command = commands.add_parser(
        "snapshot",
        parents=[pyodide],
        help="make the memory snapshot now",
        description="Make the memory snapshot that workers start from, which the other commands "
        "make when they first need it, and print where it is. Needs a browser.",
    )
    command.add_argument("--on", default="chromium", metavar="BROWSER", help=BROWSERS)
    command.set_defaults(command=snapshot.snapshot)
    return top


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return number
