"""The first figures: what runs at all."""

from __future__ import annotations

from collections.abc import Iterator

from figures import Figure, Pages, ratio


def boot(pages: Pages) -> Iterator[Figure]:
    """Four workers ready."""
    runs: dict[str, list[float]] = {"plain": [], "prebuilt": [], "unbuilt": []}
    for round_ in range(6):
        for kind, times in runs.items():
            site = "unbuilt" if kind == "unbuilt" else "prebuilt"
            time = pages.call("boot.js", "plain" if kind == "plain" else "penny", site)
            if round_ > 0:  # the first fills the browser's caches
                times.append(time)
    beside = "beside four plain Pyodides"
    for name, kind, bound, about in (
        ("first/boot-4", "prebuilt", 0.25, f"Four workers ready, {beside}."),
        (
            "first/boot-4-unbuilt",
            "unbuilt",
            0.7,
            f"The same on a site without a snapshot, {beside}.",
        ),
    ):
        raw = {"ms": runs[kind], "plain_ms": runs["plain"]}
        yield Figure(name, ratio(runs[kind], runs["plain"]), bound, False, raw, about=about)


def tasks(pages: Pages) -> Iterator[Figure]:
    """What a task costs beside a Comlink pool."""
    for function, label, language, bulk_bound, one_bound in (
        ("fromJavaScript", "js", "JavaScript", 0.35, 0.8),
        ("fromPython", "python", "the page's Python", 0.5, 1.0),
    ):
        measured = pages.call("tasks.js", function)
        for kind, bound, count, what in (
            ("bulk", bulk_bound, measured["tasks"], "Many tasks at once"),
            ("one", one_bound, measured["calls"], "A task, and its result awaited"),
        ):
            times = measured[kind]
            raw = {
                f"{who}_us_per_task": [t * 1000 / count for t in times[who]]
                for who in ("penny", "comlink")
            }
            value = ratio(times["penny"], times["comlink"])
            about = f"{what}, from {language}, beside a Comlink pool."
            yield Figure(f"first/{label}-{kind}", value, bound, False, raw, about=about)


def stdlib_index(pages: Pages) -> Iterator[Figure]:
    """The main job on one and two workers, beside two unconnected ones."""
    times = pages.call("stdlib_index.js", "stdlibIndex")
    ours = [a / b for a, b in zip(times["one"], times["two"], strict=True)]
    theirs = [a / b for a, b in zip(times["plainAll"], times["plainHalves"], strict=True)]
    raw = {"ms": times, "speedup": ours, "unconnected_speedup": theirs}
    yield Figure("first/stdlib-index-speedup", ratio(ours, theirs), 0.95, True, raw)


def core_fib(pages: Pages) -> Iterator[Figure]:
    """Fork-join fib on the core alone, one thread and two."""
    times = pages.call("core_fib.js", "coreFib")
    yield Figure(
        "first/core-fib-speedup", ratio(times["one"], times["two"]), 1.9, True, {"ms": times}
    )


SUITES = {
    "first/boot": boot,
    "first/tasks": tasks,
    "first/stdlib-index": stdlib_index,
    "first/core-fib": core_fib,
}
