"""Random trees of tasks on a real pool, against a serial oracle.

    penny run --workers 4 tests/stress/trees.py --seed 7 --trees 200

A tree is a nested tuple that says what its task does: spawn and join children, in some order; run
them in a scope, or cancel that; catch what a child raises; submit a part to the pool; map a loop
over a part; be asked to end; run out of time. What must come out is computed serially, by
`expected`. Some trees are cancelled from outside, waiting or running: then the outcome is that, or
the expected one.

Prints the seed first. The same seed makes the same trees; what the workers do with them differs
from run to run. Ends with status 1 and the tree where an outcome is wrong, and with status 1 if
something stays in the heap.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import CancelledError, wait
from typing import Any

import penny

Tree = tuple[Any, ...]


class Boom(Exception):
    """What trees raise; two are equal if they carry the same number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


# ---- what a tree does ----------------------------------------------------------------------------


def work(turns: int) -> int:
    total = 0
    for i in range(turns):
        total += i & 1
    return total


def for_ever() -> None:
    while True:
        pass


def run(tree: Tree) -> Any:
    kind, *rest = tree
    return RUNNERS[kind](*rest)


def leaf(value: int, turns: int) -> int:
    work(turns)
    return value


def payload(value: int, size: int) -> tuple[int, bytes]:
    """A result of some size: it travels through the slot, an arena or granules."""
    return value, bytes([value & 0xFF]) * size


def boom(number: int, turns: int) -> None:
    work(turns)
    raise Boom(number)


def total(order: int, turns: int, children: list[Tree]) -> int:
    """Spawns all, joins them oldest first, newest first or mixed; raises the first failure."""
    jobs = [penny.spawn(run, child) for child in children]
    work(turns)
    outcomes: dict[int, Any] = {}
    for i in joining_order(order, len(jobs)):
        try:
            outcomes[i] = jobs[i].join()
        except Boom as error:
            outcomes[i] = error
    return add_up(outcomes[i] for i in range(len(jobs)))


def joining_order(order: int, count: int) -> list[int]:
    indices = list(range(count))
    if order == 1:
        indices.reverse()
    elif order > 1:
        random.Random(order).shuffle(indices)
    return indices


def add_up(outcomes: Any) -> int:
    result = 0
    for outcome in outcomes:
        if isinstance(outcome, Boom):
            raise outcome
        result += number_of(outcome)
    return result


def number_of(outcome: Any) -> int:
    if isinstance(outcome, tuple):
        value, data = outcome
        assert data == bytes([value & 0xFF]) * len(data), "a payload was overwritten"
        return value + len(data)
    return int(outcome)


def caught(child: Tree) -> int:
    try:
        return number_of(penny.spawn(run, child).join())
    except Boom as error:
        return error.number + 1


def scope(children: list[Tree]) -> int:
    """Adds up what its jobs return; of what they raise, the smallest number."""
    try:
        with penny.scope() as s:
            jobs = [s.spawn(run, child) for child in children]
    except Boom as error:
        return -error.number
    except BaseExceptionGroup as group:
        return -min(error.number for error in group.exceptions if isinstance(error, Boom))
    return sum(number_of(job.join()) for job in jobs)


def cancelled_scope(turns: int, children: list[Tree]) -> int:
    """Some of the jobs would never end by themselves."""
    with penny.scope() as s:
        for child in children:
            s.spawn(run, child)
        if turns % 2:
            s.spawn(for_ever)
        work(turns)
        s.cancel()
    return 7


def submitted(child: Tree) -> Any:
    return penny.current_scheduler().submit(run, child).result()


def mapped(values: int, child: Tree) -> int:
    first = number_of(run(child))
    return first + sum(penny.parallel_map(plus_one, range(values)))


def plus_one(i: int) -> int:
    return i + 1


def dropped(child: Tree) -> int:
    """A job that nobody joins: it ends before its parent does."""
    penny.spawn(run, child)
    return 3


def out_of_time(milliseconds: int) -> int:
    try:
        penny.current_scheduler().options(timeout=milliseconds / 1000).submit(for_ever).result()
    except TimeoutError:
        return 11
    return 0


RUNNERS = {
    "leaf": leaf,
    "payload": payload,
    "boom": boom,
    "total": total,
    "caught": caught,
    "scope": scope,
    "cancelled": cancelled_scope,
    "submitted": submitted,
    "mapped": mapped,
    "dropped": dropped,
    "out_of_time": out_of_time,
    "slow": leaf,
}


# ---- what must come out of it --------------------------------------------------------------------


def expected(tree: Tree) -> Any:
    """The result of `run(tree)`, or a Boom; without Penny."""
    kind, *rest = tree
    match kind:
        case "leaf" | "slow":
            return rest[0]
        case "payload":
            return payload(*rest)
        case "boom":
            return Boom(rest[0])
        case "total":
            outcomes = [expected(child) for child in rest[2]]
            failures = [outcome for outcome in outcomes if isinstance(outcome, Boom)]
            return failures[0] if failures else sum(map(number_of, outcomes))
        case "caught":
            outcome = expected(rest[0])
            return outcome.number + 1 if isinstance(outcome, Boom) else number_of(outcome)
        case "scope":
            outcomes = [expected(child) for child in rest[0]]
            failures = [outcome for outcome in outcomes if isinstance(outcome, Boom)]
            if failures:
                return -min(failure.number for failure in failures)
            return sum(map(number_of, outcomes))
        case "cancelled":
            return 7
        case "submitted":
            return expected(rest[0])
        case "mapped":
            outcome = expected(rest[1])
            if isinstance(outcome, Boom):
                return outcome
            return number_of(outcome) + rest[0] * (rest[0] + 1) // 2
        case "dropped":
            return 3
        case "out_of_time":
            return 11
    raise ValueError(kind)


# ---- random trees --------------------------------------------------------------------------------


def grow(chance: random.Random, depth: int, *, raises: bool = True, slow: bool = True) -> Tree:
    """A random tree. Not `raises`: none that fails. Not `slow`: none that takes time to end."""
    if depth == 0 or chance.random() < 0.15:
        match chance.randrange(8):
            case 0 | 1 if raises:
                return "boom", chance.randrange(1, 1000), chance.randrange(500)
            case 2:
                size = chance.choice([10, 150, 3000, 40_000])
                return "payload", chance.randrange(1000), chance.randrange(size)
        return "leaf", chance.randrange(1000), chance.randrange(3000)

    def child(**options: bool) -> Tree:
        return grow(chance, depth - 1, **{"raises": raises, "slow": slow, **options})

    def children(**options: bool) -> list[Tree]:
        return [child(**options) for _ in range(chance.randrange(4))]

    match chance.randrange(20):
        case 0 | 1 | 2:
            return "scope", children()
        case 3 | 4 | 5:
            # A Boom of a job that is being cancelled may or may not come out.
            return "cancelled", chance.randrange(2000), children(raises=False, slow=False)
        case 6 | 7:
            return "caught", child(raises=True)
        case 8:
            return "submitted", child()
        case 9:
            return "mapped", chance.randrange(200), child()
        case 10 | 11:
            return "dropped", child(raises=False)
        case 12 if slow and chance.random() < 0.1:
            return "out_of_time", chance.randrange(5, 40)
    return "total", chance.randrange(6), chance.randrange(2000), children()


LATE_FUNCTIONS = 4 * 512
"""Bytes of what each worker may put into the function table the first time it promotes a job."""

# ---- the run -------------------------------------------------------------------------------------


def outcome_of(future: Any) -> Any:
    try:
        return future.result()
    except (Boom, CancelledError, penny.WorkerLost) as error:
        return error


def same(outcome: Any, wanted: Any) -> bool:
    if isinstance(wanted, Boom):
        return isinstance(outcome, Boom) and outcome.number == wanted.number
    return bool(outcome == wanted)


def settled(scheduler: penny.Scheduler, base: int) -> bool:
    """Whether the heap comes back to its base, when the last worker has freed what it held."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        scheduler.submit(leaf, 0, 0).result()
        if scheduler.stats()["heap"]["used"] <= base + LATE_FUNCTIONS * scheduler.workers:
            return True
        time.sleep(0.01)
    return False


def warm_up(scheduler: penny.Scheduler) -> None:
    """Has every function in the table that trees put there: they stay and are the base."""
    for tree in (
        ("total", 0, 0, [("leaf", 1, 1)]),
        ("out_of_time", 5),
        ("mapped", 5000, ("leaf", 1, 1)),
        ("cancelled", 100_001, []),
    ):
        scheduler.submit(run, tree).result()
    for function, *arguments in (plus_one, 1), (leaf, 1, 1):
        scheduler.submit(function, *arguments).result()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    seed = time.time_ns() & 0xFFFFFFFF if options.seed is None else options.seed
    print(f"seed {seed}, {options.workers} workers, {options.trees} trees", flush=True)
    chance = random.Random(seed)
    trees = [grow(chance, chance.randrange(options.depth + 1)) for _ in range(options.trees)]
    wrong = cancelled = lost = 0
    with penny.Scheduler(workers=options.workers) as s:
        warm_up(s)
        base = s.stats()["heap"]["used"]
        futures = []
        for number, tree in enumerate(trees):
            priority = "interactive" if chance.random() < 0.1 else "batch"
            futures.append(s.options(priority=priority).submit(run, tree))
            if chance.random() < 0.1:
                victim = chance.randrange(number + 1)
                futures[victim].cancel(running=chance.random() < 0.5)
        for number, (tree, future) in enumerate(zip(trees, futures, strict=True)):
            outcome, wanted = outcome_of(future), expected(tree)
            if isinstance(outcome, CancelledError):
                cancelled += 1
            elif isinstance(outcome, penny.WorkerLost):
                lost += 1  # one that was asked to end did not get to it in time: see deaths
            elif not same(outcome, wanted):
                wrong += 1
                print(f"tree {number} gives {outcome!r}, not {wanted!r}: {tree!r}", file=sys.stderr)
        wait(futures)
        stats = s.stats()
        left = not settled(s, base)
        deaths = sum(worker["deaths"] for worker in stats["workers"])
        print(
            f"{len(trees) - cancelled - lost - wrong} as expected, {cancelled} cancelled, "
            f"{lost} lost, "
            f"{sum(worker['stolen'] for worker in stats['workers'])} stolen, "
            f"{sum(worker['promoted'] for worker in stats['workers'])} promoted, {deaths} deaths, "
            f"{s.stats()['heap']['used'] - base:+.0f} bytes in the heap",
            flush=True,
        )
    return 1 if wrong or left or lost > 10 * deaths else 0


if __name__ == "__main__":
    sys.exit(main())
