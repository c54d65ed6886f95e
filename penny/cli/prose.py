"""Penny's Python for sites and for npm: of what is not public without comments, docstrings, types.

They are half of what a page would fetch. `help(penny.Scheduler)` has all of its text; lines stay
where they are, so that tracebacks name the right ones. Other packages keep their comments, and what
is said at the top of a file: their licences are in these.

    python -m penny.cli.prose FILE
"""

from __future__ import annotations

import ast
import io
import json
import sys
import tokenize
import types
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import penny
from penny.cli import bundle

__all__ = ["lean_packages", "public", "without_prose"]


LATER = "penny/adapters/"
"""What a site's pages fetch when it is imported: few pages do."""

STUB = b"from penny.bridge import apart\n\napart.fetch(__name__.replace('.', '/'), __path__)\n"


def lean_packages() -> tuple[bytes, bytes]:
    """Return python.zip as `bundle.python_packages`, without the prose, and in JSON what is apart.

    That is the text of more modules, by file.
    """
    files = _lean_files()
    apart = {name: files.pop(name).decode() for name in list(files) if name.startswith(LATER)}
    files[f"{LATER}__init__.py"] = STUB
    # Nor is it in the memory snapshot.
    name = "penny/hosts/snapshot.py"
    lines = files[name].splitlines(keepends=True)
    files[name] = b"".join(
        b"\n" if line.startswith(b"import penny.adapters") else line for line in lines
    )
    return bundle.pack(files), json.dumps(apart).encode()


def _lean_files() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.python_packages())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    documented = public()
    for name, content in files.items():
        own = name.startswith("penny/")
        keep = documented.get(name, ())
        files[name] = without_prose(content.decode(), keep, whole_top=not own).encode()
    return files


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
    """Return the source without docstrings, comments, and types of functions, with the same lines.

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
    if not whole_top:
        _drop_types(tree, lines, keep)
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


def _drop_types(tree: ast.Module, lines: list[bytes], keep: Collection[str]) -> None:
    """Take types out of functions, but for public ones: of parameters, results and variables.

    Those of classes stay, which have a meaning for dataclasses and named tuples. So does what goes
    over several lines.
    """
    cuts: list[tuple[int, int, int]] = []
    for function in _functions(tree, keep):
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        for each in every:
            cut = each.annotation
            if cut is not None and each.lineno == cut.end_lineno:
                start = each.col_offset + len(each.arg.encode())
                cuts.append((each.lineno, start, cut.end_col_offset or 0))
        cut = function.returns
        if cut is not None and cut.lineno == cut.end_lineno:
            start = lines[cut.lineno - 1].rfind(b" ->", 0, cut.col_offset)
            if start >= 0:
                cuts.append((cut.lineno, start, cut.end_col_offset or 0))
        for variable in _variables(function):
            if variable.lineno == variable.annotation.end_lineno:
                start = variable.target.end_col_offset or 0
                cuts.append((variable.lineno, start, variable.annotation.end_col_offset or 0))
    for row, start, end in sorted(set(cuts), reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + line[end:]


def _variables(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AnnAssign]:
    """What is assigned with a type, but for functions and classes within."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _functions(
    tree: ast.Module, keep: Collection[str]
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions that nobody asks for help about."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, documented = waiting.pop()
        for each in ast.iter_child_nodes(node):
            shown = documented
            if isinstance(each, ast.ClassDef):
                shown = each.name in keep
            elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                shown = (documented or each.name in keep) and not each.name.startswith("_")
                shown = shown or (documented and each.name == "__init__")
                if not shown:
                    yield each
            waiting.append((each, shown))


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
    Path(sys.argv[1]).write_bytes(bundle.pack(_lean_files()))
