"""Kernels in the browser: arguments, traps, cancels, loops, modules; from tasks, host and page."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from support.kernel_modules import kernel_module
from support.pages import Page

SOURCE = Path(__file__).parent / "kernels.c"

OPEN = """
import penny

with open("kernels.wasm", "rb") as file:
    k = penny.Kernels(file.read())
"""


@pytest.fixture(scope="module")
def play():
    """Runs a program on a page, with the module as a file; what it printed."""
    data = kernel_module(SOURCE)

    def run(page: Page, program: str, **options) -> str:
        return page.run(OPEN + program, files={"kernels.wasm": data}, **options).ok()

    return run


def test_arguments_and_results(shared_page: Page, play) -> None:
    """Of each type, at the ends of its range."""
    printed = play(
        shared_page,
        """
import math, struct

def check():
    for function, bits, signed in (
        (k.negated, 32, True), (k.inverted, 32, False),
        (k.negated_wide, 64, True), (k.inverted_wide, 64, False),
    ):
        low, high = (-1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        for n in (low, low + 1, 0, 1, 5, 2**31 - 1, high - 1, high):
            expected = (-n if n != low else n) if signed else high - n
            assert function(n) == expected, (function, n, function(n))
    for x in (1, 2.5, -1e30, math.inf):
        single = struct.unpack("f", struct.pack("f", x))[0]
        assert k.third(x) == struct.unpack("f", struct.pack("f", single / 3))[0]
    assert type(k.third(3)) is float and k.third(3) == 1.0
    assert abs(k.sine(1.25) - math.sin(1.25)) < 1e-15
    assert math.isnan(k.sine(math.nan))
    assert (k["not"](True), k["not"](False), k["not"](0)) == (False, True, True)
    return "checked"

with penny.Scheduler(workers=1) as s:
    print(s.submit(check).result())
    print(s.submit(k.inverted_wide, 2**63).result(), s.submit(k.third, x=3).result())
    x, y = penny.SharedArray((4,), "float32"), penny.SharedArray((4,), "float32")
    x.write(struct.pack("4f", 1, 2, 3, 4))
    print(s.submit(k.saxpy, 2, x, y=y).result(), list(y))
    print(s.submit(lambda: (k.saxpy(1, x[1:3], y[:2]), list(y))).result())
    z = penny.SharedArray((2, 3), "float64")
    z[1, 2] = 0.5
    z[0, 1] = 2
    print(s.submit(k.total, z).result(), s.submit(k.total, z[0]).result())
    print(s.submit(k.total, z[:0]).result())
""",
    )
    assert printed == (
        "checked\n9223372036854775807 1.0\nNone [2.0, 4.0, 6.0, 8.0]\n"
        "(None, [4.0, 7.0, 6.0, 8.0])\n2.5 2.0\n0.0\n"
    )


def test_wrong_arguments_queue_nothing(shared_page: Page, play) -> None:
    printed = play(
        shared_page,
        """
from functools import Placeholder, partial

with penny.Scheduler(workers=1) as s:
    x, y = penny.SharedArray((4, 4), "float32"), penny.SharedArray((4,), "float64")
    s.submit(abs, 0).result()
    for function, *args in (
        (k.saxpy, 1.0, x), (k.saxpy, 1.0, x, y), (k.saxpy, 1.0, x, [1.0]), (k.saxpy, "1", x, x),
        (k.saxpy, 1.0, x, x[:, 1]), (k.negated, 2**31), (k.negated, 1.0), (k.third, 1e39),
        (partial(k.saxpy, 1.0, x=x), ), (partial(k.saxpy, Placeholder, x), "1", x),
    ):
        try:
            s.submit(function, *args)
        except (TypeError, OverflowError) as error:
            print(type(error).__name__, str(error)[:62])
    try:
        s.parallel_for(k.mark, 0, 2**32, args=(y, 1))
    except (TypeError, OverflowError) as error:
        print(type(error).__name__, str(error)[:62])
    print(s.stats()["workers"][0]["run"])
""",
    )
    *said, tasks = printed.splitlines()
    assert tasks == "1"
    assert [line.split()[0] for line in said] == (
        ["TypeError"] * 5
        + ["OverflowError", "TypeError", "OverflowError"]
        + ["TypeError"] * 2
        + ["OverflowError"]
    )
    assert all(" kernel " in line for line in said)


def test_a_trap_is_an_error_and_the_worker_goes_on(shared_page: Page, play) -> None:
    printed = play(
        shared_page,
        """
def trapping():
    try:
        k.unreachable()
    except penny.KernelError as error:
        return f"caught {error.reason}", k.divide(6, 2)

with penny.Scheduler(workers=1) as s:
    for function, *args in (
        (k.unreachable,), (k.divide, 1, 0), (k.read_at, 2**32 - 1), (k.forget,), (k.deep, 10**6),
        (k.sink, 10**6),
    ):
        try:
            s.submit(function, *args).result()
        except penny.KernelError as error:
            print(error.kernel, "|", error.reason)
    print(*[s.submit(f, n).result() for f, n in ((k.deep, 100), (k.fib, 20), (k.sink, 1000))])
    print(*s.submit(trapping).result())
    print(s.stats()["workers"][0]["run"])
""",
    )
    lines = printed.splitlines()
    assert lines[0].startswith("unreachable | trapped: unreachable")
    assert lines[1].startswith("divide | trapped: ") and "zero" in lines[1]
    assert re.match("read_at [|] trapped: .*(memory|bounds)", lines[2])
    assert lines[3] == "forget | returned before it had joined all that it had spawned"
    assert lines[4].startswith("deep | ") and "kernel stack is used up" in lines[4]
    assert lines[5].startswith("sink | ") and "kernel stack is used up" in lines[5]
    assert lines[6] == "101 6765 1001"
    assert re.fullmatch("caught trapped: unreachable.* 3", lines[7])
    assert lines[8:] == ["10"]


def test_a_running_kernel_is_cancelled(shared_page: Page, play) -> None:
    printed = play(
        shared_page,
        """
import concurrent.futures

with penny.Scheduler(workers=1) as s:
    for asks in (False, True):
        started = penny.SharedArray((1,), "int32")
        future = s.submit(k.endless, started, asks)
        while not started.atomic_load(0):
            pass
        future.cancel(running=True)
        try:
            print(future.result())
        except concurrent.futures.CancelledError as error:
            print(type(error).__name__, started[0])
    try:
        s.options(timeout=0.05).submit(k.endless, started, False).result()
    except TimeoutError as error:
        print(error)
    started[0] = 0
    def task():
        try:
            k.endless(started, False)
        finally:
            started[0] = 7
    future = s.submit(task)
    while not started.atomic_load(0):
        pass
    future.cancel(running=True)
    concurrent.futures.wait([future])
    print(future.cancelled(), started[0], s.submit(k.negated, 1).result())
    ticks = penny.SharedArray((1,), "int32")
    future = s.parallel_for(k.tick, 0, 2**31 - 1, args=(ticks,))
    while not ticks.atomic_load(0):
        pass
    future.cancel(running=True)
    concurrent.futures.wait([future])
    print(future.cancelled(), 0 < ticks[0] < 2**31 - 1)
    print(s.stats()["workers"][0]["run"])
""",
    )
    lines = printed.splitlines()
    assert lines[0] == "CancelledError 1"
    assert lines[1] in ("None", "CancelledError 2")  # it came to its end in order
    assert lines[2].startswith("penny.kernels.endless took longer than its timeout of 0.05 s")
    assert lines[3:] == ["True 7 -1", "True True", "6"], "no worker was replaced"


def test_a_kernel_that_does_not_end_has_its_worker_replaced(shared_page: Page, play) -> None:
    """The new worker knows the module, and its static data is as it was."""
    printed = play(
        shared_page,
        """
import concurrent.futures

with penny.Scheduler(workers=1) as s:
    started = penny.SharedArray((1,), "int32")
    s.submit(k.count, 5).result()
    future = s.submit(k.stuck, started)
    while not started.atomic_load(0):
        pass
    future.cancel(running=True)
    concurrent.futures.wait([future])
    print(future.cancelled(), s.submit(k.counted).result(), s.submit(k.fib, 20).result())
""",
    )
    assert printed == "True 105 6765\n"


@pytest.mark.parametrize("on", ["host", "page"])
def test_loops_are_shared(shared_page: Page, play, on: str) -> None:
    """From outside and from a task; each number once, until both workers have taken part."""
    printed = play(
        shared_page,
        """
N = 4000

def loop(marks):
    penny.parallel_for(k.mark, 0, N, args=(marks, 500))

async with penny.Scheduler(workers=2) as s:
    for run in (
        lambda marks: s.parallel_for(k.mark, 0, N, args=(marks, 500)),
        lambda marks: s.submit(loop, marks),
        lambda marks: s.options(priority="interactive").parallel_for(
            k.mark, range(N - 1, -1, -1), args=(marks, 500), grain=10
        ),
    ):
        while True:
            marks = penny.SharedArray((N,), "uint8")
            await run(marks)
            workers = set(bytes(marks.read()))
            if len(workers) > 1:
                break
        print(workers)
    await s.parallel_for(k.count, range(10, 0, -3))
    await s.parallel_for(k.count, 0)
    print(await s.submit(k.counted))
""",
        on=on,
    )
    assert printed == "{1, 2}\n" * 3 + f"{100 + 10 + 7 + 4 + 1}\n"


def test_a_module_is_loaded_while_the_pool_runs(shared_page: Page, play) -> None:
    """Both workers are busy when it comes; its static data is shared, and each module's its own."""
    printed = play(
        shared_page,
        """
def until(flags, i):
    flags.atomic_add(0, 1)
    while flags.atomic_load(0) < 2:
        pass
    before = k.counted()
    k.count(1)
    while flags.atomic_load(1) == 0:
        if k.counted() >= 102:
            flags.atomic_store(1, 1)
    return before >= 100, penny.current_worker()

def own(data):
    return penny.Kernels(data).counted()

with open("kernels.wasm", "rb") as file:
    data = file.read()
other = penny.Kernels(data + bytes([0, 2, 1, 65]))  # with a custom section "A"
with penny.Scheduler(workers=2) as s:
    flags = penny.SharedArray((2,), "int32")
    busy = [s.submit(until, flags, i) for i in range(2)]
    print(sorted(each.result() for each in busy))
    print(s.submit(k.counted).result(), s.submit(other.counted).result())
    print(s.submit(own, data).result())
    print(s.submit(lambda: k).result().counted is k.counted, s.submit(k.fib, 24).result())
with penny.Scheduler(workers=1) as s, penny.Scheduler(workers=1) as other_s:
    s.submit(other.count, 5).result()
    other_s.submit(k.count, 1).result()
    for each in s, other_s:
        print(each.submit(k.counted).result(), each.submit(other.counted).result())
""",
    )
    lines = printed.splitlines()
    assert lines == [
        "[(True, 0), (True, 1)]",
        "102 100",
        "102",
        "True 46368",
        "100 105",
        "101 100",
    ]


def test_recursion_is_stolen_and_python_runs_beside_it(shared_page: Page, play) -> None:
    printed = play(
        shared_page,
        """
async def later():
    return await penny.current_scheduler().submit(k.negated, 3)

def spawned():
    jobs = [penny.spawn(k.fib, n) for n in range(20)]
    with penny.scope() as scope:
        last = scope.spawn(k.fib, 20)
    return [job.join() for job in jobs] + [last.join()]

async with penny.Scheduler(workers=2) as s:
    while True:
        large = s.submit(k.fib, 32)
        small = [s.submit(pow, 2, n) for n in range(100)]
        assert await large == 2178309
        assert [await each for each in small] == [2**n for n in range(100)]
        workers = s.stats()["workers"]
        if sum(worker["stolen"] for worker in workers):
            break
    print(await s.submit(later), (await s.submit(spawned))[-2:])
    try:
        await s.submit(lambda: 0) or k.negated(1)
    except RuntimeError as error:
        print(error)
    async def direct():
        return k.negated(1)
    try:
        await s.submit(direct)
    except RuntimeError as error:
        print(error)
""",
        on="page",
    )
    lines = printed.splitlines()
    assert lines[0] == "-3 [4181, 6765]"
    assert lines[1].startswith("kernel negated runs in a Scheduler's workers only: use `await s.")
    assert lines[2].startswith("kernel negated can't run in a coroutine task")


def test_javascript_submits_kernels(shared_page: Page) -> None:
    """On arrays, without a copy; what is wrong is refused."""
    module = base64.b64encode(kernel_module(SOURCE)).decode()
    names, y, total, wide, error, refused = shared_page.js(
        """
        const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
        const s = await Penny.scheduler({workers: 2});
        const {Module} = WebAssembly;
        let compiled = 0;
        WebAssembly.Module = new Proxy(Module, {construct: (of, [b]) => (compiled++, new of(b))});
        const names = await s.defineKernels(bytes(args[0]).buffer);
        WebAssembly.Module = Module;
        if (compiled !== 1) throw new Error(`compiled ${compiled} times`);
        const again = await s.defineKernels(bytes(args[0]));
        if (String(again) !== String(names)) throw new Error(again);
        const x = s.array(4, 'float32'), y = s.array(4, 'float32'), z = s.array(2);
        x.data.set([1, 2, 3, 4]);
        y.data.fill(0.5);
        z.data.set([0.25, 0.5]);
        await s.submit('saxpy', 2, x, y);
        const total = await s.submit('total', Penny.keywords({x: z}));
        const wide = await s.submit('inverted_wide', 2n ** 63n);
        const error = await s.submit('saxpy', 2, x).catch(error => [error.type, error.message]);
        const refused = [];
        const header = [0, 97, 115, 109, 1, 0, 0, 0];
        for (const bad of [[1, 2, 3], header])
          await s.defineKernels(new Uint8Array(bad)).catch(e => refused.push([e.name, e.message]));
        await s.shutdown();
        await s.defineKernels(bytes(args[0])).catch(e => refused.push([e.name, e.message]));
        return [names, [...y.data], total, String(wide), error, refused];
        """,
        module,
    )
    assert {"saxpy", "total", "mark", "fib"} <= set(names)
    assert (y, total, wide) == ([2.5, 4.5, 6.5, 8.5], 0.75, str(2**63 - 1))
    assert error[0] == "TypeError" and "takes 3 arguments, not 2" in error[1]
    assert [name for name, _ in refused] == ["TypeError", "TypeError", "Error"]
    assert "no WebAssembly module" in refused[0][1]
    assert "PENNY_KERNEL" in refused[1][1]
    assert "shut down" in refused[2][1]
