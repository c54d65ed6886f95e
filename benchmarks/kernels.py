"""The figures of kernels: what a spawn costs in C, and what a second worker brings."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import Figure, Pages, Raw, ratio

NATIVE = Path(__file__).parent / "kernels" / "native_fib.cpp"
NATIVE_BUILD = Path(__file__).parents[1] / "build" / "native_fib"
NATIVE_ROUNDS = 5
NATIVE_SPAWNS = 1_346_268
"""Of fib(30)."""

LIBRARIES = {"tbb": "oneTBB", "openmp": "OpenMP"}
NATIVE_FLAGS = {"tbb": "-ltbb", "openmp": "-fopenmp"}
NEEDED = {"tbb": "g++ and libtbb-dev", "openmp": "g++"}


def _spawn_ns(times: Raw) -> float:
    """What a spawn and its join cost: of the best runs, which no other process has slowed down."""
    return (min(times["spawned"]) - min(times["serial"])) * 1e6 / float(times["spawns"])


def spawn(pages: Pages) -> Iterator[Figure]:
    """fib with a spawn at every call, beside the plain function, and beside native libraries."""
    times = pages.call("kernels.js", "fib")
    ours = _spawn_ns(times)
    raw = {"ms": times, "ns_per_spawn": ours}
    fib = "fib with a spawn at every call, on one worker"
    about = f"{fib}, beside plain calls."
    value = ratio(times["spawned"], times["serial"])
    yield Figure("kernels/fib-1", value, 3.0, False, raw, about=about)
    yield Figure("kernels/spawn-ns", ours, 4.0, False, raw, "ns", f"A spawn and its join in {fib}.")
    for library, title in LIBRARIES.items():
        program = native(library)
        if program is None:
            print(f"kernels/spawn-{library}: not measured; it needs {NEEDED[library]}")
            continue
        # On two threads the work was shared: what one thread spent is up to twice that.
        runs = [program() for _ in range(NATIVE_ROUNDS)]
        theirs = [(run["two"] - run["plain"]) / NATIVE_SPAWNS for run in runs]
        raw = {"ns_per_spawn": ours, f"{library}_ns_per_spawn": theirs}
        about = f"A spawn and its join, beside one of native {title} on two threads."
        value = ours / min(theirs)
        yield Figure(f"kernels/spawn-{library}", value, 1 / 20, False, raw, about=about)


def native(library: str) -> Callable[[], dict[str, float]] | None:
    """The same fib with a native library: runs it and returns ns, see native_fib.cpp.

    None where it can't be built.
    """
    if shutil.which("g++") is None:
        return None
    program = NATIVE_BUILD / library
    NATIVE_BUILD.mkdir(parents=True, exist_ok=True)
    source = [f"-DWITH_{library.upper()}", str(NATIVE)]
    build = ["g++", "-O2", "-std=c++17", *source, "-o", str(program), NATIVE_FLAGS[library]]
    if subprocess.run(build, capture_output=True).returncode:
        return None

    def run() -> dict[str, float]:
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        times: dict[str, float] = json.loads(done.stdout)
        return times

    return run


def tree(pages: Pages) -> Iterator[Figure]:
    """The sum of a binary tree, a spawn per inner node: a large one; small ones beside a thief."""
    times = pages.call("kernels.js", "largeTree")
    value = ratio(times["spawned"], times["serial"])
    about = "The sum of a large tree with a spawn per node, on one worker, beside plain calls."
    yield Figure("kernels/tree-1", value, 1.5, False, {"ms": times}, about=about)
    times = pages.call("kernels.js", "smallTree")
    value = ratio(times["two"], times["serial"])
    about = "The sum of small trees so, on two workers, beside plain calls."
    yield Figure("kernels/tree-small-2", value, 1.5, False, {"ms": times}, about=about)


def speedup(name: str, bound: float, pages: Pages) -> Iterator[Figure]:
    """From one to two workers, over that of two unconnected workers."""
    times = pages.call("kernels.js", f"{name}Speedup")
    ours = [one / two for one, two in zip(times["one"], times["two"], strict=True)]
    # These do twice the work.
    theirs = [2 * one / both for one, both in zip(times["one"], times["unconnected"], strict=True)]
    raw = {"ms": times, "speedup": ours, "unconnected_speedup": theirs}
    about = f"{name}: from one to two workers, over that of two unconnected workers."
    yield Figure(f"kernels/{name}-speedup", ratio(ours, theirs), bound, True, raw, about=about)


SUITES = {
    "kernels/spawn": spawn,
    "kernels/tree": tree,
} | {
    f"kernels/{name}-speedup": functools.partial(speedup, name, bound)
    for name, bound in (
        ("fib", 0.95),
        ("matmul", 0.95),
        ("mandelbrot", 0.95),
        ("nbody", 0.95),
        ("tree", 0.85),
        ("mergesort", 0.85),
    )
}
