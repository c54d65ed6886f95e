"""The engine `messages`: on pages without shared memory by itself, elsewhere by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from support import browsers
from support.pages import BLANK, JavaScriptError, Page, Run
from support.servers import Server

FIRST = """
import penny

factor = 3

def here(x):
    return penny.current_worker(), factor * x

async with penny.Scheduler(workers=2) as s:
    print(s._engine.name, await s.submit(pow, 2, 10))
    ran = [r async for r in s.imap(here, range(6))]
    assert [value for _, value in ran] == [0, 3, 6, 9, 12, 15], ran
    assert {worker for worker, _ in ran} <= {0, 1}, ran
    future = s.submit(lambda: {}["no such key"])
    try:
        await future
    except KeyError as error:
        print(error, "in __main__" in str(error.__cause__) or error.__cause__)
    print(s.submit(here, 7).result())
"""


@pytest.fixture(scope="module")
def plain(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page without the headers of isolation."""
    page = Page(driver, plain_server).open()
    yield page
    page.close()


@pytest.mark.parametrize("on", ["page", "host"])
def test_where_no_memory_is_shared(plain: Page, on: str) -> None:
    assert plain.js("return [crossOriginIsolated, typeof SharedArrayBuffer]") == [
        False,
        "undefined",
    ]
    # A host worker's workers are started by the page: in Firefox `new Worker` may hang in a worker.
    without = "import js\ndel js.Worker\n" if on == "host" else ""
    run = plain.run(without + FIRST, on=on)
    lines = run.ok().splitlines()
    assert lines[0] == "messages 1024"
    assert (
        lines[1].startswith("'no such key' in worker ") and 'File "script.py", line ' in run.stdout
    )
    assert lines[-1] in ("(0, 21)", "(1, 21)")
    if on == "page":
        said = [text for level, text in plain.console() if level == "info"]
        assert len(said) == 1 and 'engine "messages"' in said[0], said


BY_JAVASCRIPT = """
const s = await Penny.scheduler({workers: 2, ...args[0]});
const did = {states: [], printed: []};
s.addEventListener('worker', ({detail: {state}}) => did.states.push(state));
s.addEventListener('output', ({detail: {text, worker}}) => did.printed.push([text, worker]));
s.addEventListener('progress', ({detail}) => (did.progress = detail));
const reason = ({name, type, worker, message}) => `${name} ${type ?? worker} ${message}`;

s.define('here', `def here(x, factor=1):
    import penny
    return penny.current_worker(), x * factor`);
const calls = Array.from({length: 20}, (_, i) => s.submit('here', i, Penny.keywords({factor: 3})));
did.ran = await Promise.all(calls);
s.define('nap', `async def nap():
    import asyncio, penny
    await asyncio.sleep(0.1)
    return penny.current_worker()`);
did.naps = await Promise.all([s.submit('nap'), s.submit('nap')]);
did.raised = await s.submit('operator.truediv', 1, 0).catch(reason);
await s.submit('print', 'seen');
s.define('upper', 'lambda data: data.upper()');
const large = await s.submit('upper', new Uint8Array(1 << 20).fill(97));
did.large = [large.length, large[7]];
did.refused = [() => s.array(3), () => s.trace()].map(ask => {
  try {
    ask();
  } catch (error) {
    return error.message;
  }
});

s.define('spin', `def spin():
    print('spins', flush=True)
    while True: pass`);
const spins = new Promise(begun => s.addEventListener('output', begun, {once: true}));
const lost = s.submit('spin').catch(reason);
await spins;
did.stats = s.stats();
for (const worker of [0, 1]) s.pool.kill(worker);
did.lost = await lost;
did.after = await s.submit('len', 'abc');
await s.shutdown();
did.closed = await s.submit('len', '').catch(reason);
return did;
"""


@pytest.mark.parametrize("isolated", [False, True])
def test_the_scheduler_of_javascript(plain: Page, shared_page: Page, isolated: bool) -> None:
    """By itself, and where memory is shared by its name."""
    page = shared_page if isolated else plain
    did = page.js(BY_JAVASCRIPT, {"engine": "messages"} if isolated else {})
    assert [value for _, value in did["ran"]] == [3 * i for i in range(20)]
    assert {worker for worker, _ in did["ran"]} <= {0, 1}
    assert did["naps"] == [64, 64]
    assert did["raised"].startswith("PythonError ZeroDivisionError")
    assert "".join(text for text, _ in did["printed"]) == "seen\nspins\n"
    assert {worker for _, worker in did["printed"]} <= {0, 1}
    assert did["large"] == [1 << 20, ord("A")]
    array, trace = did["refused"]
    assert ('"messages"' if isolated else "not cross-origin isolated") in array
    assert '"messages"' in trace
    assert did["lost"].startswith(("WorkerLost 0", "WorkerLost 1")) and did["after"] == 3
    assert did["stats"]["pending"] == 1
    assert sum(worker["run"] for worker in did["stats"]["workers"]) == 23
    assert did["progress"]["pending"] == 0 and "shut down" in did["closed"]
    assert did["states"][-2:] == ["stopped", "stopped"]
    with pytest.raises(JavaScriptError, match='no engine "nothing": "pool", "messages"'):
        page.js("await Penny.scheduler({engine: 'nothing'})")


LIFE = """
import asyncio, os, time
import penny

def maybe(what):
    if what == "die":
        os._exit(3)
    print("ran", what, flush=True)
    return penny.current_worker(), what

def spin():
    while True:
        pass

def job(n):
    return penny.current_worker(), n * n

def inside(n):
    jobs = [penny.spawn(job, i) for i in range(n)]
    array = penny.SharedArray((n,), "int32")
    def fill(i):
        array[i] = i + 1
    penny.parallel_for(fill, n)
    total = sum(array.read().tolist())
    return penny.current_worker(), [each.join() for each in jobs], total

async def nap(seconds):
    await asyncio.sleep(seconds)
    return penny.current_worker(), await penny.current_scheduler().submit(job, 5)

async def for_ever():
    await asyncio.Event().wait()

async with penny.Scheduler(workers=1, engine="messages") as s:
    # A worker dies with a queue: what it had not begun goes to its successor, nothing runs twice.
    await asyncio.gather(*[s.submit(maybe, f"w{i}") for i in range(30)])
    alone = s.options(timeout=60)
    calls = [f"a{i}" for i in range(100)]
    futures = [s.submit(maybe, each) for each in calls]
    dying = alone.submit(maybe, "die")
    futures += [s.submit(maybe, f"b{i}") for i in range(100)]
    ended = await asyncio.gather(*futures, return_exceptions=True)
    assert [each[1] for each in ended] == calls + [f"b{i}" for i in range(100)], ended
    try:
        await dying
    except penny.WorkerLost as error:
        print("lost:", error)
    # In a group with others it alone is lost: what had not begun goes to the successor, too.
    futures = [s.submit(maybe, f"c{i}" if i != 150 else "die") for i in range(300)]
    ended = await asyncio.gather(*futures, return_exceptions=True)
    lost = [i for i, each in enumerate(ended) if isinstance(each, penny.WorkerLost)]
    assert lost == [150], lost
    assert all(each[1] == f"c{i}" for i, each in enumerate(ended) if i not in lost)

    # Cancelling: what waits at once, what runs with its worker; what comes late is nobody's.
    running = s.submit(spin)
    waiting = [s.submit(maybe, f"d{i}") for i in range(3)]
    assert waiting[1].cancel() and waiting[1].cancelled()
    while not running.running():
        await asyncio.sleep(0)
    assert not running.cancel()
    assert running.cancel(running=True) and running.cancel(running=True)
    try:
        await running
    except asyncio.CancelledError:
        print("cancelled")
    assert [(await each)[1] for each in (waiting[0], waiting[2])] == ["d0", "d2"]
    done = s.submit(job, 3)
    while not done.done():
        await asyncio.sleep(0)
    assert not done.cancel(running=True) and (await done) == (0, 9)

    limited = s.options(timeout=0.2).submit(spin)
    try:
        await limited
    except TimeoutError as error:
        print(error)

    # In its worker alone.
    worker, jobs, total = await s.submit(inside, 10)
    assert worker == 0 and jobs == [(0, i * i) for i in range(10)] and total == 55, (jobs, total)
    array = penny.SharedArray(3)
    try:
        s.submit(len, array)
    except penny.PickleError as error:
        assert "a.read()" in str(error)
    big = bytes(range(256)) * 4096
    assert await s.submit(bytes.upper, big) == big.upper()

    # Coroutines: side by side, cancelled, and what they submit.
    began = time.monotonic()
    naps = [s.submit(nap, 0.3) for _ in range(20)]
    endless = s.submit(for_ever)
    assert await asyncio.gather(*naps) == [(64, (0, 25))] * 20
    assert time.monotonic() - began < 60
    assert endless.cancel(running=True)
    try:
        await endless
    except asyncio.CancelledError:
        print("coroutine cancelled")
    try:
        await s.options(timeout=0.1).submit(for_ever)
    except TimeoutError as error:
        print(error)
print("end")
"""


def check_life(run: Run) -> None:
    lines = run.ok().splitlines()
    ran = [line for line in lines if line.startswith("ran ")]
    assert len(ran) == len(set(ran)), "a task has run twice"
    assert [line for line in lines if not line.startswith("ran ")] == [
        "lost: worker 0 died while it ran __main__.maybe; other tasks go on",
        "cancelled",
        "__main__.spin took longer than its timeout of 0.2 s",
        "coroutine cancelled",
        "__main__.for_ever took longer than its timeout of 0.1 s",
        "end",
    ]
    # What is printed in tasks is known to be a worker's.
    assert {worker for _, text, worker in run.output if text.startswith("ran ")} == {0}


def test_deaths_and_cancelling(plain: Page) -> None:
    check_life(plain.run(LIFE))


def test_where_memory_is_shared(shared_page: Page) -> None:
    """By its name, on a page that is isolated."""
    check_life(shared_page.run(LIFE, on="page"))


@pytest.mark.skipif(browsers.NAME != "chromium", reason="its resolver has a name of ours")
def test_where_nobody_may_have_locks(new_page: Callable[..., Page], plain_server: Server) -> None:
    """A page that is not secure: it can't be told when a worker is gone, but by what is said."""
    page = new_page(plain_server.url.replace("127.0.0.1", "insecure.test") + BLANK)
    assert page.js("return [isSecureContext, 'locks' in navigator]") == [False, False]
    run = page.run("""
        import os, penny
        async with penny.Scheduler(workers=2) as s:
            try:
                await s.submit(os._exit, 3)
            except penny.WorkerLost as error:
                print(error)
            futures = [s.submit(penny.current_worker) for _ in range(20)]
            print({await each for each in futures} <= {0, 1})
    """)
    assert run.ok().endswith("died while it ran posix._exit; other tasks go on\nTrue\n")
