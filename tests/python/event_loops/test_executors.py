"""What event loops do with executors: on a loop like Pyodide's, which ignores them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
from collections.abc import Iterator
from typing import Any

import pytest

import penny
from penny.event_loops import executors


class InlineLoop(asyncio.SelectorEventLoop):
    """Has the three methods as Pyodide 314 has them."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:
            future.set_exception(error)
        return future

    def set_default_executor(self, executor: Any) -> None:
        pass

    async def shutdown_default_executor(self, timeout: Any = None) -> None:
        pass


@pytest.fixture
def loop_class() -> Iterator[type]:
    class Loop(InlineLoop):
        pass

    executors.install(Loop)
    yield Loop
    executors.uninstall()


def where() -> int | None:
    return penny.current_worker()


def run(loop_class: type, main: Any) -> Any:
    with asyncio.Runner(loop_factory=loop_class) as runner:
        return runner.run(main())


class Counting(concurrent.futures.Executor):
    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.ended = False

    def submit(self, fn, /, *args, **kwargs):
        self.calls.append(fn)
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.ended = True


def test_an_executor_is_used(loop_class):
    async def main():
        loop, counting = asyncio.get_running_loop(), Counting()
        with penny.Scheduler() as s:
            given = [await loop.run_in_executor(s, where)]
            given.append(await loop.run_in_executor(s.options(timeout=60), where))
        given.append(await loop.run_in_executor(counting, where))
        return given, len(counting.calls)

    assert run(InlineLoop, main) == ([None, None, None], 0)
    assert run(loop_class, main) == ([0, 0, None], 1)


def test_without_an_executor_or_with_threads_what_was_there_is_done(loop_class):
    async def main():
        loop = asyncio.get_running_loop()
        given = [await loop.run_in_executor(None, where), await asyncio.to_thread(where)]
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            given.append(await loop.run_in_executor(threads, where))
            assert not threads._threads
            loop.set_default_executor(threads)
            given.append(await asyncio.to_thread(where))
            assert not threads._threads
        return given

    assert run(loop_class, main) == [None] * 4


def test_the_default_executor(loop_class):
    async def main():
        loop = asyncio.get_running_loop()
        scheduler = penny.Scheduler()
        loop.set_default_executor(scheduler)
        given = [await loop.run_in_executor(None, where), await asyncio.to_thread(where)]
        assert await asyncio.to_thread(int, "77", base=8) == 63
        loop.set_default_executor(None)
        given.append(await asyncio.to_thread(where))
        loop.set_default_executor(scheduler)
        await loop.shutdown_default_executor()
        given.append(await asyncio.to_thread(where))
        with pytest.raises(RuntimeError, match="after shutdown"):
            scheduler.submit(where)
        return given

    assert run(loop_class, main) == [0, 0, None, None]


def test_another_default_executor_gets_the_context_and_is_ended(loop_class):
    variable = contextvars.ContextVar("variable", default="unset")
    executor = Counting()

    async def main():
        variable.set("set")
        asyncio.get_running_loop().set_default_executor(executor)
        assert await asyncio.to_thread(variable.get) == "set"
        assert isinstance(executor.calls[0], functools.partial)
        assert not executor.ended
        await asyncio.get_running_loop().shutdown_default_executor()

    run(loop_class, main)
    assert executor.ended


def test_a_scheduler_gets_the_function_alone(loop_class):
    variable = contextvars.ContextVar("variable", default="unset")

    class Submitting(penny.Scheduler):
        calls: list[Any]

        def submit(self, fn, /, *args, **kwargs):
            self.calls.append((fn, args, kwargs))
            return super().submit(fn, *args, **kwargs)

    async def main():
        variable.set("set")
        with Submitting(check=True) as s:  # what does not travel fails
            s.calls = []
            asyncio.get_running_loop().set_default_executor(s)
            assert await asyncio.to_thread(int, "77", base=8) == 63
            assert s.calls == [(int, ("77",), {"base": 8})]
            asyncio.get_running_loop().set_default_executor(None)

    run(loop_class, main)


def test_what_is_no_executor_is_refused(loop_class):
    async def main():
        loop = asyncio.get_running_loop()
        with penny.Scheduler() as s:
            with pytest.raises(AttributeError):
                loop.run_in_executor("x", where)
            with pytest.raises(TypeError, match="not callable"):
                loop.run_in_executor(s, 1)
            with pytest.raises(TypeError, match="must be a concurrent"):
                loop.set_default_executor("x")
            loop.set_debug(True)
            with pytest.raises(TypeError, match="coroutines cannot be used"):
                loop.run_in_executor(s, main)
            loop.set_debug(False)
        with pytest.raises(RuntimeError, match="after shutdown"):
            loop.run_in_executor(s, where)

    run(loop_class, main)


@pytest.mark.parametrize("error", [LookupError("x"), SystemExit(3), asyncio.CancelledError()])
def test_exceptions(loop_class, error):
    def fail():
        raise error

    async def main():
        with penny.Scheduler() as s:
            try:
                await asyncio.get_running_loop().run_in_executor(s, fail)
            except BaseException as raised:
                return type(raised)

    assert run(loop_class, main) is type(error)


def test_installing_twice_and_undoing():
    class Loop(InlineLoop):
        pass

    class Inherits(Loop):
        pass

    plain = Loop.run_in_executor
    executors.install(Inherits)
    once = Inherits.run_in_executor
    executors.install(Inherits)
    assert Inherits.run_in_executor is once is not plain
    executors.uninstall()
    assert Inherits.run_in_executor is plain and "run_in_executor" not in vars(Inherits)
    executors.uninstall()


def test_others_may_replace_the_same_methods():
    class Loop(InlineLoop):
        pass

    calls = []

    def replace(name):
        previous = getattr(Loop, name)

        def theirs(self, executor, func, *args):
            calls.append(name)
            return previous(self, executor, func, *args)

        setattr(Loop, name, theirs)
        return theirs

    async def main():
        with penny.Scheduler() as s:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(s, where), await loop.run_in_executor(None, where)

    before = replace("run_in_executor")
    executors.install(Loop)
    after = replace("run_in_executor")
    assert run(Loop, main) == (0, None)
    assert len(calls) == 3  # those after: both calls; those before: what is not for a Scheduler
    executors.uninstall()
    assert Loop.run_in_executor is after
    assert run(Loop, main) == (None, None)  # as it was before
    Loop.run_in_executor = before
    assert run(Loop, main) == (None, None)


def test_plain_python_is_left_alone():
    methods = asyncio.SelectorEventLoop.run_in_executor, asyncio.run
    executors.install()
    penny.Scheduler().shutdown()
    assert (asyncio.SelectorEventLoop.run_in_executor, asyncio.run) == methods
