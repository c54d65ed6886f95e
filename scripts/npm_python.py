"""Writes the python.zip of the npm package: Penny without its comments and docstrings.

    python scripts/npm_python.py FILE

They are a third of what a page would fetch. Lines stay where they are, so that tracebacks name the
right ones. Other packages keep theirs: their licences are in them.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import zipfile
from pathlib import Path

from penny.cli import bundle


def without_prose(source: str) -> str:
    """The source without comments and docstrings, with the same lines.

    What is said below a class's or a module's variables goes, too.
    """
    lines = [line.encode() for line in source.splitlines(keepends=True)]  # as ast counts columns
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            first, last = node.lineno - 1, (node.end_lineno or 0) - 1
            # A body must not be empty.
            lines[first] = lines[first][: node.col_offset] + b'""\n'
            if first == last:
                continue
            lines[first + 1 : last + 1] = [b"\n"] * (last - first)
    rest = [line.decode() for line in lines]
    for token in tokenize.generate_tokens(io.StringIO("".join(rest)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            rest[row - 1] = rest[row - 1][:column].rstrip() + "\n"
    result = "".join(rest)
    assert _meaning(result) == _meaning(source)
    return result


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _meaning(source: str) -> str:
    """Its syntax tree with line numbers, whatever texts stand there for themselves."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            node.value = ast.Constant("")
            node.col_offset = node.end_col_offset = node.end_lineno = 0
    return "\n".join(
        f"{type(node).__name__} {getattr(node, 'lineno', '')} {_fields(node)}"
        for node in ast.walk(tree)
    )


def _fields(node: ast.AST) -> list[object]:
    fields = (getattr(node, name) for name in node._fields)
    return [field for field in fields if not isinstance(field, ast.AST | list)]


def main(target: Path) -> None:
    """Write it."""
    with zipfile.ZipFile(io.BytesIO(bundle.python_packages())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, content in files.items():
        if name.startswith("penny/"):
            files[name] = without_prose(content.decode()).encode()
    target.write_bytes(bundle.pack(files))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
