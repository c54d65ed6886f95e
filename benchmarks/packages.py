"""The figures of packages: pools whose workers import them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from browser import Browser
from figures import Figure, Pages, ratio
from scaling import new_tab

CASES = {
    "pydantic": (
        (
            "annotated_types",
            "pydantic",
            "pydantic_core",
            "typing_extensions",
            "typing_inspection",
        ),
        "import pydantic\nclass Point(pydantic.BaseModel):\n    x: int\nPoint(x=1)",
    ),
    "sqlalchemy": (("sqlalchemy", "typing_extensions"), "import sqlalchemy, sqlalchemy.orm"),
}
"""Wheels of tests/wheels.txt, and what each worker runs."""

ROUNDS = 5


def start(pages: Pages) -> Iterator[Figure]:
    """Four workers that have imported packages, compiled ones among them."""
    for name, (distributions, code) in CASES.items():
        args = [[pages.wheels[each] for each in distributions], code]
        times: dict[str, list[float]] = {"plain": [], "first": [], "without": [], "there": []}
        for round_ in range(ROUNDS + 1):
            for kind in ("plain", "first"):
                taken = pages.call("packages.js", kind, args=args)
                if round_ > 0:  # the first fills the browser's caches
                    times[kind].append(taken)
            without, there = pages.call("packages.js", "later", args=args)
            if round_ > 0:
                times["without"].append(without)
                times["there"].append(there)
        raw = {f"{kind}_ms": samples for kind, samples in times.items()}
        for kind, under, bound, what in (
            ("there", "without", 1.3, "a pool with it that the page has had, beside one without"),
            ("first", "plain", 0.45, "the first pool with it, beside four plain Pyodides"),
            ("there", "plain", 0.15, "a pool with it that the page has had, beside those"),
        ):
            bounded = (name == "sqlalchemy") == (bound == 0.15)
            yield Figure(
                f"packages/{name}-{kind}-{under}",
                ratio(times[kind], times[under]),
                bound if bounded else None,
                False,
                raw,
                about=f"{name.capitalize()} imported in four workers: {what}.",
            )


def memory(pages: Pages) -> Iterator[Figure]:
    """Memory of four workers with pydantic, beside that of four plain Pyodides with it."""
    browser = Browser(pages.driver)
    distributions, code = CASES["pydantic"]
    args = [[pages.wheels[each] for each in distributions], code]
    taken: dict[str, list[float]] = {"plain": [], "first": []}
    for _ in range(ROUNDS):
        for kind, samples in taken.items():
            with new_tab(pages.driver):
                pages.call("scaling_start.js", "nothing")
                before = browser.pss_mb()
                pages.call("packages.js", kind, args=args)
                samples.append(browser.pss_mb() - before)
    raw = {f"{kind}_mb": samples for kind, samples in taken.items()}
    yield Figure("packages/memory", ratio(taken["first"], taken["plain"]), 0.7, False, raw)


def nothing(pages: Pages) -> Iterator[Figure]:
    """What looking for packages adds to opening a Scheduler, where nothing is installed."""
    pairs = pages.call("packages.js", "nothingInstalled", args=[12])[2:]
    same, none = zip(*pairs, strict=True)
    value = statistics.median(a - b for a, b in pairs)
    raw = {"same_ms": list(same), "none_ms": list(none)}
    yield Figure("packages/nothing-installed", value, 5.0, False, raw, "ms")


SUITES = {"packages/start": start, "packages/memory": memory, "packages/nothing": nothing}
