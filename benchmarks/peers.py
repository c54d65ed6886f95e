"""What a task costs beside what people use now."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import kernels
from browser import Browser
from figures import PENNY, Figure, Pages, Raw

from penny.cli.bench import OPERATIONS

WHO = {
    "penny": (PENNY, "`submit`; from a host worker and in a task Penny alone can be used so."),
    "message": (
        "postMessage pool",
        "written by hand; a Pyodide in each worker, a message for each call and each result.",
    ),
    "comlink": ("Comlink", "a Pyodide in each worker, each call to the one with the fewest."),
    "workerpool": ("workerpool", "its dedicated workers, a Pyodide in each."),
    "multithreading": (
        "multithreading",
        "`spawn(move(x), …).join()` of a JavaScript function, which imports Pyodide and calls "
        "Python's f: the package itself knows nothing of Python.",
    ),
    "serial": ("plain call", "of f in the caller's own thread, which waits meanwhile."),
}
"""Who runs the tasks, by the name that peers.js gives them, and what is to know of it."""


KERNEL_ROUNDS = 5

KERNEL_WHO = {
    "penny": (PENNY, "kernels of `penny.h`, in WebAssembly."),
    "pthreads": (
        "pthreads, in the browser",
        "by Emscripten, in WebAssembly: a pool of threads and a queue of tasks under a mutex; a "
        "join takes its task back or sleeps.",
    ),
    "tbb": ("oneTBB, native", "a `task_group` in each call; not in a browser."),
    "openmp": ("OpenMP, native", "a `task` and a `taskwait` in each call; not in a browser."),
}


def overhead(pages: Pages) -> Iterator[Figure]:
    """µs per task: f(x) = x + 1 in Python."""
    measured = pages.call("peers.js", "peers")
    workers, rounds = measured["workers"], measured["rounds"]
    for row in measured["rows"]:
        operation, samples = row["operation"], row["us"]
        medians = {who: statistics.median(samples[who]) for who in WHO if who in samples}
        for who, value in medians.items():
            name, note = WHO[who]
            compared: Raw = {"operation": OPERATIONS[operation], "who": name, "note": note}
            compared["baseline"] = who == "serial"
            raw: Raw = {"us": samples[who], "compared": compared}
            pools = {WHO[w][0]: median for w, median in medians.items() if w != "serial"}
            if who == "penny" and len(pools) > 1:
                raw["plot"] = {
                    "kind": "bars",
                    "title": f"A task: {OPERATIONS[operation]}",
                    "y": {"label": f"µs, {workers} workers, median of {rounds} rounds"},
                    "series": pools,
                }
            yield Figure(f"peers/{operation}-{who}", value, None, False, raw, "µs")


def one_processor(pages: Pages) -> Iterator[Figure]:
    """µs per task, one at a time from JavaScript, where page and worker share a processor."""
    with Browser(pages.driver).on_one_processor():
        measured = pages.call("peers.js", "oneAtATime")
    for who, samples in measured.items():
        name, note = WHO[who]
        operation = "one at a time, from JavaScript, where all share one processor"
        compared: Raw = {"operation": operation, "who": name, "note": note, "baseline": False}
        raw: Raw = {"us": samples, "compared": compared}
        value = statistics.median(samples)
        yield Figure(f"peers/one-processor-{who}", value, None, False, raw, "µs")


def kernel_spawn(pages: Pages) -> Iterator[Figure]:
    """ns per spawn in fib, in C: Penny's kernels and pthreads in the page, libraries natively."""
    programs: dict[str, Callable[[], dict[str, float]] | None] = {
        "penny": lambda: pages.call("kernels.js", "fibBesidePeers"),
        "pthreads": lambda: pages.call("pthreads.js", "fib"),
        **{library: kernels.native(library) for library in kernels.LIBRARIES},
    }
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in programs}
    for _ in range(KERNEL_ROUNDS):
        for who, program in programs.items():
            if program is not None:
                runs[who].append(program())
    for operation, title, ns in (
        ("kernel-spawn", "a spawn and its join, one thread", lambda r: r["one"] - r["plain"]),
        ("kernel-fib-2", "fib on two threads, per spawn", lambda r: r["two"]),
    ):
        samples = {
            who: [ns(run) / kernels.NATIVE_SPAWNS for run in done] for who, done in runs.items()
        }
        medians = {KERNEL_WHO[w][0]: statistics.median(s) for w, s in samples.items() if s}
        for who, (name, note) in KERNEL_WHO.items():
            if not samples[who]:
                print(f"peers/{operation}-{who}: not measured; it needs {kernels.NEEDED[who]}")
                continue
            compared = {"operation": title, "who": name, "note": note}
            raw: Raw = {"ns": samples[who], "compared": compared}
            if who == "penny":
                raw["plot"] = {
                    "kind": "bars",
                    "title": f"fib in C: {title}",
                    "y": {"label": f"ns, median of {KERNEL_ROUNDS} rounds"},
                    "series": medians,
                }
            yield Figure(f"peers/{operation}-{who}", medians[name], None, False, raw, "ns")


SUITES = {
    "peers/overhead": overhead,
    "peers/one-processor": one_processor,
    "peers/kernel-spawn": kernel_spawn,
}
