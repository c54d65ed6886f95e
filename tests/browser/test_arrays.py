"""Shared arrays in the browser: page, host, tasks and JavaScript see the same elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_pyodide import run_in_pyodide
from support.pages import Page, Run

JS = Callable[..., Any]


@run_in_pyodide
async def test_a_task_sees_the_pages_array_and_the_page_what_it_wrote(selenium_penny):
    import pickle

    from pool import shared

    import penny

    def work(a, row):
        with a.block(row) as b:
            for i in range(len(b)):
                b[i] += i
        a[0, 1] = 2.5
        return penny.current_worker(), a[row].read().tolist()

    a = penny.SharedArray((3, 4), "float32", scheduler=shared)
    a.write(1, [10, 10, 10, 10])
    worker, row = await shared.submit(work, a, 1)
    assert worker in range(shared.workers)
    assert row == [10, 11, 12, 13]
    assert a.read().tolist() == [[0, 2.5, 0, 0], [10, 11, 12, 13], [0, 0, 0, 0]]
    view = a[::2, ::-1]
    assert await shared.submit(lambda v: v.read().tolist(), view) == [[0, 0, 2.5, 0], [0, 0, 0, 0]]
    await shared.submit(lambda v: v.write(7), view)
    assert a.read().tolist() == [[7] * 4, [10, 11, 12, 13], [7] * 4]
    assert len(pickle.dumps(a)) < 100


@run_in_pyodide
async def test_elements_of_every_type_and_atomic_operations(selenium_penny):
    import array

    from pool import shared

    import penny
    from penny.memory.types import TYPES

    for each in TYPES:
        a = penny.SharedArray((2, 3), each.name, scheduler=shared)
        bits = 8 * each.size
        low, high = 0, 1
        if each.is_integer:
            low, high = (
                (0, 2**bits - 1)
                if each.name[0] == "u"
                else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            )
        for value in (low, high):
            a[1, 2] = value
            assert a[1, 2] == value, each
            assert type(a[1, 2]) is type(a.read().tolist()[1][2]), each
        a[:, ::2] = a[:, 1:]
        assert a.read().tolist() == [[0, 0, 0], [0, 0, high]]
        a[:, ::-1].write(a.read().tobytes())
        assert a.read().tolist() == [[0, 0, 0], [high, 0, 0]]
        if each.is_integer:
            assert a.atomic_add((1, 0), 1) == high
            assert a[1, 0] == low
            assert a.atomic_compare_exchange((1, 0), low, 5) == low
            assert a.atomic_or((1, 0), 2) == 5
            assert a.atomic_exchange((1, 0), 1) == 7
            a.atomic_store((1, 0), high)
            assert a.atomic_load((1, 0)) == high

    def add(a, n):
        for _ in range(n):
            a.atomic_add(1, 1)

    counter = penny.SharedArray(2, "int64", scheduler=shared)
    for future in [shared.submit(add, counter, 500) for _ in range(4)]:
        await future
    assert list(counter) == [0, 2000]
    copied = penny.SharedArray.copy_of(array.array("d", [1.5, 2.5]), scheduler=shared)
    assert list(copied) == [1.5, 2.5]


@run_in_pyodide
async def test_nothing_is_left_when_the_last_has_let_go(selenium_penny):
    import contextlib
    import gc

    import penny

    own = penny.Scheduler(workers=1)

    def make(n):
        a = penny.SharedArray(n, "uint8")
        a[-1] = 5
        return {"array": a, "half": a[: n // 2]}

    def look(a, more=None):
        return a[-1]

    def fail(a):
        raise ValueError(a)

    def wait(a, seconds):
        import time

        time.sleep(seconds)
        return a

    async def used():
        # A worker lets go of a result just after its task has ended: before it begins the next.
        await own.submit(len, "")
        gc.collect()
        return own.stats()["heap"]["used"]

    # The functions stay in the table; workers keep nothing of the arguments.
    small = penny.SharedArray(1, scheduler=own)
    for call in ((make, 2), (look, small), (fail, small), (wait, small, 0)):
        with contextlib.suppress(ValueError):
            await own.submit(*call)
    del small, call
    base = await used()

    a = penny.SharedArray(1 << 20, "uint8", scheduler=own)
    assert await used() >= base + (1 << 20)
    futures = [own.submit(look, a, more=[a, a[3:]]) for _ in range(5)]
    del a  # on their way alone
    assert [await future for future in futures] == [0] * 5
    del futures
    assert await used() == base

    result = await own.submit(make, 1 << 20)
    assert result["array"][-1] == 5
    assert await used() >= base + (1 << 20)
    half = result.pop("half")
    result.clear()
    assert half.size == 1 << 19
    assert await used() >= base + (1 << 20)
    del half
    assert await used() == base

    with penny.SharedArray(1 << 20, scheduler=own) as a:
        sizes = []
        try:
            await own.submit(fail, a)
        except ValueError as error:
            sizes.append(error.args[0].size)
        assert sizes == [a.size]
    assert await used() == base

    future = own.submit(wait, penny.SharedArray(1 << 20, scheduler=own), 0.05)
    queued = [own.submit(look, penny.SharedArray(1 << 16, scheduler=own)) for _ in range(20)]
    for each in queued:
        each.cancel()
    assert (await future).size == 1 << 20
    del future, queued, each
    assert await used() == base
    await own.aclose()


@pytest.mark.idle
@run_in_pyodide
async def test_no_room_says_so(selenium_penny):
    from pool import shared

    import penny

    limit = shared.stats()["heap"]["limit"]
    for size in (limit + 1, 1 << 40):
        try:
            penny.SharedArray(size, "uint8", scheduler=shared)
        except MemoryError as error:
            assert f"{size} bytes" in str(error)
            assert f"{limit} bytes" in str(error)
        else:
            raise AssertionError


@run_in_pyodide
async def test_jobs_and_coroutines_have_it_too(selenium_penny):
    from pool import shared

    import penny

    def fill(a, value):
        a[...] = value
        return a

    def parent(n):
        a = penny.SharedArray((n, 100), "int32")
        jobs = [penny.spawn(fill, a[i], i) for i in range(n)]
        views = [job.join() for job in jobs]
        assert [view[99] for view in views] == list(range(n))
        # Public from the start: through shared memory.
        future = penny.current_scheduler().options(timeout=60).submit(fill, a[0], 77)
        assert future.result()[5] == views[0][5] == 77
        penny.parallel_for(lambda i: a[i].write(i * 2), n)
        return a

    async def coroutine(a):
        a[0, 0] = 5
        b = penny.SharedArray(3, "int8")
        c = await penny.current_scheduler().submit(fill, b, 4)
        assert list(b) == list(c) == [4, 4, 4]
        return a, b

    a = await shared.submit(parent, 8)
    assert [a[i, 50] for i in range(8)] == [0, 2, 4, 6, 8, 10, 12, 14]
    again, b = await shared.submit(coroutine, a)
    assert a[0, 0] == again[0, 0] == 5
    assert list(b) == [4, 4, 4]


@run_in_pyodide
async def test_large_values_go_through_unchanged(selenium_penny):
    from array import array

    from pool import shared

    def same(*args, **kwargs):
        return args, kwargs

    size = 1 << 20
    data = bytes(range(256)) * (size // 256)
    values = [
        data,
        bytearray(data),
        array("d", range(size // 8)),
        [data, {"deep": [bytearray(data[: 1 << 17]), 1]}],
        {"key": data[:70_000], "small": b"x"},
    ]
    for value in values:
        (got,), _ = await shared.submit(same, value)
        assert got == value
        assert type(got) is type(value)
    _, kwargs = await shared.submit(same, key=data)
    assert kwargs == {"key": data}
    # Any memoryview arrives as bytes.
    for view in (memoryview(data), memoryview(bytearray(data))[::2], memoryview(data[:10])):
        (got,), _ = await shared.submit(same, view)
        assert type(got) is bytes
        assert got == bytes(view)


# -- A host worker, and the page's own Pyodide, as programs ----------------------------------------


PROGRAM = """
import penny

def touch(a):
    a[3] = 7
    return a[:2]

async with penny.Scheduler(workers=1) as s:
    a = penny.SharedArray(10, "int16")      # of the scheduler that is open
    b = await s.submit(touch, a)
    b[1] = 3
    print(list(a))
print(a[3])                                 # it outlives the scheduler
try:
    penny.SharedArray(3)
except RuntimeError as error:
    print(error)
"""


PRINTED = """\
[0, 3, 0, 7, 0, 0, 0, 0, 0, 0]
7
no Scheduler is open here, so there is no shared memory for an array: open one first
"""


@pytest.mark.program(PROGRAM)
def test_a_program_in_a_host_worker(run: Run) -> None:
    assert (run.stdout, run.status) == (PRINTED, 0)


@pytest.mark.program(PROGRAM, on="page")
def test_a_program_on_the_page(run: Run) -> None:
    assert (run.stdout, run.status) == (PRINTED, 0)


# -- JavaScript ------------------------------------------------------------------------------------


@pytest.fixture
def js(shared_page: Page) -> JS:
    """Runs JavaScript that has `s`, a Scheduler of 2 workers."""

    def run(source: str, *args: Any) -> Any:
        return shared_page.js(
            """
            const s = await (globalThis.sharedScheduler ??= Penny.scheduler({workers: 2}));
            """
            + source,
            *args,
        )

    return run


def test_javascript_and_python_see_the_same_elements(js: JS) -> None:
    assert js("""
        s.define('invert',
          'def invert(a):\\n a[1] = [-x for x in a[1]]\\n return [a[0, 2], a, a[:, 1]]');
        const a = s.array([2, 3], 'float32');
        a.data.set([1, 2, 3, 4, 5, 6]);
        const [element, same, column] = await s.submit('invert', a);
        same.data[0] = 9;
        let refused;
        try { column.data; } catch (error) { refused = error.message; }
        return [element, [...a.data], same.shape, same.dtype, column.shape, column.strides,
          refused];
    """) == [
        3,
        [9, 2, 3, -4, -5, -6],
        [2, 3],
        "float32",
        [2],
        [12],
        "the elements of this view do not lie one after the other: copy them in Python",
    ]


def test_javascript_lets_go(shared_page: Page) -> None:
    base, kept, after, message, freed = shared_page.js("""
        // A worker lets go of a result just after its task has ended: before it begins the next.
        const s = await Penny.scheduler({workers: 1});
        const used = async () => { await s.submit('len', ''); return s.stats().heap.used; };
        s.define('size', 'def size(a, b=None):\\n return len(a)');
        s.define('give', 'def give(n):\\n import penny\\n return penny.SharedArray(n, "uint8")');
        const first = s.array(1); await s.submit('size', first); first.free();
        (await s.submit('give', 1)).free();
        const base = await used();
        const a = s.array(1 << 20, 'uint8');
        const sum = s.submit('size', [1, {deep: a}, a], Penny.keywords({b: a}));
        a.free(); a.free();
        await sum;
        const b = await s.submit('give', 1 << 20);
        const kept = await used() - base;
        b.free();
        const message = await s.submit('size', a).catch(error => error.message);
        const after = await used();
        await s.shutdown();
        return [base, kept, after, message, a.freed];
    """)
    assert kept >= 1 << 20
    assert after == base
    assert "freed" in message
    assert freed


def test_an_image_is_copied_once_into_the_canvas(js: JS) -> None:
    assert js("""
        s.define('red', 'def red(a):\\n a[...] = 0\\n a[:, :, 0] = 255\\n a[:, :, 3] = 255');
        const image = s.array([4, 5, 4], 'uint8');
        await s.submit('red', image);
        const context = new OffscreenCanvas(5, 4).getContext('2d');
        context.putImageData(image.imageData(), 0, 0);
        let refused = false;
        try { s.array([2, 2], 'uint8').imageData(); } catch { refused = true; }
        return [[...context.getImageData(4, 3, 1, 1).data], refused];
    """) == [[255, 0, 0, 255], True]


def test_javascript_is_told_what_is_wrong(js: JS) -> None:
    assert js("""
        const said = call => {
          try { call(); } catch ({name, message}) { return `${name}: ${message}`; }
        };
        const other = await Penny.scheduler({workers: 1});
        const foreign = other.array(3);
        const messages = [
          said(() => s.array(-1)), said(() => s.array([1.5])), said(() => s.array(1, 'float16')),
          said(() => s.array(2 ** 40)).replace(/\\d{4,}/g, 'N'),
          await s.submit('len', foreign).catch(({message}) => message),
        ];
        await other.shutdown();
        return messages;
    """) == [
        "RangeError: a shape is made of integers that are not negative, not [-1]",
        "RangeError: a shape is made of integers that are not negative, not [1.5]",
        "TypeError: no element type 'float16': there are bool, int8, int16, int32, int64, uint8, "
        "uint16, uint32, uint64, float32, float64",
        "ArrayRoomError: an array of N bytes finds no room in the scheduler's shared heap of N "
        "bytes, of which N are in use: free others, or give the scheduler a larger memory",
        "args: a shared array of another scheduler cannot be sent to this one",
    ]
