"""The figures of traces: what it costs to record what workers do, beside the same without."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure, Pages, ratio


def cost(pages: Pages, name: str, function: str, bound: float) -> Iterator[Figure]:
    """A program on two workers that are traced, and on two that are not."""
    times = pages.call("traces.js", function)
    yield Figure(f"trace/{name}", ratio(times["on"], times["off"]), bound, False, {"ms": times})


def nqueens(pages: Pages) -> Iterator[Figure]:
    """n-queens 12, with spawns in the first three rows."""
    yield from cost(pages, "nqueens", "queensTimes", 1.03)


def tasks(pages: Pages) -> Iterator[Figure]:
    """1,000 tasks of 1 ms."""
    yield from cost(pages, "tasks-1ms", "napTimes", 1.03)


def tiny_tasks(pages: Pages) -> Iterator[Figure]:
    """2,000 tasks that do next to nothing: the worst case."""
    yield from cost(pages, "tiny-tasks", "tinyTimes", 1.03)


SUITES = {
    "trace/nqueens": nqueens,
    "trace/tasks-1ms": tasks,
    "trace/tiny-tasks": tiny_tasks,
}
