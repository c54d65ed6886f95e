"""Who changes the state of a worker's jobs: `penny/jobs/` alone, and others by its functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import penny
from penny.jobs import job as jobs

PENNY = Path(penny.__file__).parent


def changes(tree: ast.AST, state: set[str]) -> Iterator[str]:
    """What it assigns of modules of penny/jobs/, or imports of the state, which would go stale."""
    nodes = list(ast.walk(tree))
    imports = [each for each in nodes if isinstance(each, ast.ImportFrom)]
    names = [name for each in imports if "penny.jobs" in str(each.module) for name in each.names]
    modules = {each.asname or each.name for each in names}
    yield from (each.name for each in names if each.name in state)
    attributes = [each for each in nodes if isinstance(each, ast.Attribute)]
    for each in attributes:
        of = ast.unparse(each.value)
        if (of in modules or of.startswith("penny.jobs")) and not isinstance(each.ctx, ast.Load):
            yield each.attr


def test_nobody_else_assigns_to_the_state_of_jobs():
    nodes = ast.walk(ast.parse(Path(jobs.__file__).read_text()))
    state = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    assert {"masked", "noted", "attention", "public", "innermost", "private"} < state
    found = {}
    for file in set(PENNY.rglob("*.py")) - set((PENNY / "jobs").iterdir()):
        if assigned := sorted(changes(ast.parse(file.read_text()), state)):
            found[file.relative_to(PENNY).as_posix()] = assigned
    # Once for each task: a call would cost the worker's loop more than the assignment.
    assert found == {"engines/ported/serving.py": ["attention", "masked", "masked", "masked"]}
