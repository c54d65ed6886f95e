"""The figures of fork-join: what spawn and join cost, and what a second worker brings."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from figures import Figure, Pages, ratio


def spawn_join(pages: Pages) -> Iterator[Figure]:
    """Spawn and join of an empty function, nobody stealing, beside a plain call of it.

    Each as a turn of a loop, which is how `timeit` times them. What is left of both without the
    loop itself, and the ratio of that, stands with the raw figures.
    """
    measured = pages.call("forkjoin.js", "spawnJoinTimes")
    # Medians first: of two samples of a millisecond the difference may be anything.
    loop, call, spawned = (
        statistics.median(samples) * 1000 / measured["turns"]
        for samples in zip(*measured["rounds"], strict=True)
    )
    raw = {
        "loop_us": loop,
        "call_us": call - loop,
        "spawn_join_us": spawned - loop,
        "ratio_without_loop": (spawned - loop) / (call - loop),
    }
    yield Figure("forkjoin/spawn-join", spawned / call, 10, False, raw)


def speedup(name: str, program: str, times: dict[str, list[float]]) -> Figure:
    """From one to two workers, over that of two unconnected workers."""
    ours = [one / two for one, two in zip(times["one"], times["two"], strict=True)]
    # These do twice the work.
    theirs = [2 * one / both for one, both in zip(times["one"], times["unconnected"], strict=True)]
    raw = {"ms": times, "speedup": ours, "unconnected_speedup": theirs}
    about = f"{program}: from one to two workers, over that of two unconnected workers."
    return Figure(name, ratio(ours, theirs), 0.94, True, raw, about=about)


def fib(pages: Pages) -> Iterator[Figure]:
    """fib(32) with a spawn at every call, on one worker, beside plain calls."""
    times = pages.call("forkjoin.js", "fibTimes")
    serial = times.pop("serial")
    raw = {"ms": times["one"], "serial_ms": serial}
    yield Figure("forkjoin/fib-1", ratio(times["one"], serial), 5, False, raw)
    yield speedup("forkjoin/fib-speedup", "fib(32) with a spawn at every call", times)


def nqueens(pages: Pages) -> Iterator[Figure]:
    """n-queens 12 with a spawn per placement."""
    times = pages.call("forkjoin.js", "queensTimes")
    yield speedup("forkjoin/nqueens-speedup", "n-queens 12 with a spawn per placement", times)


def nqueens_rows(pages: Pages) -> Iterator[Figure]:
    """n-queens 12 with spawns in the first three rows: the serial program over two workers."""
    times = pages.call("forkjoin.js", "queensRowsTimes")
    value = ratio(times["serial"], times["two"])
    yield Figure("forkjoin/nqueens-rows", value, 1.8, True, {"ms": times})


def uts(pages: Pages) -> Iterator[Figure]:
    """The tree T3 of the UTS benchmark with a spawn per child."""
    times = pages.call("forkjoin.js", "utsTimes")
    yield speedup("forkjoin/uts-speedup", "The tree T3 of UTS with a spawn per child", times)


def parallel_map(pages: Pages) -> Iterator[Figure]:
    """100,000 x*x in a pool of two workers, beside a list comprehension in the same worker."""
    times = pages.call("forkjoin.js", "mapTimes")
    value = ratio(times["parallel"], times["serial"])
    yield Figure("forkjoin/map", value, 1.0, False, {"ms": times})


def hungry_slowdown(pages: Pages) -> Iterator[Figure]:
    """A serial loop while another worker is hungry for 10 s, beside while that one just sleeps.

    By the first decile of each run: whoever else uses the machine makes single slices longer,
    up to half of them twice as long, and so moves the median.
    """
    slices = pages.call("forkjoin.js", "hungryTimes")
    deciles = {
        where: [statistics.quantiles(times, n=10)[0] for times in runs]
        for where, runs in slices.items()
    }
    value = ratio(deciles["beside"], deciles["alone"])
    yield Figure("forkjoin/hungry-slowdown", value, 1.03, False, {"slice_ms": deciles})


def steal_latency(pages: Pages) -> Iterator[Figure]:
    """µs from a thief's last job to its next one, which it has to ask for."""
    latencies = pages.call("forkjoin.js", "stealLatencies")
    raw = {"steals": len(latencies), "deciles_us": statistics.quantiles(latencies, n=10)}
    yield Figure("forkjoin/steal-latency", statistics.median(latencies), 150, False, raw, "µs")


SUITES = {
    "forkjoin/spawn-join": spawn_join,
    "forkjoin/fib": fib,
    "forkjoin/nqueens-speedup": nqueens,
    "forkjoin/nqueens-rows": nqueens_rows,
    "forkjoin/uts": uts,
    "forkjoin/map": parallel_map,
    "forkjoin/hungry": hungry_slowdown,
    "forkjoin/steal": steal_latency,
}
