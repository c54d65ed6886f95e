"""Faults: what goes wrong costs what it hit, and nothing else.

After each one every other result is right, nothing is left in the heap, and the pool is at full
strength: all its workers answer.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from support.kernel_modules import kernel_module
from support.pages import Page
from support.tasks import NAP

pytestmark = pytest.mark.stress

WORKERS = 3

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
        def endless():
            while True:
                pass

        with penny.Scheduler() as s:
            try:
                s.options(timeout=0.1).submit(endless).result()
            except TimeoutError:
                pass
            base = base_of(s)
            for _ in range(3):
                slow = [s.options(timeout=0.3).submit(endless) for _ in range(s.workers)]
                others = load(s, 300)
                for future in slow:
                    try:
                        future.result()
                        raise AssertionError("it ended")
                    except TimeoutError:
                        pass
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
        def endless():
            return sum(itertools.repeat(0))

        with penny.Scheduler() as s:
            try:
                s.options(timeout=0.1).submit(endless).result()
            except TimeoutError:
                pass
            base = base_of(s)
            before = deaths(s)
            slow = [s.options(timeout=0.2).submit(endless) for _ in range(s.workers - 1)]
            others = load(s, 300)
            for future in slow:
                try:
                    future.result()
                    raise AssertionError("it ended")
                except TimeoutError:
                    pass
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
                for future in slow:
                    try:
                        future.result()
                        raise AssertionError("it ended")
                    except TimeoutError:
                        pass
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


def test_a_full_injector(page: Page) -> None:
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
    """Each has its own memory and workers; the end of one is nothing to the other."""
    holds(
        page,
        """
        with penny.Scheduler(workers=2) as first:
            base = base_of(first)
            for _ in range(3):
                with penny.Scheduler(workers=2) as second:
                    both = load(first, 300), load(second, 300)
                    assert check(both[1]) == 0
                    left = load(second, 300)
                    second.shutdown(wait=False, cancel_futures=True)
                    assert check(both[0]) == 0
                assert all(future.done() for future in left)
            is_whole(first, base)
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

        def endless():
            while True:
                pass

        for seed in range(8):
            chance = random.Random(seed)
            s = penny.Scheduler()
            futures = []
            for i in range(chance.randrange(10, 400)):
                futures.append(s.submit(square, i, bytes([i % 251]) * chance.randrange(3000)))
            trees = [s.submit(tree, 5) for _ in range(chance.randrange(8))]
            slow = [s.options(timeout=0.2).submit(endless) for _ in range(chance.randrange(3))]
            for future in chance.sample(futures, len(futures) // 10):
                future.cancel(running=chance.random() < 0.5)
            while chance.random() < 0.6 and not futures[-1].done():
                time.sleep(0.01)
            s.shutdown(cancel_futures=chance.random() < 0.7)
            for i, future in enumerate(futures):
                assert future.done(), i
                if not future.cancelled():
                    assert future.result()[0] == i * i
            for future in trees:
                assert future.done() and (future.cancelled() or future.result() == 3**5)
            for future in slow:
                assert future.done()
        with penny.Scheduler() as s:
            is_whole(s, base_of(s))
        print("whole")
        """,
    )


def test_the_page_is_suspended(page: Page) -> None:
    """For seconds, as a page in the background may be, while tasks end and a worker dies."""
    page.timeout = 120
    outcome = page.js(
        """
        const [square, workers] = args;
        const s = await Penny.scheduler({workers});
        s.define('square', square);
        const suspend = milliseconds => {
          const end = performance.now() + milliseconds;
          while (performance.now() < end);
        };
        let up = 0;
        let look = () => {};
        s.addEventListener('worker', ({detail: {state}}) => {
          if (state === 'ready') up++;
          look();
        });
        const haveStarted = count => new Promise(resolve => {
          look = () => { if (up >= count) resolve(); };
          look();
        });
        await Promise.all([haveStarted(workers), s.submit('square', 1)]);
        const base = s.stats().heap.used;
        const ended = {right: 0, wrong: 0, lost: 0};
        for (let round = 0; round < 3; round++) {
          const promises = Array.from({length: 2000}, async (_, i) => {
            try {
              ended[(await s.submit('square', i)) === i * i ? 'right' : 'wrong']++;
            } catch ({name}) {
              if (name !== 'WorkerLost') throw new Error(name);
              ended.lost++;
            }
          });
          if (round === 1) s.pool.kill(0);
          suspend(2500);
          await Promise.all(promises);
        }
        await haveStarted(workers + 1);
        const {heap, pending, workers: stats} = s.stats();
        await s.submit('square', 2);
        await s.shutdown();
        const deaths = stats.reduce((sum, worker) => sum + worker.deaths, 0);
        return {ended, pending, left: heap.used - base, deaths};
        """,
        "def square(i):\n    return i * i",
        WORKERS,
    )
    lost = outcome["ended"]["lost"]
    assert lost <= 1
    assert outcome == {
        "ended": {"right": 6000 - lost, "wrong": 0, "lost": lost},
        "pending": 0,
        "left": 0,
        "deaths": 1,
    }
