"""Indexes Python's standard library: parses every module of it, one task a module, and prints the
largest and the most complex functions, and what each worker did.

    penny run examples/stdlib_index.py [rows]

Its main part runs anywhere; on plain Python the tasks run one after the other.
"""

import ast
import functools
import sys
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import penny


class Function(NamedTuple):
    module: str
    name: str
    lines: int
    complexity: int
    """McCabe's: the number of paths through it."""


@functools.cache
def library() -> zipfile.Path | Path:
    """The standard library: a zip in Pyodide, a folder elsewhere. Opened once in each worker."""
    path = Path(ast.__file__ or "").parent
    return zipfile.Path(path) if path.suffix == ".zip" else path


def modules() -> list[str]:
    """Names of all modules' files, relative to the library."""
    found = []
    folders = [(library(), "")]
    while folders:
        folder, prefix = folders.pop()
        for entry in folder.iterdir():
            name = prefix + entry.name
            if entry.is_dir() and entry.name not in ("site-packages", "test", "__pycache__"):
                folders.append((entry, name + "/"))
            elif name.endswith(".py"):
                found.append(name)
    return sorted(found)


BRANCHES = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.IfExp, ast.ExceptHandler, ast.With,
    ast.AsyncWith, ast.Assert, ast.comprehension, ast.BoolOp, ast.match_case,
)  # fmt: skip


def index(module: str) -> list[Function]:
    """All functions of one module."""
    tree = ast.parse(library().joinpath(module).read_bytes())
    functions = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = prefix + child.name
                if not isinstance(child, ast.ClassDef):
                    lines = (child.end_lineno or child.lineno) - child.lineno + 1
                    complexity = 1 + sum(isinstance(n, BRANCHES) for n in ast.walk(child))
                    functions.append(Function(module, name, lines, complexity))
                visit(child, name + ".")
            else:
                visit(child, prefix)

    visit(tree, "")
    return functions


def table(title: str, functions: list[Function]) -> None:
    print(f"\n{title}\n{'lines':>7} {'paths':>6}  function")
    for f in functions:
        print(f"{f.lines:7} {f.complexity:6}  {f.module}: {f.name}")


def main(rows: int) -> None:
    with penny.Scheduler() as s:
        began = time.perf_counter()
        names = modules()
        functions = [f for found in s.map(index, names) for f in found]
        seconds = time.perf_counter() - began
        stats = s.stats()

    print(f"{len(names)} modules, {len(functions)} functions, {seconds:.2f} s")
    table("The largest", sorted(functions, key=lambda f: -f.lines)[:rows])
    table("The most complex", sorted(functions, key=lambda f: -f.complexity)[:rows])
    print(f"\n{'worker':>6} {'tasks':>6} {'stolen':>6} {'busy':>8}")
    for w in stats["workers"]:
        print(f"{w['worker']:6} {w['run']:6} {w['stolen']:6} {w['busy']:7.2f}s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
