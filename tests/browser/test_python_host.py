"""Python in a host worker, where waiting blocks: executors and futures as libraries use them."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    from pool import shared

    print(shared.submit(pow, 2, 10).result())
    print([shared.submit(abs, -n).result() for n in range(5)])
""")
def test_result_blocks_until_the_task_is_done(printed: str) -> None:
    assert printed == "1024\n[0, 1, 2, 3, 4]\n"


@pytest.mark.part("""
    import penny

    with penny.Scheduler(workers=1) as s:
        futures = [s.submit(abs, -n) for n in range(100)]
        print(any(future.done() for future in futures))
    print([future.result(timeout=0) for future in futures] == list(range(100)))
""")
def test_the_end_of_with_waits_for_all_tasks(printed: str) -> None:
    assert printed == "False\nTrue\n"


@pytest.mark.part("""
    from pool import shared

    def half(n):
        return n / 2

    expected = [n / 2 for n in range(100)]
    for sizes in {}, {"chunksize": 7}, {"buffersize": 3}, {"chunksize": 7, "buffersize": 2}:
        print(list(shared.map(half, range(100), **sizes)) == expected)
""")
def test_map_gives_results_in_order(printed: str) -> None:
    assert printed == "True\n" * 4


@pytest.mark.part("""
    import itertools
    from pool import shared

    counter = itertools.count()
    results = shared.map(abs, counter, buffersize=4)
    print([next(results) for _ in range(5)], next(counter))
    results.close()
""")
def test_map_with_a_buffer_consumes_an_endless_iterable(printed: str) -> None:
    assert printed == "[0, 1, 2, 3, 4] 9\n"


@pytest.mark.idle
@pytest.mark.part("""
    from pool import shared
    from gates import Gate

    gate = Gate()
    try:
        next(shared.map(Gate.wait, [gate], timeout=0.01))
    except TimeoutError:
        print("timed out")
    gate.open()
""")
def test_map_times_out(printed: str) -> None:
    assert printed == "timed out\n"


@pytest.mark.part("""
    from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait
    from pool import shared
    from gates import Gate, pass_through

    def names(futures):
        return sorted(name for name, future in named.items() if future in futures)

    def show(wanted, **options):
        done, pending = wait(named.values(), return_when=wanted, **options)
        print(wanted, names(done), names(pending))

    gate = Gate()
    named = {"slow": shared.submit(pass_through, gate), "quick": shared.submit(abs, -1)}
    show(FIRST_COMPLETED)
    named["failing"] = shared.submit(divmod, 1, 0)
    show(FIRST_EXCEPTION)
    show(ALL_COMPLETED, timeout=0.01)
    show(ALL_COMPLETED, timeout=0)
    gate.open()
    show(ALL_COMPLETED)
""")
def test_wait_returns_when_it_was_asked_to(printed: str) -> None:
    assert printed.splitlines() == [
        "FIRST_COMPLETED ['quick'] ['slow']",
        "FIRST_EXCEPTION ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick', 'slow'] []",
    ]


@pytest.mark.part("""
    from concurrent.futures import as_completed
    from pool import shared
    from gates import Gate, pass_through

    gate = Gate()
    futures = [shared.submit(pass_through, gate, "slow"), shared.submit(str, "quick")]
    for future in as_completed(futures):
        print(future.result())
        gate.open()
""")
def test_as_completed_gives_futures_as_they_come(printed: str) -> None:
    assert printed == "quick\nslow\n"


@pytest.mark.part("""
    from concurrent.futures import as_completed
    from pool import shared
    from gates import Gate

    gate = Gate()
    waiting = shared.submit(gate.wait)
    try:
        list(as_completed([waiting], timeout=0.01))
    except TimeoutError as error:
        print(error)
    gate.open()
""")
def test_as_completed_times_out(printed: str) -> None:
    assert printed == "1 (of 1) futures unfinished\n"


@pytest.mark.part("""
    from concurrent.futures import FIRST_COMPLETED, as_completed, wait
    import penny
    from gates import Gate, pass_through

    with penny.Scheduler(workers=1) as one, penny.Scheduler(workers=1) as other:
        gate = Gate()
        slow, quick = one.submit(pass_through, gate, "slow"), other.submit(str, "quick")
        print(wait([slow, quick], return_when=FIRST_COMPLETED).done == {quick})
        gate.open()
        print(sorted(future.result() for future in as_completed([slow, quick])))
        print(wait([one.submit(abs, -1), other.submit(abs, -2)]).not_done)
""")
def test_waiting_for_futures_of_several_schedulers(printed: str) -> None:
    assert printed == "True\n['quick', 'slow']\nset()\n"


@pytest.mark.part("""
    from pool import shared
    from gates import Gate, pass_through

    gate = Gate()
    future = shared.submit(pass_through, gate, "late")
    for timeout in 0.01, 0, -1:
        try:
            future.result(timeout)
        except TimeoutError:
            print("not yet")
    gate.open()
    print(future.result(timeout=10))
""")
def test_result_times_out_and_comes_later(printed: str) -> None:
    assert printed == "not yet\n" * 3 + "late\n"


@pytest.mark.part("""
    import concurrent.futures
    import penny
    from gates import Gate, pass_through

    with penny.Scheduler(workers=1) as s:
        gate = Gate()
        running, pending = s.submit(pass_through, gate, "done"), s.submit(abs, -1)
        await gate.reached()
        print(running.running(), running.cancel(), pending.running(), pending.cancel())
        try:
            pending.result()
        except concurrent.futures.CancelledError:
            print("cancelled")
        gate.open()
        print(running.result())
    print(s.stats()["workers"][0]["run"])
""")
def test_a_running_call_can_not_be_cancelled_a_pending_one_can(printed: str) -> None:
    assert printed == "True False False True\ncancelled\ndone\n1\n"


@pytest.mark.part("""
    import penny

    results = []
    with penny.Scheduler(workers=1) as s:
        def follow(future):
            results.append(s.submit(pow, future.result(), 2).result())

        first = s.submit(abs, -3)
        first.add_done_callback(follow)
        first.result()
    print(results)
""")
def test_callbacks_may_submit_and_wait(printed: str) -> None:
    assert printed == "[9]\n"


@pytest.mark.part("""
    import asyncio
    from pool import shared

    print(await shared.submit(abs, -1), shared.submit(abs, -2).result())
    print([n async for n in shared.imap(abs, [-3, -4])])

    async def both():
        return await shared.submit(abs, -5), shared.submit(abs, -6).result()

    print(await asyncio.gather(both(), both()))
""")
def test_awaiting_and_blocking_mix_in_one_program(printed: str) -> None:
    assert printed == "1 2\n[3, 4]\n[(5, 6), (5, 6)]\n"


@pytest.mark.part("""
    import random
    from pool import shared
    from gates import Gate

    def draw(mine, other):
        mine.open()
        other.wait()
        return random.random()

    one, two = Gate(), Gate()
    futures = shared.submit(draw, one, two), shared.submit(draw, two, one)
    print(len({random.random(), *(future.result() for future in futures)}))
""")
def test_workers_draw_different_random_numbers(printed: str) -> None:
    assert printed == "3\n"


@pytest.mark.part("""
    import penny

    def descend(depth):
        return sum(map(descend, [depth]))

    with penny.Scheduler(workers=1) as s:
        fatal, after = s.submit(descend, 0), s.submit(abs, -1)
        print(after.result())
        try:
            fatal.result()
        except penny.errors.WorkerLost as error:
            print(error)
""")
def test_a_lost_worker_is_replaced_while_the_host_blocks(printed: str) -> None:
    assert printed == "1\nworker 0 died while it ran __main__.descend; other tasks go on\n"


@pytest.mark.idle
@pytest.mark.part("""
    import penny
    try:
        penny.Scheduler(workers=65)
    except ValueError as error:
        print(error)
""")
def test_more_workers_than_the_core_has_room_for_are_refused(printed: str) -> None:
    assert printed == "workers must be at most 64\n"
