"""What sites and npm get of a source of Penny's."""

from __future__ import annotations

import ast
import inspect
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import penny
from penny.cli import bundle
from penny.cli.prose import _lean_files, public, without_prose

SOURCE = '''\
"""The module.

More of it."""
import re  # a comment

NAME = "# no comment"
"""What it is."""


class Error(Exception):
    """An error."""


def f(ü, b="""a text
# of two lines"""):
    # Why.
    """Documented; é."""
    return b  # at once
'''

LEFT = '''\
""


import re

NAME = "# no comment"
""


class Error(Exception):
    ""


def f(ü, b="""a text
# of two lines"""):

    ""
    return b
'''


def test_lines_stay_where_they_are() -> None:
    assert without_prose(SOURCE) == LEFT


PUBLIC = '''\
class Open:
    """Seen."""

    def method(self):
        """Seen, too."""

        def inner():
            """Not."""

    def _private(self):
        """Not."""

    async def later(self):
        """Seen."""


class _Closed:
    """Not."""
'''


def test_what_is_public_keeps_its_docstrings() -> None:
    left = without_prose(PUBLIC, {"Open"})
    assert left == PUBLIC.replace('"""Not."""', '""')


class Untyped(ast.NodeTransformer):
    """Without types of functions, and of variables in them."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        for each in ast.walk(node.args):
            if isinstance(each, ast.arg):
                each.annotation = None
        node.body = [self.statement(each) for each in node.body]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def statement(self, node: ast.stmt) -> ast.stmt:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return node
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            return ast.copy_location(ast.Assign([node.target], node.value), node)
        for name in ("body", "orelse", "finalbody"):
            if isinstance(inner := getattr(node, name, None), list):
                setattr(node, name, [self.statement(each) for each in inner])
        for handler in getattr(node, "handlers", ()):
            handler.body = [self.statement(each) for each in handler.body]
        return node


def meaning(source: str) -> str:
    """Its syntax tree with line numbers, whatever texts and types stand there for themselves."""
    tree = Untyped().visit(ast.parse(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            assert isinstance(node.value.value, str | type(...))
            node.value = ast.Constant("")
            node.col_offset = node.end_col_offset = node.end_lineno = 0
    return "\n".join(
        f"{type(node).__name__} {getattr(node, 'lineno', '')} {fields(node)}"
        for node in ast.walk(tree)
    )


def fields(node: ast.AST) -> list[object]:
    found = (getattr(node, name) for name in node._fields)
    return [field for field in found if not isinstance(field, ast.AST | list)]


@pytest.mark.parametrize(
    "other",
    [
        LEFT.replace("# no comment", "no comment"),
        LEFT.replace('b="""a text', 'b="""another'),
        LEFT.replace("import re\n", "import re\n\n"),
        LEFT.replace("ü", "u"),
        LEFT.replace("class", "x = 1\nclass"),
        LEFT.replace("    return b\n", ""),
    ],
)
def test_meanings_differ(other: str) -> None:
    assert other != LEFT
    assert meaning(other) != meaning(LEFT) == meaning(SOURCE)


def contents(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: files.read(name).decode() for name in files.namelist()}


@pytest.fixture(scope="module")
def lean() -> bytes:
    return bundle.pack(_lean_files())


def test_the_same_modules_mean_the_same(lean: bytes) -> None:
    whole, left = contents(bundle.python_packages()), contents(lean)
    assert whole.keys() == left.keys()
    for name, source in whole.items():
        assert meaning(left[name]) == meaning(source), name
    licence = "Redistribution and use in source and binary forms"
    assert licence in left["cloudpickle/cloudpickle.py"]
    private = "Packages, surroundings and settings, for the workers of one scheduler."
    assert private in whole["penny/mirror/around.py"]
    assert private not in left["penny/mirror/around.py"]


HELP = """
import sys
sys.path.insert(0, sys.argv[1])
import inspect, penny
assert penny.__file__.startswith(sys.argv[1])
def signature(found):
    try:
        return str(inspect.signature(found))
    except (TypeError, ValueError):
        return ""
print([(name, method, inspect.getdoc(found), signature(found))
    for name in penny.__all__
    for method, found in [("", getattr(penny, name)),
        *inspect.getmembers(getattr(penny, name), callable)]
    if not method.startswith("_")])
"""


def test_help_is_what_it_was(lean: bytes, tmp_path: Path) -> None:
    (tmp_path / "lean.zip").write_bytes(lean)
    (tmp_path / "whole.zip").write_bytes(bundle.python_packages())

    def documented(name: str) -> str:
        command = [sys.executable, "-I", "-c", HELP, str(tmp_path / name)]
        printed: str = subprocess.check_output(command, text=True)
        return printed

    printed = documented("lean.zip")
    assert str(inspect.getdoc(penny.Scheduler.shutdown)).splitlines()[0] in printed
    assert printed == documented("whole.zip")


def test_public_names_are_found() -> None:
    found = public()
    assert {"Scheduler", "current_scheduler"} <= found["penny/scheduler.py"]
    assert "Submitter" in found["penny/submitter.py"]
