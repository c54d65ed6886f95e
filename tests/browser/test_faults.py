"""Faults: what goes wrong costs what it hit, and nothing else.

After each one every other result is right, nothing is left in the heap, and the pool is at full
strength: all its workers answer.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.faults import POOL
from support.kernel_modules import kernel_module
from support.pages import Page, Run, program
from support.processes import wait_for_no_workers
from support.tasks import NAP

pytestmark = pytest.mark.stress

WORKERS = 3

SUSPEND = """
const suspend = milliseconds => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};
"""

SETUP = (
    NAP
    + '''
import itertools, random, time
import penny

def square(i, payload=b""):
    """Right only if its payload is what was sent."""
    assert payload == bytes([i % 251]) * len(payload), "a payload was overwritten"
    return i * i, payload[::-1]

def load(s, count, size=lambda i: (i * 37) % 2000):
    return [s.submit(square, i, bytes([i % 251]) * size(i)) for i in range(count)]

def check(futures, size=lambda i: (i * 37) % 2000):
    """How many were lost; all others must be right."""
    lost = 0
    for i, future in enumerate(futures):
        try:
            value, payload = future.result()
        except penny.WorkerLost:
            lost += 1
        else:
            assert (value, len(payload)) == (i * i, size(i)), i
    return lost

def endless(begin):
    while begin:
        pass

def endless_in_c(begin):
    """Comes to no bytecode."""
    return sum(itertools.repeat(0)) if begin else 0

def all_overtime(futures):
    for future in futures:
        try:
            future.result()
        except TimeoutError:
            continue
        raise AssertionError("it ended")

def where():
    nap(0.02)
    return penny.current_worker()

def deaths(s):
    return sum(worker["deaths"] for worker in s.stats()["workers"])

def used(s):
    return s.stats()["heap"]["used"]

def base_of(s):
    """What the heap holds when nothing runs: the functions."""
    check(load(s, 20))
    assert all_answer(s)
    return used(s)

def all_answer(s):
    """Whether every worker of the pool is there, and answers."""
    deadline = time.monotonic() + 60
    seen = set()
    while seen != set(range(s.workers)) and time.monotonic() < deadline:
        for future in [s.submit(where) for _ in range(4 * s.workers)]:
            seen.add(future.result())
    return seen == set(range(s.workers))

LATE = 4 * 512 * 3
"""Bytes of what three workers may put into the function table when they first promote a job."""

def is_whole(s, base):
    assert all_answer(s), "a worker is missing"
    assert used(s) == base, f"{used(s) - base} bytes are left in the heap"
'''
)


def holds(page: Page, program: str, workers: int = WORKERS, **options: Any) -> None:
    page.timeout = 180
    run = page.run_long(SETUP + textwrap.dedent(program), workers=workers, **options)
    assert (run.status, run.stdout.splitlines()[-1:]) == (0, ["whole"]), run.stdout + run.stderr


def test_an_endless_loop_in_python(page: Page) -> None:
    holds(
        page,
        """
        with penny.Scheduler() as s:
            try:
                s.options(timeout=0.1).submit(endless, True).result()
            except TimeoutError:
                pass
            base = base_of(s)
            for _ in range(3):
                slow = [s.options(timeout=0.3).submit(endless, True) for _ in range(s.workers)]
                others = load(s, 300)
                all_overtime(slow)
                assert check(others) == 0
            is_whole(s, base)
            assert deaths(s) == 0
        print("whole")
        """,
    )


def test_an_endless_loop_in_c(page: Page) -> None:
    """No bytecode at which it could be asked: its worker is replaced, and it alone is lost."""
    holds(
        page,
        """
        with penny.Scheduler() as s:
            try:
                s.options(timeout=0.1).submit(endless_in_c, True).result()
            except TimeoutError:
                pass
            base = base_of(s)
            before = deaths(s)
            slow = [s.options(timeout=0.2).submit(endless_in_c, True) for _ in range(s.workers - 1)]
            others = load(s, 300)
            all_overtime(slow)
            assert check(others) == 0
            is_whole(s, base)
            assert deaths(s) == before + len(slow)
        print("whole")
        """,
    )


def test_a_worker_runs_out_of_memory(page: Page) -> None:
    """Of Pyodide's own: a MemoryError, or the worker dies of it."""
    holds(
        page,
        """
        def eat():
            eaten = []
            while True:
                eaten.append(bytearray(1 << 28))

        with penny.Scheduler() as s:
            try:
                s.submit(eat).result()
                raise AssertionError("it ended")
            except (MemoryError, penny.WorkerLost):
                pass
            base = base_of(s)
            hungry = s.submit(eat)
            others = load(s, 300)
            try:
                hungry.result()
                raise AssertionError("it ended")
            except (MemoryError, penny.WorkerLost):
                pass
            assert check(others) == 0
            is_whole(s, base)
        print("whole")
        """,
    )


def test_workers_die_in_kernels_and_with_arrays(page: Page) -> None:
    """A kernel that can't be asked: its task's arrays and its stack come free."""
    holds(
        page,
        """
        import gc

        with open("kernels.wasm", "rb") as file:
            k = penny.Kernels(file.read())

        def stuck(given):
            own = penny.SharedArray((50_000,), "int32")
            k.stuck(given)

        def has_run():
            k.fib(1)
            return where()

        with penny.Scheduler() as s:
            assert sum(f.result() for f in [s.submit(k.fib, 20) for _ in range(30)]) == 30 * 6765
            gate = penny.SharedArray((4,), "int32")
            try:
                s.options(timeout=0.2).submit(stuck, gate).result()
            except TimeoutError:
                pass
            del gate
            ran = set()
            while len(ran) < s.workers:  # each keeps its kernel stack
                ran |= {future.result() for future in [s.submit(has_run) for _ in range(9)]}
            gc.collect()
            base = base_of(s)
            before = deaths(s)
            for _ in range(3):
                given = penny.SharedArray((4,), "int32")
                slow = [s.options(timeout=0.2).submit(stuck, given) for _ in range(s.workers - 1)]
                trees = [s.submit(k.fib, 22) for _ in range(20)]
                others = load(s, 100)
                all_overtime(slow)
                for future in trees:
                    try:
                        assert future.result() == 17711
                    except penny.KernelError as error:  # a part of it ran where somebody died
                        assert "died" in str(error), error
                assert check(others) == 0
                del given, slow, future
            gc.collect()
            is_whole(s, base)
            assert deaths(s) == before + 3 * (s.workers - 1)
        print("whole")
        """,
        files={"kernels.wasm": kernel_module(Path(__file__).with_name("kernels.c"))},
    )


def test_a_full_heap(page: Page) -> None:
    """Arguments and results of many times its size."""
    holds(
        page,
        """
        def size(i):
            return [300, 5_000, 40_000, 400_000, 900_000][i % 5]

        with penny.Scheduler(memory=6 << 20) as s:
            base = base_of(s)
            for _ in range(3):
                assert check(load(s, 150, size), size) == 0
                # As soon as something can never fit, it is told so, and costs nobody else anything.
                others = load(s, 50, size)
                try:
                    s.submit(square, 1, bytes(8 << 20)).result()
                    raise AssertionError("it fitted")
                except MemoryError:
                    pass
                assert check(others, size) == 0
            is_whole(s, base)
            assert deaths(s) == 0
        print("whole")
        """,
    )


def test_a_heap_full_of_an_array(page: Page) -> None:
    """What finds no room is told so, once nothing is under way that could give some; or waits."""
    holds(
        page,
        """
        def keep(array, seconds):
            nap(seconds)

        with penny.Scheduler(memory=6 << 20) as s:
            s.submit(keep, None, 0).result()
            base = base_of(s)
            for _ in range(3):
                array = penny.SharedArray((4_600_000,), "uint8")
                others = load(s, 50)
                large = s.submit(square, 1, bytes([1]) * 900_000)
                assert check(others) == 0
                try:
                    large.result()
                    raise AssertionError("it fitted")
                except MemoryError:
                    pass
                try:
                    penny.SharedArray((4_600_000,), "uint8")
                    raise AssertionError("it fitted")
                except MemoryError:
                    pass
                keeper = s.submit(keep, array, 0.3)
                large = s.submit(square, 1, bytes([1]) * 900_000)
                del array
                assert large.result()[0] == 1
                keeper.result()
            is_whole(s, base)
            assert deaths(s) == 0
        print("whole")
        """,
    )


def test_a_full_injector(page: Page) -> None:
    """Of tasks that were withdrawn while all workers were busy: the rest waits outside."""
    holds(
        page,
        """
        def wait(flag):
            while not flag[0]:
                nap(0.001)

        with penny.Scheduler() as s:
            opened = penny.SharedArray((1,), "int32")
            opened[0] = 1
            for future in [s.submit(wait, opened) for _ in range(9)]:
                future.result()
            del opened
            base = base_of(s)
            for _ in range(2):
                flag = penny.SharedArray((1,), "int32")
                busy = [s.submit(wait, flag) for _ in range(s.workers)]
                while not all(future.running() for future in busy):
                    time.sleep(0.01)
                for _ in range(3):
                    assert all([f.cancel() for f in [s.submit(square, i) for i in range(12_000)]])
                others = load(s, 500)
                assert s.options(priority="interactive").submit(square, 7).result() == (49, b"")
                assert not any(future.done() for future in others)
                flag[0] = 1
                assert check(others) == 0
                for future in busy:
                    future.result()
                del flag, busy, future
            is_whole(s, base)
            assert deaths(s) == 0
        print("whole")
        """,
    )


def test_no_free_slot(page: Page) -> None:
    """More tasks than there are slots: the rest waits outside, in order."""
    holds(
        page,
        """
        with penny.Scheduler() as s:
            base = base_of(s)
            futures = [s.submit(square, i) for i in range(40_000)]
            urgent = s.options(priority="interactive").submit(square, 7)
            assert urgent.result() == (49, b"")
            for i, future in enumerate(futures):
                assert future.result() == (i * i, b""), i
            is_whole(s, base)
        print("whole")
        """,
    )


def test_two_schedulers_side_by_side(page: Page) -> None:
    """Each has its own memory and workers; deaths in one, and its end, are nothing to the other."""
    holds(
        page,
        """
        with penny.Scheduler(workers=2) as first:
            base = base_of(first)
            for _ in range(3):
                with penny.Scheduler(workers=2) as second:
                    second.submit(endless_in_c, False).result()
                    base_of_second = base_of(second)
                    both = load(first, 300), load(second, 300)
                    slow = second.options(timeout=0.1).submit(endless_in_c, True)
                    assert check(both[1]) == check(both[0]) == 0
                    more = load(first, 300)
                    all_overtime([slow])
                    assert (deaths(first), deaths(second)) == (0, 1)
                    assert check(more) == 0
                    is_whole(second, base_of_second)
                    both = load(first, 300), load(second, 300)
                    second.shutdown(wait=False, cancel_futures=True)
                    assert check(both[0]) == 0
                assert all(future.done() for future in both[1])
            is_whole(first, base)
            assert deaths(first) == 0
        print("whole")
        """,
    )


def test_an_endless_loop_in_a_coroutine(page: Page) -> None:
    """No other coroutine has its turn: their worker is replaced, with all that ran there."""
    holds(
        page,
        """
        async def endless(begin):
            while begin:
                pass

        async def double(n):
            return 2 * n

        with penny.Scheduler() as s:
            s.submit(endless, False).result()
            assert s.submit(double, 1).result() == 2
            base = base_of(s)
            for _ in range(2):
                slow = s.options(timeout=0.2).submit(endless, True)
                others = load(s, 300)
                all_overtime([slow])
                assert check(others) == 0
                assert [s.submit(double, n).result() for n in range(20)] == [*range(0, 40, 2)]
            is_whole(s, base)
            assert deaths(s) == 0  # of those that compute
        print("whole")
        """,
    )


def test_shutdown_during_everything(page: Page) -> None:
    """Whenever it comes, every future is done after it, and those that ran are right."""
    holds(
        page,
        """
        def tree(depth):
            if not depth:
                return 1
            with penny.scope() as scope:
                jobs = [scope.spawn(tree, depth - 1) for _ in range(3)]
            return sum(job.join() for job in jobs)

        def fill(array):
            array[:] = 3
            return array

        async def double(n):
            return 2 * n

        kinds = [(tree, 3), (endless, False), (endless_in_c, False), (double, 1)]
        for seed in range(8):
            chance = random.Random(seed)
            s = penny.Scheduler()
            for function, argument in kinds:
                s.submit(function, argument).result()
            s.submit(fill, penny.SharedArray((100,), "int32")).result()
            base = base_of(s)
            futures = []
            for i in range(chance.randrange(10, 400)):
                futures.append(s.submit(square, i, bytes([i % 251]) * chance.randrange(3000)))
            trees = [s.submit(tree, 5) for _ in range(chance.randrange(8))]
            limited = s.options(timeout=0.2)
            slow = [limited.submit(endless, True) for _ in range(chance.randrange(3))]
            slow += [limited.submit(endless_in_c, True) for _ in range(chance.randrange(2))]
            arrays = [s.submit(fill, penny.SharedArray((50_000,), "int32")) for _ in range(3)]
            doubles = [s.submit(double, n) for n in range(chance.randrange(20))]
            for future in chance.sample(futures, len(futures) // 10):
                future.cancel(running=chance.random() < 0.5)
            while chance.random() < 0.6 and not futures[-1].done():
                time.sleep(0.01)
            s.shutdown(cancel_futures=chance.random() < 0.7)
            lost = 0
            for wanted, some in [
                ([(i * i) for i in range(len(futures))], futures),
                ([3**5] * len(trees), trees),
                ([3] * len(arrays), arrays),
                ([2 * n for n in range(len(doubles))], doubles),
            ]:
                for value, future in zip(wanted, some, strict=True):
                    assert future.done(), value
                    if future.cancelled():
                        continue
                    try:
                        result = future.result()
                    except penny.WorkerLost:
                        lost += 1
                        continue
                    if some is futures:
                        result = result[0]
                    elif some is arrays:
                        result = result[49_999]
                    assert result == value
            for future in slow:
                assert future.done()
            # What lay below an endless one goes with its worker.
            assert lost <= sum(worker["deaths"] for worker in s.stats()["workers"])
            result = future = some = None
            arrays.clear()
            left = used(s) - base
            assert left <= LATE, f"{left} bytes are left in the heap, seed {seed}"
        with penny.Scheduler() as s:
            is_whole(s, base_of(s))
        print("whole")
        """,
    )


def test_shutdown_at_once(shared_page: Page) -> None:
    """Whatever its workers do: every promise is settled, and no worker is left."""
    outcome = shared_page.js(
        f"""
        {POOL}
        await open(args[0]);
        const jobs = ['has_a_job_run', 'has_large_arguments_read', 'awaits'];
        const held = jobs.map(name => outcomeOf(s.submit(`stages.${{name}}`, true)));
        const others = load(300);
        await said('halted');
        s.pool.kill(1);
        await s.shutdown({{now: true}});
        const settled = await Promise.all([...held, ...others]);
        const wrong = settled.filter((outcome, i) =>
          !['WorkerLost', 'Error'].includes(outcome) &&
          `${{outcome}}` !== `${{[(i - jobs.length) ** 2, sizeOf(i - jobs.length)]}}`);
        return {{wrong, pending: s.stats().pending}};
        """,
        WORKERS,
    )
    assert outcome["wrong"] == []
    wait_for_no_workers(shared_page)


def test_the_page_is_suspended(page: Page) -> None:
    """For seconds, as a page in the background may be, while tasks end and a worker dies."""
    page.timeout = 120
    outcome = page.js(
        f"""
        {POOL} {SUSPEND}
        await open(args[0]);
        await lostOf(load(100));
        await allAnswer();
        const base = s.stats().heap.used;
        let lost = 0;
        for (let round = 0; round < 3; round++) {{
          const tasks = load(2000);
          if (round === 1) s.pool.kill(0);
          suspend(2500);
          lost += await lostOf(tasks);
        }}
        await until(() => deaths() === 1);
        await whole(base);
        await s.shutdown();
        return {{lost, deaths: deaths()}};
        """,
        WORKERS,
    )
    assert outcome["deaths"] == 1
    assert outcome["lost"] <= 1


def test_the_page_of_a_host_is_suspended(page: Page) -> None:
    """The host goes on. What the page has to do for it, it does later: here, replace workers."""
    page.timeout = 180
    source, args = program(
        SETUP
        + textwrap.dedent(
            """
            with penny.Scheduler() as s:
                # By no loop's variable: a name of the script's that changes in between, so that the
                # first function would hold what was offered before, until it is submitted again.
                s.submit(endless, False).result()
                s.submit(endless_in_c, False).result()
                base = base_of(s)
                for _ in range(4):
                    limited = s.options(timeout=0.2)
                    slow = [limited.submit(function, True) for function in (endless, endless_in_c)]
                    others = load(s, 1000)
                    all_overtime(slow)
                    assert check(others) == 0
                is_whole(s, base)
                assert deaths(s) == 4
            print("whole")
            """
        ),
        workers=WORKERS,
    )
    run = Run.of(
        page.js(
            f"""
            {SUSPEND}
            let over = false;
            const run = (async () => {{ {source} }})().finally(() => {{ over = true; }});
            while (!over) {{
              await Promise.race([run, new Promise(later => setTimeout(later, 400))]);
              suspend(2500);
            }}
            return await run;
            """,
            *args,
        )
    )
    assert (run.status, run.stdout.splitlines()[-1:]) == (0, ["whole"]), run.stdout + run.stderr
