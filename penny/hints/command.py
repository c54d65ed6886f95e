"""What a script of `penny run` lacks, and which option of the command gives it that."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from penny import where
from penny.by_value.exception_parts import notes_of
from penny.hints.packages import package_of

__all__ = ["folders", "hint", "told", "with_package"]

folders: list[str] = []
"""Those whose files came along, with absolute paths; none where no command has started this."""

_partial: list[str] = []
"""Those of which not all files did."""


def told(came: Sequence[str], partial: Sequence[str]) -> None:
    """`penny run` has started this program, and these folders came along."""
    folders[:] = came
    _partial[:] = partial


# Whatever a class of the program's makes of them.
_filename: Any = OSError.__dict__["filename"]
_name: Any = ImportError.__dict__["name"]


def hint(error: BaseException) -> str:
    """Which option of the command helps, if the error is for want of what it brings along."""
    if not folders:
        return ""
    if isinstance(error, ModuleNotFoundError):
        if any("`penny run --with " in note for note in notes_of(error)):
            return ""  # a task's, which has been told
        name = _name.__get__(error)
        top = name.partition(".")[0] if isinstance(name, str) else ""
        if where.worker is not None:  # the submitter says it, who may have the module
            return ""
        if not top or top == "js" or top in sys.stdlib_module_names:
            return ""
        return f"(`penny run {with_package(top)} …` brings a package along, from PyPI too.)"
    if isinstance(error, FileNotFoundError):
        name = _filename.__get__(error)
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if isinstance(name, str) and not _came_along(os.path.abspath(name)):
            return (
                "(It did not come along into the browser: what `penny run` copies is what lies in "
                "the script's folder and the current one, unless it is hidden or much, and what "
                "the script's arguments name. `--mount DIR` brings another folder.)"
            )
    return ""


def with_package(module: str) -> str:
    """The option that brings the package of a module."""
    return f"--with {package_of(module) or module.replace('_', '-')}"


def _came_along(path: str) -> bool:
    """Whether the file would be here if it was where the command was started."""
    for folder in folders:
        if folder not in _partial and path.startswith(os.path.join(folder, "")):
            hidden = os.path.relpath(path, folder).split(os.sep)
            return not any(part.startswith(".") for part in hidden)
    return False
