"""Python in a host worker, where waiting blocks: executors and futures as libraries use them."""

from __future__ import annotations

from support.pages import Page


def test_result_blocks_until_the_task_is_done(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny

        with penny.Scheduler() as s:
            print(s.submit(pow, 2, 10).result())
            print([s.submit(abs, -n).result() for n in range(5)])
    """)
    assert run.ok() == "1024\n[0, 1, 2, 3, 4]\n"


def test_the_end_of_with_waits_for_all_tasks(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny

        with penny.Scheduler() as s:
            futures = [s.submit(abs, -n) for n in range(100)]
            print(any(future.done() for future in futures))
        print([future.result(timeout=0) for future in futures] == list(range(100)))
    """)
    assert run.ok() == "False\nTrue\n"


def test_map_gives_results_in_order(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny

        def half(n):
            return n / 2

        expected = [n / 2 for n in range(100)]
        with penny.Scheduler() as s:
            for sizes in {}, {"chunksize": 7}, {"buffersize": 3}, {"chunksize": 7, "buffersize": 2}:
                print(list(s.map(half, range(100), **sizes)) == expected)
    """)
    assert run.ok() == "True\n" * 4


def test_map_with_a_buffer_consumes_an_endless_iterable(shared_page: Page) -> None:
    run = shared_page.run("""
        import itertools
        import penny

        counter = itertools.count()
        with penny.Scheduler() as s:
            results = s.map(abs, counter, buffersize=4)
            print([next(results) for _ in range(5)], next(counter))
            results.close()
    """)
    assert run.ok() == "[0, 1, 2, 3, 4] 9\n"


def test_map_times_out(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny
        from gates import Gate

        gate = Gate()
        with penny.Scheduler() as s:
            try:
                next(s.map(Gate.wait, [gate], timeout=0.01))
            except TimeoutError:
                print("timed out")
            gate.open()
    """)
    assert run.ok() == "timed out\n"


def test_wait_returns_when_it_was_asked_to(shared_page: Page) -> None:
    run = shared_page.run("""
        from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait
        import penny
        from gates import Gate, pass_through

        def names(futures):
            return sorted(name for name, future in named.items() if future in futures)

        def show(wanted, **options):
            done, pending = wait(named.values(), return_when=wanted, **options)
            print(wanted, names(done), names(pending))

        with penny.Scheduler(workers=2) as s:
            gate = Gate()
            named = {"slow": s.submit(pass_through, gate), "quick": s.submit(abs, -1)}
            show(FIRST_COMPLETED)
            named["failing"] = s.submit(divmod, 1, 0)
            show(FIRST_EXCEPTION)
            show(ALL_COMPLETED, timeout=0.01)
            show(ALL_COMPLETED, timeout=0)
            gate.open()
            show(ALL_COMPLETED)
    """)
    assert run.ok().splitlines() == [
        "FIRST_COMPLETED ['quick'] ['slow']",
        "FIRST_EXCEPTION ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick'] ['slow']",
        "ALL_COMPLETED ['failing', 'quick', 'slow'] []",
    ]


def test_as_completed_gives_futures_as_they_come(shared_page: Page) -> None:
    run = shared_page.run("""
        from concurrent.futures import as_completed
        import penny
        from gates import Gate, pass_through

        with penny.Scheduler(workers=2) as s:
            gate = Gate()
            futures = [s.submit(pass_through, gate, "slow"), s.submit(str, "quick")]
            for future in as_completed(futures):
                print(future.result())
                gate.open()
    """)
    assert run.ok() == "quick\nslow\n"


def test_as_completed_times_out(shared_page: Page) -> None:
    run = shared_page.run("""
        from concurrent.futures import as_completed
        import penny
        from gates import Gate

        gate = Gate()
        with penny.Scheduler(workers=1) as s:
            waiting = s.submit(gate.wait)
            try:
                list(as_completed([waiting], timeout=0.01))
            except TimeoutError as error:
                print(error)
            gate.open()
    """)
    assert run.ok() == "1 (of 1) futures unfinished\n"


def test_waiting_for_futures_of_several_schedulers(shared_page: Page) -> None:
    run = shared_page.run("""
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
    assert run.ok() == "True\n['quick', 'slow']\nset()\n"


def test_result_times_out_and_comes_later(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny
        from gates import Gate, pass_through

        with penny.Scheduler(workers=1) as s:
            gate = Gate()
            future = s.submit(pass_through, gate, "late")
            for timeout in 0.01, 0, -1:
                try:
                    future.result(timeout)
                except TimeoutError:
                    print("not yet")
            gate.open()
            print(future.result(timeout=10))
    """)
    assert run.ok() == "not yet\n" * 3 + "late\n"


def test_a_running_call_can_not_be_cancelled_a_pending_one_can(shared_page: Page) -> None:
    run = shared_page.run("""
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
    assert run.ok() == "True False False True\ncancelled\ndone\n1\n"


def test_callbacks_may_submit_and_wait(shared_page: Page) -> None:
    run = shared_page.run("""
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
    assert run.ok() == "[9]\n"


def test_awaiting_and_blocking_mix_in_one_program(shared_page: Page) -> None:
    run = shared_page.run("""
        import asyncio
        import penny

        async with penny.Scheduler() as s:
            print(await s.submit(abs, -1), s.submit(abs, -2).result())
            print([n async for n in s.imap(abs, [-3, -4])])

            async def both():
                return await s.submit(abs, -5), s.submit(abs, -6).result()

            print(await asyncio.gather(both(), both()))
    """)
    assert run.ok() == "1 2\n[3, 4]\n[(5, 6), (5, 6)]\n"


def test_a_task_can_open_no_scheduler(shared_page: Page) -> None:
    run = shared_page.run("""
        import penny

        def nest():
            penny.Scheduler()

        with penny.Scheduler(workers=1) as s:
            try:
                s.submit(nest).result()
            except RuntimeError as error:
                print(error)
    """)
    assert "Inside a task" in run.ok()


def test_workers_draw_different_random_numbers(shared_page: Page) -> None:
    run = shared_page.run("""
        import random
        import penny
        from gates import Gate

        def draw(mine, other):
            mine.open()
            other.wait()
            return random.random()

        with penny.Scheduler(workers=2) as s:
            one, two = Gate(), Gate()
            futures = s.submit(draw, one, two), s.submit(draw, two, one)
            print(len({random.random(), *(future.result() for future in futures)}))
    """)
    assert run.ok() == "3\n"


def test_a_lost_worker_is_replaced_while_the_host_blocks(shared_page: Page) -> None:
    run = shared_page.run("""
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
    # What Pyodide says of its end goes to stderr.
    assert run.status == 0
    assert run.stdout == "1\nworker 0 died while it ran __main__.descend; other tasks go on\n"


def test_more_workers_than_the_core_has_room_for_are_refused(shared_page: Page) -> None:
    run = shared_page.run(
        """
        import penny
        try:
            penny.Scheduler(workers=65)
        except ValueError as error:
            print(error)
        """
    )
    assert run.ok() == "workers must be at most 64\n"
