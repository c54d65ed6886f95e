"""The command line: `penny run`, `serve`, `build`, `kernel`, `bench`, … Only on CPython."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from penny.cli import bench, build, kernel, run, serve, snapshot
from penny.cli.errors import EX_INTERRUPTED, CommandError
from penny.cli.pyodide import CDN
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with a line: whoever wants the usage asks for it."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = _Parser(
        prog="penny",
        description="Python on all cores of a browser: a work-stealing runtime on Pyodide.",
    )
    top.add_argument("--version", action="version", version=f"penny {penny_version()}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    pyodide = _Parser(add_help=False)
    pyodide.add_argument(
        "--pyodide",
        metavar="DIR",
        help="where Pyodide's files are (also $PENNY_PYODIDE); by default in node_modules or the "
        "cache, where npm puts them once",
    )
    common = _Parser(add_help=False, parents=[pyodide])
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
        "comes, and its exit status is the command's. Top-level await is allowed. It reads stdin, "
        "and Ctrl-C raises KeyboardInterrupt in it; a second one ends it at once. The current "
        "directory is its own, too. Copied into the browser, each under its path here, are the "
        "script's folder, the current directory (if it holds at most 16 MB), and the files and "
        "folders that its arguments name; hidden ones stay behind.",
    )
    command.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="workers of a Scheduler() that names no number (default: one for each core)",
    )
    command.add_argument(
        "--on",
        default="chromium",
        metavar="ENGINE",
        help=f"{BROWSERS}; or node, bun or deno, or the path of one: there the script has the "
        "shell's directory and variables, and may read the files of both folders",
    )
    command.add_argument(
        "--page",
        action="store_true",
        help="run on the page's own Pyodide; by default a host worker runs it, which may block",
    )
    command.add_argument(
        "--trace",
        metavar="FILE",
        help="write what the workers did and when, as a trace for ui.perfetto.dev or "
        "chrome://tracing; also if the script fails or is interrupted",
    )
    command.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="set a variable in the script's os.environ, to its value here or to VALUE; nothing "
        "else of the shell's environment is seen there. May be repeated",
    )
    command.add_argument(
        "--with",
        dest="packages",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="a package for the script and its workers: a name, a requirement such as 'attrs>=25', "
        "or the URL or file of a wheel. Pyodide's own, else what pip finds on PyPI, with all it "
        "depends on. May be repeated",
    )
    command.add_argument(
        "--mount",
        action="append",
        default=[],
        metavar="DIR",
        help="copy this folder into the browser, too. May be repeated",
    )
    command.add_argument(
        "--write",
        action="store_true",
        help="copy back what the script and its tasks have written in the current directory, the "
        "script's folder and those of --mount; what is deleted there stays here",
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
    command.add_argument(
        "--packages",
        metavar="NAME,…",
        help="packages of Pyodide's that tasks may ask for by name, with all they depend on, from "
        "the folder of --pyodide (default: those that are there)",
    )
    command.add_argument(
        "--with",
        dest="requirements",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="a package that pages and tasks may ask for by name, as of `penny run --with`: with "
        "all it depends on it lies on the site. May be repeated",
    )
    command.add_argument(
        "--pyodide-url",
        metavar="URL",
        help=f"leave Pyodide out: pages fetch it, and its packages, from there, such as {CDN}",
    )
    command.set_defaults(command=build.build)

    _add_kernel(commands)
    command = commands.add_parser(
        "bench",
        parents=[common],
        help="measure what a task costs here",
        description="Measure what a task costs in a browser on this machine, with Penny, with a "
        "pool written by hand and as a plain call. Takes about a minute; whatever else the machine "
        "does meanwhile disturbs it.",
    )
    command.add_argument(
        "--workers",
        type=_workers,
        default=2,
        metavar="N",
        help="workers of each pool (default: %(default)s); the cost hardly depends on it",
    )
    command.add_argument(
        "--rounds",
        type=_positive,
        default=7,
        metavar="N",
        help="measure everything so many times and take the median (default: %(default)s)",
    )
    command.add_argument("--on", default="chromium", metavar="BROWSER", help=BROWSERS)
    command.add_argument(
        "--json", type=Path, metavar="FILE", help="also write all samples, in µs, to this file"
    )
    command.set_defaults(command=bench.bench)

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


def _add_kernel(commands: argparse._SubParsersAction[_Parser]) -> None:
    group = commands.add_parser(
        "kernel",
        help="compile kernels from C to WebAssembly; show a module's",
        description="Kernels are WebAssembly functions that penny.Kernels loads into the workers.",
    )
    kernels = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = kernels.add_parser(
        "build",
        help="compile C or C++ with penny.h, by Emscripten",
        description="Compile C or C++ to a module of kernels, by Emscripten. Functions with "
        "PENNY_KERNEL (see penny.h) before them are its kernels. Options are the compiler's.",
    )
    command.add_argument("sources", nargs="+", metavar="SOURCE", help="C or C++ files")
    command.add_argument(
        "-o", dest="output", metavar="FILE", help="the module (default: the first source's .wasm)"
    )
    command.add_argument(
        "-O", dest="optimise", metavar="LEVEL", default="3", help="0 to 3, s, z (default: 3)"
    )
    command.add_argument("-g", dest="debug", action="store_true", help="keep the functions' names")
    command.add_argument("-std", metavar="STANDARD", help="-std=c11, and so on")
    for option, dest, metavar, text in (
        ("-D", "define", "NAME[=VALUE]", "define a macro"),
        ("-I", "include", "DIR", "look for headers there, too"),
        ("-m", "machine", "FEATURE", "such as -msimd128: vectors of 128 bits"),
        ("-f", "feature", "FEATURE", "such as -ffast-math"),
        ("-W", "warn", "WARNING", "such as -Wall"),
        ("-l", "library", "LIBRARY", "-lm: sin, exp and others of math.h"),
    ):
        command.add_argument(
            option, dest=dest, metavar=metavar, action="append", default=[], help=text
        )
    command.set_defaults(command=kernel.build)

    command = kernels.add_parser(
        "show",
        help="print the signatures of a module's kernels",
        description="Print what the kernels of a module take and return, one a line.",
    )
    command.add_argument("module", metavar="FILE", help="a .wasm file")
    command.set_defaults(command=kernel.show)


WORKERS_MAX = 64
"""Of one scheduler: penny/wasm_core/sizes.h."""


def _workers(text: str) -> int:
    number = _positive(text)
    if number > WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"{text} is more than {WORKERS_MAX}")
    return number


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _port(text: str) -> int:
    number = _number(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return number
