"""asyncio inside tasks that are no coroutines, and Schedulers that are opened inside tasks."""

from __future__ import annotations

import pytest

TASKS = """
    import asyncio
    import contextlib
    import time
    import penny
    from forkjoin import outcome, spin
    from gates import Gate
    from pool import shared

    current = penny.current_scheduler

    def square(x):
        return x * x

    async def elsewhere(*futures):
        'The futures, once another worker has begun each of them: the loop does not begin any.'
        for future in futures:
            while not future.running():
                await asyncio.sleep(0)
        return futures

    def run(main, *args, **options):
        def task():
            return asyncio.run(main(*args))

        return outcome(shared.options(**options).submit(task))
"""


def part(source: str) -> pytest.MarkDecorator:
    return pytest.mark.part(TASKS + source)


@part("""
    async def main():
        here = penny.current_worker()
        (away,) = await elsewhere(current().submit(spin, 0.05))
        return here, await away

    here, away = run(main)
    print({here, away} == {0, 1})

    async def squares():
        s, loop = current(), asyncio.get_running_loop()
        futures = [s.submit(square, n) for n in range(50)]
        sums = [
            sum(await asyncio.gather(*futures)),
            sum(await asyncio.gather(*[loop.run_in_executor(s, square, n) for n in range(50)])),
            sum([await f async for f in s.as_completed(s.submit(square, n) for n in range(50))]),
            sum([n async for n in s.imap(square, range(50))]),
            sum([await asyncio.wrap_future(s.submit(square, n)) for n in range(50)]),
        ]
        polled = s.submit(square, 7)
        while not polled.done():
            await asyncio.sleep(0.001)
        return set(sums), polled.result(), all(f.done() for f in futures)

    print(run(squares))
    with penny.Scheduler(workers=1) as s:  # nobody else is there to run them
        print(s.submit(lambda: asyncio.run(squares())).result())
""")
def test_asyncio_run_awaits_futures(printed: str) -> None:
    assert printed == "True\n({40425}, 49, True)\n({40425}, 49, True)\n"


@part("""
    async def main():
        began, seen, queue = time.monotonic(), [], asyncio.Queue(2)

        async def produce():
            for n in range(5):
                await queue.put(n)
            await queue.put(None)

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            while (item := await queue.get()) is not None:
                seen.append(item)
        await asyncio.gather(*[asyncio.sleep(0.05) for _ in range(50)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.sleep(60)
        return seen, 0.1 <= time.monotonic() - began < 2

    print(run(main))

    def by_loop():
        loop = asyncio.new_event_loop()
        with contextlib.closing(loop):
            first = loop.run_until_complete(asyncio.sleep(0, "by a loop"))
        return first, asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, "by the loop"))

    print(shared.submit(by_loop).result())
    print(outcome(shared.submit(asyncio.get_running_loop)))
    print(shared.submit(lambda: asyncio.Runner().run(asyncio.sleep(0, "runner"))).result())
""")
def test_asyncio_of_python(printed: str) -> None:
    assert printed == (
        "([0, 1, 2, 3, 4], True)\n('by a loop', 'by the loop')\nno running event loop\nrunner\n"
    )


@part("""
    from pyodide.http import pyfetch

    def told(error):
        return type(error).__name__, "make the task an `async def` function" in str(error)

    async def fetches():
        import js

        await js.fetch("/")

    async def with_a_heartbeat():
        async def beat():
            while True:
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            group.create_task(beat())
            await asyncio.wait_for(pyfetch("/"), 60)

    async def gathers():
        import js

        await asyncio.gather(js.Promise.resolve(1), asyncio.sleep(60))

    async def for_ever():
        await asyncio.get_running_loop().create_future()

    async def locked():
        lock = asyncio.Lock()
        async with lock, lock:
            pass

    for main in fetches, gathers, for_ever, locked:
        print(*told(run(main)))
    print(*[told(error) for error in run(with_a_heartbeat).exceptions])
""")
def test_what_can_t_come_is_told(printed: str) -> None:
    assert printed == (
        "BlockingError True\nBlockingError True\nRuntimeError True\nRuntimeError True\n"
        "('BlockingError', True)\n"
    )


@part("""
    async def sleeps(gate, through):
        async def helps():
            try:
                await asyncio.sleep(60)
            finally:
                through.open()

        helper = asyncio.create_task(helps())
        await asyncio.sleep(0)
        gate.open()
        await asyncio.sleep(60)

    async def spins(gate, through):
        async def helps():
            gate.open()
            while True:
                pass

        helper = asyncio.create_task(helps())
        try:
            await asyncio.sleep(60)
        finally:
            through.open()

    for main in sleeps, spins:
        gate, through = Gate(), Gate()
        future = shared.submit(lambda: asyncio.run(main(gate, through)))
        gate.wait()
        future.cancel(running=True)
        print(type(outcome(future)).__name__)
        through.wait()
    timed_out = run(sleeps, Gate(), Gate(), timeout=0.2)
    print(type(timed_out).__name__, shared.submit(square, 3).result())

    async def exits():
        raise SystemExit(3)

    async def stops():
        def stop():
            raise StopIteration(1)

        await asyncio.get_running_loop().run_in_executor(current(), stop)

    print(repr(run(exits)), type(run(stops)).__name__)
""")
def test_cancelling_and_ends(printed: str) -> None:
    assert printed == (
        "CancelledError\nCancelledError\nTimeoutError 9\nSystemExit(3) RuntimeError\n"
    )


@part("""
    import random

    async def sleeps():
        await asyncio.sleep(60)

    async def steps():
        while True:
            await asyncio.sleep(0)

    async def spins():
        while True:
            pass

    async def awaits():
        while True:
            await asyncio.gather(*[current().submit(square, n) for n in range(5)])

    async def blocks():
        while True:
            current().submit(square, 3).result()

    async def among_others(coroutine):
        others = [asyncio.create_task(sleeps()) for _ in range(3)]
        one = asyncio.create_task(coroutine())
        await asyncio.sleep(60)

    def task(coroutine):
        asyncio.run(among_others(coroutine))

    kinds = [sleeps, steps, spins, awaits, blocks]
    futures = [
        shared.options(timeout=random.uniform(0.001, 0.05)).submit(task, kind) for kind in kinds * 8
    ]
    print({repr(outcome(future)).partition("(")[0] for future in futures})
    print(sorted({shared.submit(square, 3).result() for _ in range(10)}))
""")
def test_cancelled_at_any_moment(printed: str) -> None:
    assert printed == "{'TimeoutError'}\n[9]\n"


@part("""
    def inner():
        'What a task sees that runs on top of a coroutine.'
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return penny.current_worker(), asyncio.run(asyncio.sleep(0, "ran"))

    async def main():
        task = asyncio.current_task()
        future = current().submit(inner)
        blocking = future.result()
        awaited = await asyncio.gather(*[current().submit(inner) for _ in range(5)])
        joined = penny.spawn(asyncio.run, asyncio.sleep(0, "ran"))
        return (
            blocking, *awaited, (penny.current_worker(), joined.join())
        ), asyncio.current_task() is task, asyncio.get_running_loop() is task.get_loop()

    with penny.Scheduler(workers=1) as s:
        results, *same = s.submit(lambda: asyncio.run(main())).result()
        print(set(results), same)

        started = Gate()

        def look():
            return penny.current_worker(), asyncio.run(asyncio.sleep(0, "urgent"))

        async def waits():
            started.open()
            await asyncio.sleep(0.3)
            return "went on"

        future = s.submit(lambda: asyncio.run(waits()))
        started.wait()
        print(s.options(priority="interactive").submit(look).result(), future.done())
        print(future.result())
""")
def test_one_loop_on_top_of_another(printed: str) -> None:
    assert printed == ("{(0, 'ran')} [True, True]\n(0, 'urgent') False\nwent on\n")


@part("""
    def opens(n):
        with penny.Scheduler(workers=9, packages=["numpy"], memory=1) as inner:
            results = list(inner.map(square, range(n)))
            late = inner.submit(spin, 0.01)
        assert late.done()
        return sum(results), inner.workers, outcome(lambda: inner.submit(square, 1)).args

    print(shared.submit(opens, 10).result())
    with penny.Scheduler(workers=1) as s:
        print(s.submit(opens, 10).result())

    def both_work():
        with penny.Scheduler(workers=2) as inner:
            away = inner.submit(spin, 0.05)
            while not away.running():
                pass
            return {away.result(), penny.current_worker()}

    print(shared.submit(both_work).result())

    def waits_for_its_own():
        others = current().submit(square, 3)
        inner = penny.Scheduler()
        own = inner.submit(square, 2)
        inner.shutdown()
        gave = own.done(), others.done()
        return gave, others.result()

    with penny.Scheduler(workers=1) as s:  # nobody else takes the others' meanwhile
        print(s.submit(waits_for_its_own).result())

    def cancels():
        with penny.Scheduler() as inner:
            futures = [inner.submit(spin, 0.05) for _ in range(50)]
            inner.shutdown(wait=False, cancel_futures=True)
        return sum(f.cancelled() for f in futures) >= 48

    print(shared.submit(cancels).result())

    def level(n):
        if not n:
            return 1
        with penny.Scheduler() as inner:
            return sum(inner.map(level, [n - 1] * 2))

    print(shared.submit(level, 4).result())
    print(repr(outcome(shared.submit(penny.Scheduler, 0))))

    def forgets():
        penny.Scheduler().submit(square, 1)
        return "forgotten"

    print(shared.submit(forgets).result())

    async def coroutine():
        async with penny.Scheduler(workers=3) as inner:
            workers = {await inner.submit(penny.current_worker) for _ in range(5)}
            late = inner.submit(square, 4)
        loop = asyncio.get_running_loop()
        ran = await loop.run_in_executor(current(), penny.current_worker)
        return workers <= {0, 1}, late.done(), inner.workers, ran in (0, 1)

    print(shared.submit(coroutine).result())

    async def in_a_task():
        async with penny.Scheduler() as inner:
            late = inner.submit(square, 5)
        return late.done()

    print(run(in_a_task))
""")
def test_a_scheduler_opened_in_a_task(printed: str) -> None:
    assert printed.splitlines() == [
        "(285, 2, ('cannot schedule new futures after shutdown',))",
        "(285, 1, ('cannot schedule new futures after shutdown',))",
        "{0, 1}",
        "((True, False), 9)",
        "True",
        "16",
        "ValueError('workers must be greater than 0')",
        "forgotten",
        "(True, True, 2, True)",
        "True",
    ]


@part("""
    class Counting:
        'An executor of somebody else.'
        calls = 0

        def submit(self, function, *args):
            Counting.calls += 1
            return shared.submit(function, *args)

    from concurrent.futures import ThreadPoolExecutor

    where, loop = penny.current_worker, asyncio.get_running_loop()

    async def runs():
        before = sum(w["run"] for w in shared.stats()["workers"])
        given = [await loop.run_in_executor(shared, where), await loop.run_in_executor(None, where)]
        given += [await asyncio.to_thread(where), await loop.run_in_executor(Counting(), where)]
        given += [await loop.run_in_executor(shared.options(timeout=60), where)]
        given += [await loop.run_in_executor(ThreadPoolExecutor(1), where)]
        ran = sum(w["run"] for w in shared.stats()["workers"]) - before
        return [worker in (0, 1) for worker in given], ran

    print(await runs())
    loop.set_default_executor(shared)
    print(await runs())
    print(await asyncio.to_thread(pow, 2, 10, mod=1000))
    loop.set_default_executor(None)
    print(await asyncio.to_thread(where), Counting.calls)
    for wrong in (lambda: loop.run_in_executor("x", where), lambda: loop.run_in_executor(shared, 1),
                  lambda: loop.set_default_executor("x")):
        print(type(outcome(wrong)).__name__)

    async def raises(error):
        def fail():
            raise error

        try:
            return await loop.run_in_executor(shared, fail)
        except BaseException as raised:
            return raised

    for error in LookupError("x"), SystemExit(3), StopIteration(1), asyncio.CancelledError():
        print(type(await raises(error)).__name__)

    gates = Gate(), Gate()
    busy = [loop.run_in_executor(shared, Gate.wait, gate) for gate in gates]
    for gate in gates:
        await gate.reached()
    pending = loop.run_in_executor(shared, where)
    print(pending.cancel(), busy[0].cancel())
    for gate in gates:
        gate.open()
    before = sum(w["run"] for w in shared.stats()["workers"])
    print(await busy[1], pending.cancelled(), busy[0].cancelled())
    print(await loop.run_in_executor(shared, square, 3))
""")
def test_run_in_executor_in_a_host_worker(printed: str) -> None:
    assert printed.splitlines() == [
        "([True, False, False, True, True, False], 3)",
        "([True, True, True, True, True, False], 5)",
        "24",
        "None 2",
        "AttributeError",
        "TypeError",
        "TypeError",
        "LookupError",
        "SystemExit",
        "RuntimeError",
        "CancelledError",
        "True True",
        "None True True",
        "9",
    ]


@part("""
    async def main():
        async with penny.Scheduler(workers=1) as s:
            where = await asyncio.get_running_loop().run_in_executor(s, penny.current_worker)
            return where, await s.submit(square, 3), await asyncio.sleep(0.01, "slept")

    print(asyncio.run(main()), asyncio.run(main()))
    print(await main())
""")
def test_asyncio_run_in_the_script(printed: str) -> None:
    assert printed == "(0, 9, 'slept') (0, 9, 'slept')\n(0, 9, 'slept')\n"


@part("""
    from pyodide.http import pyfetch
    from pyodide.webloop import WebLoop
    from penny.bridge import javascript
    from penny.event_loops import blocking
    from penny.engines.ported.live import LiveEngines

    async def main():
        async with penny.Scheduler(workers=1) as s:
            where = asyncio.get_running_loop().run_in_executor(s, penny.current_worker)
            both = await asyncio.gather(where, shared.submit(square, 4))
            return *both, await asyncio.sleep(0.01, "slept")

    async def fetches():
        await pyfetch("/")

    before = asyncio.current_task(), asyncio.get_running_loop()
    can_run_sync, run_until_complete = javascript.can_run_sync, WebLoop.run_until_complete
    javascript.can_run_sync = lambda: False
    blocking.stand_in(LiveEngines())
    try:
        print(asyncio.run(main()))
        print("`await main()`" in str(outcome(lambda: asyncio.run(fetches()))))
    finally:
        javascript.can_run_sync, WebLoop.run_until_complete = can_run_sync, run_until_complete
    print(before == (asyncio.current_task(), asyncio.get_running_loop()))
""")
def test_asyncio_run_where_python_can_not_be_suspended(printed: str) -> None:
    assert printed == "(0, 16, 'slept')\nTrue\nTrue\n"
