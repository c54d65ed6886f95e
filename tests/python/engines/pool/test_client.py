"""The Python half of a client, on a port that plays the other half."""

from __future__ import annotations

import concurrent.futures
import functools
from types import SimpleNamespace

import pytest
from fake_client_port import FakeClientPort

import penny
from penny.bridge import javascript
from penny.bridge.numbers import Outcome
from penny.engines.pool.client import SharedEngine
from penny.engines.ported.arrivals import Large
from penny.engines.ported.delivery import Waiting
from penny.options import Options
from penny.scheduler import CurrentScheduler
from penny.wire import pickles
from penny.wire.exceptions import dumps_exception


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript, "proxy", lambda callback: callback)
    monkeypatch.setattr(javascript, "once", lambda callback: callback)


@pytest.fixture
def engine() -> SharedEngine:
    return SharedEngine(FakeClientPort, Waiting.ASLEEP)


def submit(engine, function, *args, options=Options(), **kwargs) -> penny.Future:  # noqa: B008
    future: penny.Future = penny.Future(engine)
    engine.submit(future, function, args, kwargs, options)
    return future


def double(n):
    return 2 * n


async def coroutine(n):
    return n


class AsyncCallable:
    async def __call__(self, n):
        return n

    async def method(self, n):
        return n


# -- Submission ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "interactive", "limit"),
    [
        (Options(), False, 0),
        (Options(interactive=True), True, 0),
        (Options(interactive=False), False, 0),
        (Options(timeout=2), False, 2000),
        (Options(timeout=0.0001), False, 1),
        (Options(timeout=1e9), False, 0),
    ],
)
def test_options_go_with_the_task(engine, options, interactive, limit):
    submit(engine, double, 1, options=options)
    submit(engine, double, bytes(1 << 17), options=options)
    for _, _, *sent in engine._port.submitted:
        assert sent == [interactive, limit]


@pytest.mark.parametrize(
    ("function", "flag"),
    [
        (double, 0),
        (coroutine, 2),
        (functools.partial(double), 0),
        (functools.partial(functools.partial(coroutine)), 2),
        (AsyncCallable(), 2),
        (AsyncCallable().method, 2),
        (AsyncCallable, 0),
        (len, 0),
        (str.upper, 0),
    ],
)
def test_coroutine_functions_are_marked(engine, function, flag):
    submit(engine, function, 1)
    submit(engine, function, n=1)
    assert [flags for flags, *_ in engine._port.submitted] == [flag, flag | 1]


def test_too_large_arguments(engine):
    with pytest.raises(MemoryError, match=r"arguments of .*double: \d+ bytes"):
        submit(engine, double, bytes(1 << 20))


# -- Outcomes --------------------------------------------------------------------------------------


def raised(error: BaseException) -> bytes:
    return dumps_exception(error)


def test_returned_and_raised(engine):
    futures = [submit(engine, double, n) for n in range(2)]
    engine._port.end(
        (0, Outcome.RETURNED, pickles.dumps(0)), (1, Outcome.RAISED, raised(KeyError("no")))
    )
    assert futures[0].result() == 0
    assert isinstance(futures[1].exception(), KeyError)


def test_a_file_that_is_only_here_is_named(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").touch()

    def arrived(error):
        future = submit(engine, double, 1)
        engine._port.end((future.ticket - 1, Outcome.RAISED, raised(error)))
        return future.exception()

    def missing(name):
        return FileNotFoundError(44, "No such file or directory", name)

    for name in "here.txt", str(tmp_path / "here.txt"), b"here.txt":
        (note,) = arrived(missing(name)).__notes__
        assert note.startswith(f"({name!r} exists where the task was submitted")
    group = arrived(ExceptionGroup("both", [missing("here.txt"), missing("nowhere.txt")]))
    assert [hasattr(error, "__notes__") for error in group.exceptions] == [True, False]
    for other in (
        missing("nowhere.txt"),
        FileNotFoundError("here.txt"),
        IsADirectoryError(1, "", "."),
    ):
        assert not hasattr(arrived(other), "__notes__")


def test_a_module_that_is_only_here_is_named(engine, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "only_here.py").touch()

    def arrived(name):
        future = submit(engine, double, 1)
        error = ModuleNotFoundError(f"No module named {name!r}", name=name)
        engine._port.end((future.ticket - 1, Outcome.RAISED, raised(error)))
        return future.exception()

    for name in "only_here", "only_here.within":
        (note,) = arrived(name).__notes__
        assert note.startswith(f"({name!r} can be imported where the task was submitted")
    for name in "nowhere", "", None:
        assert not hasattr(arrived(name), "__notes__")


def test_ended_by_cancelled(engine):
    future = submit(engine, double, 1)
    calls: list = []
    future.add_done_callback(calls.append)
    engine._port.end((0, Outcome.RAISED, raised(penny.Cancelled())))
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    assert future.cancelled() and calls == [future]


def test_ended_as_its_time_was_over(engine):
    future = submit(engine, double, 1, options=Options(timeout=0.5))
    engine._port.end((0, Outcome.RAISED, raised(penny.Cancelled(timed_out=True))))
    with pytest.raises(
        TimeoutError, match=r"double took longer than its timeout of 0\.5 s"
    ) as info:
        future.result()
    assert isinstance(info.value.__cause__, penny.RemoteTraceback)
    assert not future.cancelled()


def test_the_worker_was_ended_for_it(engine):
    cancelled = submit(engine, double, 1)
    late = submit(engine, double, 1, options=Options(timeout=3))
    engine._port.end((0, Outcome.CANCELLED, b""), (1, Outcome.TIMED_OUT, b""))
    assert concurrent.futures.wait([cancelled, late]).done == {cancelled, late}
    assert cancelled.cancelled()
    assert isinstance(late.exception(), TimeoutError)
    assert "timeout of 3 s" in str(late.exception())
    assert "worker 7 did not get to Cancelled in time" in late.exception().__notes__[0]


def test_lost_broken_and_no_room(engine):
    futures = [submit(engine, double, n) for n in range(3)]
    engine._port.end(
        (0, Outcome.LOST, b""), (1, Outcome.NO_ROOM, b""), (2, Outcome.BROKEN, b"no such file")
    )
    assert "worker 7 died" in str(futures[0].exception())
    assert isinstance(futures[1].exception(), MemoryError)
    assert isinstance(futures[2].exception(), concurrent.futures.BrokenExecutor)
    with pytest.raises(concurrent.futures.BrokenExecutor, match="no such file"):
        submit(engine, double, 1)


def test_asking_a_running_task_to_end(engine):
    future = submit(engine, double, 1)
    engine._port.asked.append(0)  # a worker has it
    assert not future.cancel()
    assert future.cancel(running=True)
    assert engine._port.asked == [0, 0]
    engine._port.end((0, Outcome.RETURNED, pickles.dumps(2)))
    assert future.result() == 2
    assert not future.cancel(running=True)


# -- Waiting ---------------------------------------------------------------------------------------


def test_whoever_waits_for_one_does_not_wait_for_the_rest(engine):
    futures = [submit(engine, double, n) for n in range(4)]
    for ticket in (2, 0, 1, 3):
        engine._port.end((ticket, Outcome.RETURNED, pickles.dumps(2 * ticket)))
    assert futures[2].result() == 4
    assert [future._state for future in futures].count("FINISHED") == 1
    assert futures[1].done()
    assert [future._state for future in futures].count("FINISHED") == 3
    assert concurrent.futures.wait(futures, timeout=0).not_done == set()


def test_what_has_arrived_is_found_without_waiting(engine):
    futures = [submit(engine, double, n) for n in range(3)]
    for ticket in range(3):
        engine._port.end((ticket, Outcome.RETURNED, pickles.dumps(2 * ticket)))
    assert futures[2].result(timeout=0) == 4


def test_it_sleeps_for_the_time_that_is_left(engine):
    future = submit(engine, double, 1)
    naps: list[float] = []

    def sleep(milliseconds):
        naps.append(milliseconds)
        if len(naps) == 2:
            engine._port.end((0, Outcome.RETURNED, pickles.dumps(2)))

    engine._port.asleep = sleep
    assert future.result(timeout=5) == 2
    assert len(naps) == 2 and 0 < naps[1] <= naps[0] <= 5000


# -- Attached --------------------------------------------------------------------------------------


def test_an_engine_for_coroutines_never_waits():
    scheduler = CurrentScheduler(SharedEngine.attached(FakeClientPort))
    future = scheduler.submit(double, 1)
    with pytest.raises(penny.BlockingError, match="coroutine task can't wait"):
        future.result()
    with pytest.raises(TimeoutError):
        future.result(timeout=0)
    with pytest.raises(RuntimeError, match="belongs to whoever opened it"):
        scheduler.shutdown()


async def test_its_futures_are_awaited():
    engine = SharedEngine.attached(FakeClientPort)
    future = CurrentScheduler(engine).submit(double, 1)
    engine._port.end((0, Outcome.RETURNED, pickles.dumps(2)))
    engine._port.callback()
    assert await future == 2


# -- Others in between: test_delivery_properties.py, and web/penny/tasks/README.md -----------------


def test_a_callback_waits_for_a_later_one_of_its_batch(engine):
    futures = [submit(engine, double, n) for n in range(3)]
    seen: list = []
    futures[0].add_done_callback(lambda _: seen.append(futures[2].result()))
    engine._port.end(*[(n, Outcome.RETURNED, pickles.dumps(2 * n)) for n in range(3)])
    assert futures[1].result() == 2
    assert seen == [4]


def test_what_a_callback_raises_is_raised_once_all_are_told(engine):
    futures = [submit(engine, double, n) for n in range(3)]
    told: list = []
    for future in futures:
        future.add_done_callback(lambda _: exec("raise SystemExit(1)"))
        future.add_done_callback(told.append)
    engine._port.end(*[(n, Outcome.RETURNED, pickles.dumps(2 * n)) for n in range(3)])
    with pytest.raises(SystemExit):
        futures[0].result()
    assert told == futures
    engine._port.callback()  # the event loop's delivery has nobody to raise to
    late = submit(engine, double, 3)
    late.add_done_callback(lambda _: exec("raise SystemExit(1)"))
    engine._port.end((3, Outcome.RETURNED, pickles.dumps(6)))
    engine._port.callback()
    assert late.result() == 6


def test_what_completes_between_a_look_and_the_sleep(engine, monkeypatch):
    futures = [submit(engine, double, n) for n in range(2)]
    drain = engine.drain

    def interrupted(*arguments):
        if futures[1]._state != "FINISHED":
            engine._port.end((1, Outcome.RETURNED, pickles.dumps(2)))
            engine._port.callback()  # a finalizer's doing
        return drain(*arguments)

    monkeypatch.setattr(engine, "drain", interrupted)
    engine._port.asleep = lambda _: pytest.fail("sleeps beside a completion")
    done = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_COMPLETED).done
    assert done == {futures[1]}


def test_an_unread_outcome_lets_its_slot_go(engine, monkeypatch):
    released: list = []
    engine._port.release = released.append
    future = submit(engine, double, 0)
    monkeypatch.setattr(
        engine._arrivals, "_read", lambda _: [(1, Outcome.LOST, 7, Large(engine._port, 5, 0))]
    )
    engine._port.end((0, Outcome.LOST, b""))
    assert isinstance(future.exception(), penny.WorkerLost)
    assert released == [5]


def test_nothing_is_submitted_once_pickling_has_shut_down(engine):
    class Shuts:
        def __reduce__(self):
            engine.shutdown(cancel=False)
            return int, ()

    engine._port.close = lambda: SimpleNamespace(then=lambda _: None)
    with pytest.raises(RuntimeError, match="after shutdown"):
        submit(engine, double, Shuts())
    assert engine._port.submitted == []
