"""Mixed load for minutes; at the end memory, slots and futures are as they were.

    penny run --workers 4 tests/stress/soak.py --minutes 10

Trees (see trees.py), payloads of all sizes, loops, interactive tasks, cancels, time limits and, now
and then, a worker that has to be replaced. Each half a minute or less it lets everything end and
looks at what is left: bytes in the heap, pending tasks, live futures and Python objects of this
program. The first look is the base, after that nothing may grow.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import sys
import time
from concurrent.futures import CancelledError, wait
from typing import Any

import trees

import penny

OBJECTS_ALLOWED = 2000
"""So many more objects of Python may be there at the end: caches, of the standard library's too."""


def endless_in_c() -> int:
    return sum(itertools.repeat(0))


def echo(value: int, data: bytes) -> tuple[int, bytes]:
    return value, data


class Load:
    """One stretch of load, all of whose outcomes are looked at."""

    def __init__(self, scheduler: penny.Scheduler, chance: random.Random) -> None:
        self.scheduler = scheduler
        self.chance = chance
        self.counts = dict.fromkeys(("right", "cancelled", "late", "lost"), 0)

    def some_trees(self) -> None:
        grown = [trees.grow(self.chance, self.chance.randrange(5)) for _ in range(40)]
        futures = [self.scheduler.submit(trees.run, tree) for tree in grown]
        for future in self.chance.sample(futures, 4):
            future.cancel(running=self.chance.random() < 0.5)
        for tree, future in zip(grown, futures, strict=True):
            self.settle(future, trees.expected(tree))

    def some_payloads(self) -> None:
        sent = [
            (i, self.chance.randbytes(self.chance.choice([10, 300, 5000, 70_000])))
            for i in range(80)
        ]
        futures = [self.scheduler.submit(echo, *item) for item in sent]
        for item, future in zip(sent, futures, strict=True):
            self.settle(future, item)

    def many_small(self) -> None:
        futures = [self.scheduler.submit(abs, -i) for i in range(2000)]
        urgent = self.scheduler.options(priority="interactive").submit(abs, -1)
        self.settle(urgent, 1)
        for i, future in enumerate(futures):
            self.settle(future, i)

    def a_loop(self) -> None:
        self.settle(self.scheduler.submit(trees.mapped, 500, ("leaf", 1, 1)), 1 + 500 * 501 // 2)

    def out_of_time(self) -> None:
        futures = [self.scheduler.options(timeout=0.02).submit(trees.for_ever) for _ in range(3)]
        for future in futures:
            self.settle(future, None)

    def a_death(self) -> None:
        """Its worker can't be asked, and is replaced."""
        self.settle(self.scheduler.options(timeout=0.02).submit(endless_in_c), None)

    def settle(self, future: Any, wanted: Any) -> None:
        try:
            outcome = future.result()
        except CancelledError:
            self.counts["cancelled"] += 1
        except TimeoutError:
            self.counts["late"] += 1
        except penny.WorkerLost:
            self.counts["lost"] += 1
        except trees.Boom as error:
            assert trees.same(error, wanted), (error, wanted)
            self.counts["right"] += 1
        else:
            assert trees.same(outcome, wanted), (outcome, wanted)
            self.counts["right"] += 1

    def run(self, seconds: float, *, deaths: bool) -> None:
        kinds = [
            self.some_trees,
            self.some_payloads,
            self.many_small,
            self.a_loop,
            self.out_of_time,
        ]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.chance.choice(kinds)()
        if deaths:
            self.a_death()


def live_futures() -> int:
    return sum(isinstance(thing, penny.Future) for thing in gc.get_objects())


def look(scheduler: penny.Scheduler) -> dict[str, float]:
    """What is left when nothing runs."""
    # A worker frees what it held of its last task when it takes the next; a new one has to start.
    deadline = time.monotonic() + 30
    seen: set[int] = set()
    while len(seen) < scheduler.workers and time.monotonic() < deadline:
        futures = [scheduler.submit(penny.current_worker) for _ in range(200)]
        wait(futures)
        seen |= {future.result() for future in futures}
    del futures
    gc.collect()
    stats = scheduler.stats()
    return {
        "heap": stats["heap"]["used"],
        "pending": stats["pending"],
        "futures": live_futures(),
        "objects": len(gc.get_objects()),
        "deaths": sum(worker["deaths"] for worker in stats["workers"]),
        "tasks": sum(worker["run"] for worker in stats["workers"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    stretch = min(30.0, options.minutes * 60 / 4)
    with penny.Scheduler() as s:
        load = Load(s, random.Random(options.seed))
        trees.warm_up(s)
        load.run(stretch, deaths=True)
        base = now = look(s)
        print(base, flush=True)
        end = time.monotonic() + options.minutes * 60 - stretch
        while time.monotonic() < end:
            load.run(stretch, deaths=True)
            now = look(s)
            print(now, load.counts, flush=True)
        allowed = trees.LATE_FUNCTIONS * s.workers
        faults = [
            f"{name} grew from {base[name]:.0f} to {now[name]:.0f}"
            for name, more in (
                ("heap", allowed),
                ("pending", 0),
                ("futures", 0),
                ("objects", OBJECTS_ALLOWED),
            )
            if now[name] > base[name] + more
        ]
    print(*faults, sep="\n", file=sys.stderr)
    print("flat" if not faults else "not flat")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
