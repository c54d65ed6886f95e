"""What a worker runs while a task waits in a join: what belongs to that join, and nothing else."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    from gates import Gate
    from joins import LOCKS, enter
    from pool import shared
    import penny

    for kind in LOCKS:
        gate = Gate()
        first = shared.submit(enter, kind, gate)
        await gate.reached()
        # One worker waits in its join, the other one for the gate.
        others = [shared.submit(enter, kind, None) for _ in range(3)]
        urgent = shared.options(priority="interactive").submit(penny.current_worker)
        print(kind, urgent.result() in (0, 1), any(future.running() for future in others), end=" ")
        gate.open()
        print({future.result()[1] for future in (first, *others)})
""")
def test_a_lock_is_held_across_a_join(printed: str) -> None:
    """By tasks that meet in one worker. Nobody waits for himself, and nobody is let in twice.

    An interactive task does run on top of the one that waits.
    """
    kinds = "Lock", "RLock", "Condition"
    assert printed == "".join(f"{kind} True False {{True}}\n" for kind in kinds)


@pytest.mark.part("""
    from joins import siblings
    from pool import shared

    found = [each for _ in range(20) for each in shared.submit(siblings).result()]
    print(sorted({worker for worker, _ in found}), {alone for _, alone in found})
""")
def test_jobs_of_one_task_hold_a_lock_across_joins(printed: str) -> None:
    """None of them runs on top of an older or a younger one that holds it."""
    assert printed == "[0, 1] {True}\n"


@pytest.mark.part("""
    import time
    import penny
    from forkjoin import SECONDS, stolen
    from gates import Gate
    from pool import shared

    def member(counter, gate):
        if gate is not None:
            stolen(penny.spawn(gate.wait)).join()
        counter.atomic_add(0, 1)
        deadline = time.monotonic() + SECONDS
        while counter.atomic_load(0) < 2:
            if time.monotonic() > deadline:
                return "gave up"
        return "met"

    counter = penny.SharedArray((1,), "int32", scheduler=shared)
    gate = Gate()
    members = [shared.submit(member, counter, gate)]
    await gate.reached()
    members.append(shared.submit(member, counter, None))
    gate.open()
    print([future.result() for future in members])
""")
def test_two_tasks_that_wait_for_each_other_meet(printed: str) -> None:
    assert printed == "['met', 'met']\n"


@pytest.mark.part("""
    from gates import Gate
    from joins import found, node, size
    from pool import shared

    def found_beside(gate):
        notes = found()
        gate.wait()
        return notes

    def stolen():
        return sum(worker["stolen"] for worker in shared.stats()["workers"])

    before = stolen()
    futures = [shared.submit(node, (n,), 4) for n in range(30)]
    print([future.result() for future in futures] == [size((n,), 4) for n in range(30)])
    gate = Gate()
    first = shared.submit(found_beside, gate)
    await gate.reached()
    second = shared.submit(found).result()
    gate.open()
    notes = [first.result(), second]
    print(sorted({worker for worker, _ in notes}), [each for _, each in notes if each])
    print(stolen() - before > 5)
""")
def test_no_stranger_is_between(printed: str) -> None:
    """Random trees of jobs, of many tasks at a time: what runs on top of a join is below the
    awaited job, or a younger one; context variables, thread-local state and the decimal context
    stay."""
    assert printed == "True\n[0, 1] []\nTrue\n"


@pytest.mark.part("""
    from joins import deep
    from pool import shared

    print(shared.submit(deep, 40).result())
""")
def test_two_workers_take_each_other_s_jobs_to_a_depth(printed: str) -> None:
    assert printed == "41\n"


@pytest.mark.part("""
    import asyncio
    import penny
    from joins import square
    from pool import shared

    async def gather(n):
        s = penny.current_scheduler()
        return sum(await asyncio.gather(*[s.submit(square, i) for i in range(n)]))

    def task(n):
        # All workers wait for coroutines, which wait for workers.
        return penny.current_scheduler().submit(gather, n).result()

    futures = [shared.submit(task, n) for n in range(20)]
    expected = [sum(i * i for i in range(n)) for n in range(20)]
    print([future.result() for future in futures] == expected)
""")
def test_who_waits_for_a_coroutine_runs_what_that_submits(printed: str) -> None:
    assert printed == "True\n"
