"""The figures of adapters: other libraries' pools on Penny's workers."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from figures import Figure, Pages, ratio

CASES = {
    "joblib-1ms": (
        "joblib_1ms",
        1.1,
        "joblib: 2,000 calls of 1 ms, beside two unconnected workers that do half each.",
    ),
    "joblib-20us": (
        "joblib_20us",
        0.75,
        "joblib: 20,000 calls of 20 µs, beside the serial list.",
    ),
    "pool-map": (
        "pool_map",
        1.1,
        "penny.multiprocessing: Pool.map of 100,000 tiny items in a list, beside the serial list.",
    ),
}
"""By name: the function of adapters_program.py, the bound, what it is."""


def compared(name: str, pages: Pages) -> Iterator[Figure]:
    """A library's pool, beside what has no pool."""
    suite, bound, about = CASES[name]
    pairs = pages.call("adapters.js", "measured", args=[[pages.wheels["joblib"]], suite])
    ours, theirs = (list(times) for times in zip(*pairs, strict=True))
    raw = {"penny_ms": ours, "other_ms": theirs}
    yield Figure(f"adapters/{name}", ratio(ours, theirs), bound, False, raw, about=about)


def install(pages: Pages) -> Iterator[Figure]:
    """penny.install(), and what it adds to the import of other modules."""
    measured = pages.call("adapters.js", "measured", args=[[], "install"])
    about = "penny.install(), the first time in a program."
    raw = {"again_ms": measured["again"]}
    yield Figure("adapters/install", measured["first"], 50, False, raw, "ms", about)
    with_it, without = (list(times) for times in zip(*measured["imports"], strict=True))
    about = "Imports of email, html and xml after penny.install(), beside those without."
    raw = {"installed_ms": with_it, "without_ms": without}
    yield Figure("adapters/install-imports", ratio(with_it, without), 1.01, False, raw, about=about)


SUITES = {f"adapters/{name}": functools.partial(compared, name) for name in CASES} | {
    "adapters/install": install
}
