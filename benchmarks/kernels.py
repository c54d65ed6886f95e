"""The figures of kernels: what a spawn costs in C, and what a second worker brings."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from figures import Figure, Pages, Raw, ratio

NATIVE = Path(__file__).parent / "kernels" / "native_fib.cpp"

NATIVE_ROUNDS = 5

LIBRARIES = {"tbb": "oneTBB", "openmp": "OpenMP"}


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
    for library, flags in (("tbb", ["-ltbb"]), ("openmp", ["-fopenmp"])):
        theirs = native(library, flags)
        if theirs is None:
            print(f"kernels/spawn-{library}: not measured; it needs g++ and, for tbb, libtbb-dev")
            continue
        raw = {"ns_per_spawn": ours, f"{library}_ns_per_spawn": theirs}
        about = f"A spawn and its join, beside one of native {LIBRARIES[library]}."
        value = ours / min(theirs)
        yield Figure(f"kernels/spawn-{library}", value, 1 / 20, False, raw, about=about)


def native(library: str, flags: list[str]) -> list[float] | None:
    """Nanoseconds per spawn of the same fib with a native library; None where it can't be built."""
    if shutil.which("g++") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/fib"
        source = [f"-DWITH_{library.upper()}", str(NATIVE)]
        build = ["g++", "-O2", "-std=c++17", *source, "-o", program, *flags]
        if subprocess.run(build, capture_output=True).returncode:
            return None
        runs = (
            subprocess.run(program, capture_output=True, text=True, check=True)
            for _ in range(NATIVE_ROUNDS)
        )
        return [float(run.stdout) for run in runs]


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
