"""Penny's Python for sites and for npm: without comments, and docstrings but for what is public.

They are a third of what a page would fetch. `help(penny.Scheduler)` has all of its text; lines stay
where they are, so that tracebacks name the right ones. Other packages keep their comments, and what
is said at the top of a file: their licences are in these.

    python -m penny.cli.prose FILE
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import types
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import penny
from penny.cli import bundle

__all__ = ["lean_packages", "public", "without_prose"]


def lean_packages() -> bytes:
    """Return python.zip as `bundle.python_packages`, without the prose."""
    with zipfile.ZipFile(io.BytesIO(bundle.python_packages())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    documented = public()
    for name, content in files.items():
        own = name.startswith("penny/")
        keep = documented.get(name, ())
        files[name] = without_prose(content.decode(), keep, whole_top=not own).encode()
    return bundle.pack(files)


def public() -> dict[str, set[str]]:
    """Return the names of classes and functions that `penny` exports, by file in python.zip.

    With each class come the classes of Penny's that it inherits from.
    """
    found: dict[str, set[str]] = {}
    for name in penny.__all__:
        each = getattr(penny, name)
        for part in each.__mro__ if isinstance(each, type) else (each,):
            if isinstance(part, type | types.FunctionType) and part.__module__.startswith("penny."):
                file = f"{part.__module__.replace('.', '/')}.py"
                found.setdefault(file, set()).add(part.__name__)
    return found


def without_prose(source: str, keep: Collection[str] = (), *, whole_top: bool = False) -> str:
    """Return the source without docstrings and comments, with the same lines.

    What is said below a class's or a module's variables goes, too. A line must have nothing behind
    a docstring.

    Args:
        source: Of a module.
        keep: Names of its classes and functions that keep their docstrings; classes with those of
            their methods, but for private ones.
        whole_top: Whether its comments stay, and the module's docstring.
    """
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # as ast counts columns
    tree = ast.parse(source)
    kept = {*_docstrings(tree, keep), *(tree.body[:1] if whole_top else ())}
    for node in ast.walk(tree):
        if node not in kept and isinstance(node, ast.Expr) and _is_text(node.value):
            first, last = node.lineno - 1, (node.end_lineno or 0) - 1
            # A body must not be empty.
            lines[first] = lines[first][: node.col_offset] + b'""\n'
            if first == last:
                continue
            lines[first + 1 : last + 1] = [b"\n"] * (last - first)
    rest = [line.decode() for line in lines]
    if whole_top:
        return "".join(rest)
    for token in tokenize.generate_tokens(io.StringIO("".join(rest)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            rest[row - 1] = rest[row - 1][:column].rstrip() + "\n"
    return "".join(rest)


def _docstrings(tree: ast.Module, names: Collection[str]) -> Iterator[ast.stmt]:
    """The docstrings of what has these names, at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in names:
            methods = node.body if isinstance(node, ast.ClassDef) else []
            for each in (node, *methods):
                if each is node or (
                    isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not each.name.startswith("_")
                ):
                    yield each.body[0]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(lean_packages())
