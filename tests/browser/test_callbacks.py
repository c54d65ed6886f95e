"""Random programs of done-callbacks, tests/stress/callbacks.py, and of handlers in JavaScript.

A failed run says its seed; to have the same programs again:

    PENNY_SEED=7 make stress-browser
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.pages import Page, Run

PROGRAM = (Path(__file__).parents[1] / "stress/callbacks.py").read_text()
SEED = int(os.environ.get("PENNY_SEED", 1))


def plays(page: Page, on: str, programs: int) -> None:
    argv = ["callbacks.py", "--seed", str(SEED), "--programs", str(programs)]
    run = page.run_long(PROGRAM, argv=argv, on=on)
    assert run.status == 0, run.stdout + run.stderr
    assert f"{programs} programs as expected, three times" in run.stdout


def test_some_programs(shared_page: Page, on: str) -> None:
    plays(shared_page, on, 2)


@pytest.mark.stress
def test_many_programs(page: Page, on: str) -> None:
    page.timeout = 1200
    plays(page, on, 60)


# `then` handlers and awaits submit; a getter among the arguments submits, defines anew what is
# being called, shuts down; what a handler throws is nobody else's.
HANDLERS = """
const [seed, programs, most] = args;
const s = await Penny.scheduler({workers: 2});
s.define('work', `def work(i, n):
    import penny
    if i % 7 == 3:
        raise KeyError(i)
    return [i, "x" * n, penny.current_worker()]`);
window.addEventListener('unhandledrejection', event => event.preventDefault());
let x;
const below = n => {
  x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
  return (x >>> 0) % n;
};
const workers = new Set();
let calls = 0;

async function play() {
  const told = [];
  const ended = [];
  let submitted = 0;
  const size = () => [0, 10, 500, 20000][below(4)];
  const submit = () => {
    if (submitted >= most) return Promise.resolve();
    const i = submitted++;
    told[i] = 0;
    const n = size();
    // A getter that submits while the arguments are pickled.
    const args = below(10) ? [i, n] : [i, ({get n() { submit(); return n; }}).n];
    const promise = s.submit('work', ...args).then(
      ([j, text, worker]) => {
        told[i]++;
        workers.add(worker);
        if (j !== i || text.length !== n || i % 7 === 3) throw new Error(`call ${i} has got ${j}`);
      },
      error => {
        told[i]++;
        const right = error.name === 'PythonError' && String(error).includes(`KeyError: ${i}`);
        if (i % 7 !== 3 || !right)
          throw new Error(`call ${i} has failed: ${error}`);
      },
    );
    ended.push(promise);
    promise.then(() => { for (let k = below(3); k > 0; k--) submit(); });
    promise.then(() => { if (below(5) === 0) throw new Error('of a handler'); });
    promise.then(async () => { await null; if (below(3) === 0) await submit(); submit(); });
    return promise;
  };
  for (let i = 0; i < 8; i++) submit();
  for (let i = 0; i < ended.length; i++) await ended[i];
  while (submitted < most) await submit();
  for (let i = 0; i < ended.length; i++) await ended[i];
  if (told.some(count => count !== 1)) throw new Error(`told ${told}`);
  calls += told.length;
}

for (let k = 0; k < programs; k++) {
  x = (seed + k) * 0x9e3779b9 | 1;
  try {
    await play();
  } catch (error) {
    throw new Error(`seed ${seed + k}: ${error.message}`);
  }
}

// Arguments are pickled before it is known whether they fit.
const anew = {get a() { s.define('again', 'lambda x: 2'); return 1; }};
s.define('again', 'lambda x: 1');
const before = await s.submit('again', anew);
const after = await s.submit('again', 0);
// What shuts down while its arguments are pickled is rejected, and nothing waits for it.
const shuts = {get a() { s.shutdown(); return 1; }};
const shut = await s.submit('again', shuts).catch(error => error.message);
await s.shutdown();
return {calls, workers: [...workers].sort(), before, after, shut};
"""


def handlers(page: Page, programs: int, most: int) -> None:
    outcome = page.js(HANDLERS, SEED, programs, most)
    workers = set(outcome.pop("workers"))
    assert workers and workers <= {0, 1}  # of two, of which one may be late
    assert outcome == {
        "calls": programs * most,
        "before": 1,
        "after": 2,
        "shut": "the scheduler has been shut down",
    }


def test_handlers_submit(shared_page: Page) -> None:
    handlers(shared_page, 3, 200)


@pytest.mark.stress
def test_many_handlers_submit(page: Page) -> None:
    page.timeout = 600
    handlers(page, 40, 1000)


def test_who_is_suspended_is_told_by_whoever_collects(shared_page: Page) -> None:
    run = shared_page.run(
        """
        import asyncio, penny

        async def look(future, looks):
            while not future.done():
                looks.append(1)
                await asyncio.sleep(0)

        async with penny.Scheduler(workers=1) as s:
            looks = []
            for number in range(20):
                future = s.submit(sum, range(100_000 + number))
                looking = asyncio.create_task(look(future, looks))
                # This stack is suspended meanwhile.
                assert future.result(60) == sum(range(100_000 + number))
                await looking
            assert looks
        print("told")
        """,
        on="page",
    )
    assert run.ok() == "told\n"


@pytest.mark.program("""
    import concurrent.futures, queue, threading, time
    import penny

    def square(n):
        return n * n, penny.current_worker()

    def in_task(nested):
        s = penny.Scheduler() if nested else penny.current_scheduler()
        room = threading.BoundedSemaphore(3)
        done = queue.Queue()
        for n in range(20):
            room.acquire()
            future = s.submit(square, n)
            future.add_done_callback(lambda future: room.release())
            future.add_done_callback(done.put)
        values = sorted(done.get().result()[0] for _ in range(20))
        assert not threading.Event().wait(0.01)
        return values == [n * n for n in range(20)], penny.current_worker() is not None

    with penny.Scheduler(workers=2) as s:
        assert all(s.submit(in_task, nested).result() == (True, True) for nested in (0, 1))
        room = threading.BoundedSemaphore(3)
        most = []
        futures = []
        for n in range(40):
            room.acquire()
            futures.append(s.submit(square, n))
            futures[-1].add_done_callback(lambda future: room.release())
            most.append(sum(not future.done() for future in futures))
        assert [f.result()[0] for f in futures] == [n * n for n in range(40)]
        assert {f.result()[1] for f in futures} <= {0, 1} and max(most) <= 3

        event = threading.Event()
        s.submit(square, 2).add_done_callback(lambda future: event.set())
        assert event.wait()

        done = queue.Queue(maxsize=4)
        for n in range(4):
            s.submit(square, n).add_done_callback(done.put)
        assert sorted(done.get().result()[0] for _ in range(4)) == [0, 1, 4, 9]

        later = concurrent.futures.Future()
        s.submit(square, 3).add_done_callback(lambda future: later.set_result(future.result()[0]))
        assert later.result() == 9
        chained = concurrent.futures.Future()
        s.submit(square, 4).add_done_callback(lambda future: chained.set_result(5))
        assert concurrent.futures.wait([chained]).done == {chained}

        never = threading.Event()
        slow = s.submit(time.sleep, 0.5)
        start = time.monotonic()
        assert not never.wait(0.2)
        assert 0.15 < time.monotonic() - start and not slow.done()
        slow.result()
        assert not never.wait(0.01)
        for _ in range(2):
            try:
                never.wait()
            except RuntimeError as error:
                print(error)
        condition = threading.Condition()
        with condition:
            assert not condition.wait_for(lambda: False, 0.01)
        assert not condition._waiters and condition.acquire(blocking=False)

        room = threading.Semaphore(0)
        def leaves(future):
            raise SystemExit(3)
        s.submit(square, 2).add_done_callback(leaves)
        try:
            room.acquire()
        except SystemExit:
            print("left")
        assert not room._cond._waiters
""")
def test_what_a_callback_ends_may_be_waited_for(run: Run) -> None:
    error = "this wait can't end: there are no other threads, and no task is pending whose "
    error += "future's callback could end it\n"
    assert run.ok() == error * 2 + "left\n"
