"""How cost grows: with the number of tasks, with their bytes, with depth, with workers.

What to see is whether a line bends somewhere. Of each the value is the ratio of the dearest unit to
the one in the middle of the range, where there is no fixed cost to pay any more: 1 is a level line.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from figures import Figure, Pages, Raw
from scaling import CORES, ON_CORES

Samples = list[tuple[int, list[float]]]
"""What was measured in each round, by the quantity that grows."""


def medians(samples: Samples) -> list[list[float]]:
    """Points of a plot."""
    return [[x, statistics.median(values)] for x, values in samples]


def at(samples: Samples, x: int) -> float:
    return dict(medians(samples))[x]


def lines(
    title: str, x: str, y: str, series: dict[str, Samples], note: str, *, log_y: bool = False
) -> Raw:
    """The raw part of a figure with a plot."""
    plot = {
        "kind": "lines",
        "title": title,
        "x": {"label": x, "log": True},
        "y": {"label": y, "log": log_y},
        "series": {name: medians(samples) for name, samples in series.items()},
        "note": note,
    }
    return {"samples": series, "plot": plot}


COUNTS = (100, 1_000, 10_000, 100_000, 1_000_000)


def tasks(pages: Pages) -> Iterator[Figure]:
    """µs a task from 100 to a million at once, from a page's JavaScript and a program in Python.

    Beyond 15,360 (16,384 slots without those that stay free for others) calls wait in the client,
    pickled, for slots.
    """
    series = {
        "JavaScript, page": pages.call("growth.js", "tasksFromPage", args=[2, COUNTS]),
        "Python, host worker": pages.call("growth.js", "tasksFromHost", args=[2, COUNTS]),
    }
    raw = lines(
        "A task, by how many are submitted at once",
        "tasks",
        "µs a task",
        series,
        "2 workers, x + 1; beyond 15,360 tasks calls wait in the client for a slot",
    )
    for name, samples in zip(("js", "python"), series.values(), strict=True):
        value = at(samples, COUNTS[-1]) / at(samples, 10_000)
        yield Figure(
            f"growth/tasks-{name}", value, None, False, raw if name == "python" else {}, "× of 10⁴"
        )


SIZES = tuple(10**n for n in range(1, 9))


def arguments(pages: Pages) -> Iterator[Figure]:
    """A call with so many bytes as its argument and its result."""
    samples = pages.call("growth.js", "bytesThereAndBack", args=[SIZES])
    raw = lines(
        "A call, by the size of its argument and its result",
        "bytes, there and back",
        "µs a call",
        {"JavaScript, page": samples},
        "up to 208 bytes they lie in the task's slot, beyond in the heap",
        log_y=True,
    )
    # ns a byte of the largest beside that of 1 MB.
    value = at(samples, SIZES[-1]) / at(samples, 10**6) / 100
    yield Figure("growth/arguments", value, None, False, raw, "× of 1 MB, per byte")


DEPTHS = (10, 30, 100, 300, 1_000, 2_000, 4_000)


def depth(pages: Pages) -> Iterator[Figure]:
    """A chain of jobs, each of which spawns and joins the next: µs a level, alone and beside a
    thief."""
    one = pages.call("growth.js", "spawnDepth", args=[1, DEPTHS])
    two = pages.call("growth.js", "spawnDepth", args=[2, DEPTHS])
    raw = lines(
        "A spawn and its join, by depth",
        "levels",
        "µs a level",
        {"1 worker": one["samples"], "2 workers": two["samples"]},
        f"deeper than {one['deepest']:.0f} levels is a RecursionError",
    )
    raw["deepest"] = {"1": one["deepest"], "2": two["deepest"]}
    value = at(one["samples"], DEPTHS[-1]) / at(one["samples"], 100)
    yield Figure("growth/depth", value, None, False, raw, "× of 100 levels")


WORKERS = (1, 2, 4, 8, 16)


def workers(pages: Pages) -> Iterator[Figure]:
    """Tasks in bulk and fib by jobs on up to 16 workers, which are more than the cores."""
    samples = pages.call("growth.js", "workers", args=[WORKERS])
    for name, title, y in (
        ("tasks", "A task, by the number of workers", "µs a task, 20,000 at once"),
        ("fib", "fib(26) by jobs, by the number of workers", "ms"),
    ):
        raw = lines(title, "workers", y, {"Penny": samples[name]}, ON_CORES)
        raw["cores"] = CORES
        value = at(samples[name], WORKERS[-1]) / at(samples[name], 2)
        yield Figure(f"growth/workers-{name}", value, None, False, raw, "× of 2 workers")


SUITES = {
    "growth/tasks": tasks,
    "growth/arguments": arguments,
    "growth/depth": depth,
    "growth/workers": workers,
}
