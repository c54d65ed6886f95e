"""Tasks that hold something while they join: state of a module, so each worker has its own."""

from __future__ import annotations

import contextvars
import decimal
import random
import threading
from typing import Any

from forkjoin import spin, stolen
from gates import Gate

import penny

Path = tuple[int, ...]

# -- Locks -----------------------------------------------------------------------------------------

LOCKS: dict[str, Any] = {
    "Lock": threading.Lock(),
    "RLock": threading.RLock(),
    "Condition": threading.Condition(),
}
inside: list[int] = []


def enter(kind: str, gate: Gate | None) -> tuple[int | None, bool]:
    """Hold a lock while joining a job; one that waits at the gate in another worker, if given.

    Returns:
        The worker, and whether nobody else was inside.
    """
    with LOCKS[kind]:
        alone = not inside
        inside.append(1)
        if gate is not None:
            stolen(penny.spawn(gate.wait)).join()
        else:
            penny.spawn(spin, 0.001).join()
        inside.pop()
    return penny.current_worker(), alone


def enter_busily(n: int) -> tuple[int | None, bool]:
    """The same with many jobs, joined in one order or the other."""
    with LOCKS["RLock"]:
        alone = not inside
        inside.append(1)
        js = [penny.spawn(spin, 0.001) for _ in range(10)]
        for job in js if n % 2 else reversed(js):
            job.join()
        inside.pop()
    return penny.current_worker(), alone


def siblings() -> list[tuple[int | None, bool]]:
    """Jobs of one task that each take the lock."""
    js = [penny.spawn(enter_busily, n) for n in range(6)]
    return [job.join() for job in reversed(js)]


# -- Strangers -------------------------------------------------------------------------------------

local = threading.local()
variable: contextvars.ContextVar[Path | None] = contextvars.ContextVar("variable", default=None)
stack: list[tuple[Path, Path | None]] = []
"""What runs on this worker: its path, and that of the oldest job that may run on top of it."""
strangers: list[Any] = []


def children(path: Path, depth: int) -> tuple[list[Path], random.Random]:
    """A job's path: its task's number, then which child it is at each level."""
    chance = random.Random(str(path))
    return [(*path, i) for i in range(chance.randrange(1, 5) if depth else 0)], chance


def node(path: Path, depth: int) -> int:
    """Spawn a random tree, join it in any order, and note who comes in between.

    Returns:
        How many nodes it has.
    """
    if stack:
        below, joins = stack[-1]
        # The child that it descends from is the awaited one, or was spawned later.
        if joins is None or path[: len(below)] != below or path[: len(joins)] < joins:
            strangers.append((below, joins, path))
    stack.append((path, None))
    token, outer = variable.set(path), getattr(local, "path", None)
    local.path = path
    with decimal.localcontext(prec=(precision := 5 + len(path))):
        paths, chance = children(path, depth)
        js = [(child, penny.spawn(node, child, depth - 1)) for child in paths]
        if not js:
            spin(chance.choice([0, 0, 0.0005]))
        if chance.random() < 0.5:
            js.reverse()
        total = 1
        for child, job in js:
            stack[-1] = path, child
            total += job.join()
            mine = variable.get(), local.path, decimal.getcontext().prec
            if mine != (path, path, precision):
                strangers.append((path, mine))
    local.path = outer
    variable.reset(token)
    stack.pop()
    return total


def size(path: Path, depth: int) -> int:
    """How many nodes a tree has."""
    return 1 + sum(size(child, depth - 1) for child in children(path, depth)[0])


def found() -> tuple[int | None, list[Any]]:
    """The worker, and what it has noted so far."""
    here, strangers[:] = list(strangers), []
    return penny.current_worker(), here


# -- Others ----------------------------------------------------------------------------------------


def deep(depth: int) -> int:
    """Each level is a job of the level below, in the other worker."""
    return 1 + (stolen(penny.spawn(deep, depth - 1)).join() if depth else 0)


def square(x: int) -> int:
    return x * x
