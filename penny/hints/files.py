"""What a task did not find, file or module, although whoever submitted it would have."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.metadata import version
from typing import Any, TypeVar

from penny import where
from penny.by_value.exception_parts import GROUP_MEMBERS, add_notes, notes_of
from penny.hints import command
from penny.hints.packages import distribution_of, installed, package_of
from penny.where import IN_BROWSER

__all__ = ["explained", "hint"]

E = TypeVar("E", bound=BaseException)

# Whatever a class of the program's makes of them.
_filename: Any = OSError.__dict__["filename"]
_name: Any = ImportError.__dict__["name"]

FILE = (
    "({name!r} exists where the task was submitted, but each worker has files of its own: read it "
    "there and pass what is in it as an argument. What lay beside the script when it started is "
    "in all workers.)"
)
FOLDER = (
    "(This worker has no folder {name!r}: each has files of its own. Make it in the task, by "
    "os.makedirs({name!r}, exist_ok=True).)"
)
MODULE = (
    "({name!r} can be imported where the task was submitted, but not in its worker, that has files "
    "of its own: import it there, outside of functions, and let the task use that name; or give "
    "the Scheduler its package, packages=[…]. What lay beside the script when it started can be "
    "imported in all workers.)"
)
INSTALLED = (
    "({name!r} is of {package} {version}, which is installed where the task was submitted. Its "
    "worker has what is installed there, but nothing where packages=None, and never what installs "
    "packages or runs a notebook, unless it is named: packages=[{package!r}].)"
)
PACKAGE = (
    "(Workers have what is installed where the Scheduler is opened{has}, and there is no {name!r}. "
    "Give the Scheduler what the task needs, {way}, or install it there{run}.)"
)
SHOWN = 8
"""So many distributions are named."""
WHEEL = 'packages=["https://…/….whl"], the URL of a wheel'


def hint(error: BaseException) -> str:
    """What to do instead, if a task did not find the folder of a file."""
    if where.worker is None or not isinstance(error, FileNotFoundError):
        return ""
    name = _filename.__get__(error)
    if not isinstance(name, str):
        return ""
    folder = os.path.dirname(name)
    return FOLDER.format(name=folder) if folder and not os.path.isdir(folder) else ""


def explained(error: E) -> E:
    """The error that came from a worker; with a note if it is for want of what is here.

    So are those of a group.
    """
    waiting: list[BaseException] = [error]  # groups may be nested deeper than the stack goes
    while waiting:
        each = waiting.pop()
        note = ""
        if isinstance(each, FileNotFoundError):
            name = _filename.__get__(each)
            if isinstance(name, str | bytes) and os.path.exists(name):
                note = FILE.format(name=name)
        elif isinstance(each, ModuleNotFoundError):
            name = _name.__get__(each)
            if isinstance(name, str):
                note = _of_module(name)
        elif isinstance(each, BaseExceptionGroup):
            waiting += GROUP_MEMBERS.__get__(each)
        if note and note not in notes_of(each):
            add_notes(each, note)
    return error


def _of_module(name: str) -> str:
    top = name.partition(".")[0]
    if IN_BROWSER and (package := distribution_of(top)):
        return INSTALLED.format(name=name, package=package, version=version(package))
    if _is_module(top):
        return MODULE.format(name=name)
    if not IN_BROWSER or top in sys.stdlib_module_names or top == "js":
        return ""
    package = package_of(top)
    way = f"packages=[{package!r}]" if package else WHEEL
    run = (
        f"; or start the script by `penny run {command.with_package(top)}`"
        if command.folders
        else ""
    )
    return PACKAGE.format(name=name, has=_what_is_here(), way=way, run=run)


def _what_is_here() -> str:
    found = installed()
    if not found:
        return " (nothing)"
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f" ({', '.join(found[:SHOWN])}{more})"


def _is_module(name: str) -> bool:
    try:
        return PathFinder.find_spec(name) is not None
    except Exception:  # importers of anybody's
        return False
