"""Kernels: what a module has, what is checked and when, how handles travel; on fake ports."""

from __future__ import annotations

import contextlib
import copy
import functools
import operator
import pickle
import subprocess
import sys
import threading

import pytest
from fake_array import FakeArray
from fake_client_port import FakeClientPort
from fake_engine import FakeEngine
from fake_port import FakePort, Reference, isolated
from wasm_writer import module

import penny
from penny.bridge import javascript as _bridge
from penny.bridge.numbers import CancelReason, Outcome, Reason
from penny.engines.pool.client import SharedEngine
from penny.engines.ported.delivery import Waiting
from penny.jobs import job as jobs
from penny.jobs import running
from penny.kernels import kernel as kernels
from penny.kernels import modules
from penny.loops import calls as loops
from penny.scheduler import CurrentScheduler
from penny.wire import pickles

FUNCTIONS = {
    "saxpy": (("f32", "i32", "i32", "i32", "i32"), ()),
    "row": (("i32", "i32", "i32"), ()),
    "total": (("i32", "i32"), ("f64",)),
    "wide": (("i64",), ("i64",)),
    "helper": (("i32",), ()),
}
SIGNATURES = (
    "saxpy(f32 a, f32[] x, f32[] y)\n"
    "row(i32 y, f32[] image)\n"
    "total(f64[] x) -> f64\n"
    "wide(u64 n) -> u64\n"
)
MODULE = module(FUNCTIONS, SIGNATURES)


@pytest.fixture
def k():
    return penny.Kernels(MODULE)


@pytest.fixture
def x():
    return FakeArray()


class Thrown(Exception):
    """Stands for an error of JavaScript's."""


@pytest.fixture(autouse=True)
def javascript(monkeypatch):
    def thrown(error):
        return error.args if isinstance(error, Thrown) else None

    monkeypatch.setattr(_bridge, "thrown", thrown)


# -- What a module has ---------------------------------------------------------------------------


def test_kernels_are_attributes(k):
    assert list(k) == ["saxpy", "row", "total", "wide"] and len(k) == 4
    assert repr(k) == "<Kernels saxpy, row, total, wide>"
    assert repr(k.saxpy) == "<Kernel saxpy(f32 a, f32[] x, f32[] y)>"
    assert k.saxpy is k["saxpy"] and k.saxpy.name == k.saxpy.__name__ == "saxpy"
    assert k.total.__doc__ == "total(f64[] x) -> f64"
    assert {"saxpy", "row"} <= set(dir(k)) and "saxpy" in k and "helper" not in k
    assert isinstance(k.saxpy, penny.Kernel)


@pytest.mark.parametrize("data", [bytearray(MODULE), memoryview(MODULE)])
def test_any_buffer_will_do(data):
    assert list(penny.Kernels(data))


def test_what_is_not_there(k):
    with pytest.raises(AttributeError, match=r"no kernel 'saxpi'; its kernels: saxpy, row, total"):
        _ = k.saxpi
    with pytest.raises(LookupError, match=r"no kernel 'saxpi'"):
        _ = k["saxpi"]
    with pytest.raises(AttributeError, match=r"exports 'helper', .*PENNY_KERNEL\(helper, "):
        _ = k.helper
    assert not hasattr(k, "_private") and not hasattr(k, "__array__")
    with pytest.raises(AttributeError, match=r"its kernels: none"):
        _ = penny.Kernels(module({})).f


@pytest.mark.parametrize("data", ["text", 5, None, [1]])
def test_only_bytes_are_a_module(data):
    with pytest.raises(TypeError, match=r"takes the bytes of a WebAssembly module .* not "):
        penny.Kernels(data)


def test_what_is_wrong_with_a_module():
    with pytest.raises(ValueError, match=r"not a WebAssembly module"):
        penny.Kernels(b"#include <penny.h>")
    with pytest.raises(ValueError, match=r"imports no shared memory, .*penny kernel build"):
        penny.Kernels(module(FUNCTIONS, SIGNATURES, shared=False))
    with pytest.raises(ValueError, match=r"signature for kernel f, and no such function: .* saxpy"):
        penny.Kernels(module(FUNCTIONS, "f()\n"))
    with pytest.raises(
        ValueError,
        match=r"row\(i32 y\) would be a function of \(i32\) -> \(\), but is one of "
        r"\(i32, i32, i32\) -> \(\) ",
    ):
        penny.Kernels(module(FUNCTIONS, "row(i32 y)\n"))


def test_signatures_in_python():
    bare = module(FUNCTIONS)
    assert not list(penny.Kernels(bare))
    k = penny.Kernels(bare, signatures={"row": "i32 y, u8[] image", "wide": "(i64) -> i64"})
    assert repr(k.row) == "<Kernel row(i32 y, u8[] image)>"
    assert str(k.wide.signature) == "(i64 arg0) -> i64"
    assert (
        repr(penny.Kernels(MODULE, {"row": "u32 y, i8[] i"}).row) == "<Kernel row(u32 y, i8[] i)>"
    )
    with pytest.raises(ValueError, match=r"the signature of kernel row, .* no type 'byte'"):
        penny.Kernels(bare, {"row": "byte[] image"})


# -- Checked before anything is queued -----------------------------------------------------------


def wrong_calls(x):
    return [
        ((1.0, x), {}, TypeError, "takes 3 arguments, not 2"),
        ((1.0, x, [1.0]), {}, TypeError, "'y' must be a penny.SharedArray of float32, not list"),
        (
            (1.0, x, FakeArray("float64")),
            {},
            TypeError,
            "'y' must be .* float32, not one of float64",
        ),
        (("1", x, x), {}, TypeError, "'a' must be a float"),
        ((1e39, x, x), {}, OverflowError, "'a' is out of f32's range"),
        ((1.0, x), {"z": x}, TypeError, "no parameter 'z'"),
    ]


def test_submit_checks(k, x, engine):
    with penny.Scheduler() as s:
        for args, kwargs, error, message in wrong_calls(x):
            for submit in s.submit, s.options(priority="interactive").submit:
                with pytest.raises(error, match=rf"kernel saxpy.*{message}"):
                    submit(k.saxpy, *args, **kwargs)
        with pytest.raises(OverflowError, match=r"kernel wide: argument 'n' must be from 0 to"):
            s.submit(k.wide, -1)
        with pytest.raises(TypeError, match=r"kernel wide"):
            list(s.map(k.wide, [1, 2.5]))
        assert engine.submissions == 1  # of map: what comes before the wrong one
        engine.queue.clear()


def wrapped(k):
    """Callables that are known to call kernel wide, with the arguments before its own."""
    partial = functools.partial
    yield partial(k.wide), ()
    yield partial(partial(k.wide)), ()
    yield k.wide.__call__, ()
    yield operator.call, (k.wide,)
    yield partial(operator.call, k.wide), ()


def test_submit_checks_what_wraps_a_kernel(k, x, engine):
    with penny.Scheduler() as s:
        for call, before in wrapped(k):
            for args, error in (((), TypeError), (("1",), TypeError), ((-1,), OverflowError)):
                with pytest.raises(error, match="kernel wide"):
                    s.submit(call, *before, *args)
            assert not engine.submissions
            s.submit(call, *before, 1)
            assert engine.queue.pop() and engine.submissions == 1
            engine.submissions = 0
        saxpy = functools.partial(k.saxpy, 1.0, y=x)
        with pytest.raises(TypeError, match="'x' is missing"):
            s.submit(saxpy)
        with pytest.raises(TypeError, match="argument 'y' must be"):
            s.submit(saxpy, x, y=1)
        with pytest.raises(TypeError, match=r"kernel wide: argument 'n' must be an int"):
            list(s.map(k.wide, [1, 2.5], chunksize=2))
        assert not engine.submissions
        s.submit(lambda: k.wide(-1))  # nobody knows what that will do
        s.submit(saxpy, x)
        assert engine.submissions == 2
        engine.queue.clear()


@pytest.mark.skipif(not hasattr(functools, "Placeholder"), reason="since Python 3.14")
def test_placeholders_are_filled(k, x):
    place = functools.Placeholder
    kernels.check_call(functools.partial(k.saxpy, place, x), (1.0, x), {})
    for args in ((), ("1", x), (1.0,), (1.0, x, x)):
        with pytest.raises(TypeError, match="kernel saxpy"):
            kernels.check_call(functools.partial(k.saxpy, place, x), args, {})


def test_arguments_by_name_are_sent_by_place(k, x, engine):
    with penny.Scheduler() as s:
        s.submit(k.saxpy, 2, y=x, x=x)
        _, arguments, _ = engine.queue.pop().ticket
        assert pickles.loads(arguments) == ((2.0, x, x), {})


def test_registered_kernels_are_checked_too(k, engine):
    with penny.Scheduler() as s:
        assert s.register(k.wide, id=7) == 7
        for name in 7, "penny.kernels.wide":
            with pytest.raises(TypeError, match=r"kernel wide: argument 'n' must be an int"):
                s.new_task(name, ["1"])
        assert not engine.submissions
        s.new_task(7, [1])
        assert engine.submissions == 1
        engine.queue.clear()


def test_parallel_for_checks(k, x, engine):
    wrong = [
        ((k.row, 10), {}, TypeError, "takes 2 arguments, not 1"),
        ((k.row, 0, 10), {"args": (x, x)}, TypeError, "takes 2 arguments, not 3"),
        ((k.row, 0, 10), {"args": (FakeArray("int8"),)}, TypeError, "'image' must be"),
        ((k.row, 0, 2**31 + 1), {"args": (x,)}, OverflowError, "'y' must be .*not 2147483648"),
        ((k.wide, -1, 3), {}, OverflowError, "'n' must be from 0 .*not -1"),
        ((k.wide, range(3, -2, -1)), {}, OverflowError, "'n' must be from 0 .*not -1"),
        ((k.saxpy, 3), {"args": (x, x)}, TypeError, "first parameter must be an integer"),
        ((k.total, 3), {}, TypeError, "first parameter must be an integer"),
        ((k.row, [1, 2]), {"args": (x,)}, TypeError, "a range, not for items of a list"),
    ]
    with penny.Scheduler() as s:
        for args, kwargs, error, message in wrong:
            with pytest.raises(error, match=rf"kernel .*{message}"):
                s.parallel_for(*args, **kwargs)
            with pytest.raises(error, match=rf"kernel .*{message}"):
                penny.parallel_for(*args, **kwargs)
        for n in 0.5, "9":
            with pytest.raises(TypeError):
                s.parallel_for(k.wide, 0, n)
        assert not engine.submissions
        s.parallel_for(k.row, 0, 2**31, args=[x])
        assert engine.submissions == 1
        engine.queue.clear()


def test_on_plain_python_the_error_says_what_to_do(k, x):
    with penny.Scheduler() as s:
        with pytest.raises(TypeError, match=r"'y' must be a penny"):
            s.submit(k.saxpy, 1.0, x, None)
        refused = r"kernel {} can't run on the engine 'serial': .* `penny run`"
        with pytest.raises(RuntimeError, match=refused.format("saxpy")):
            s.submit(k.saxpy, 1.0, x, x)
        with pytest.raises(RuntimeError, match=refused.format("row")):
            s.parallel_for(k.row, 0, 1, args=(x,))
        with pytest.raises(RuntimeError, match=r"<Kernels saxpy, .*> can't run on the engine"):
            s.submit(len, k)
        assert not any(worker["run"] for worker in s.stats()["workers"])
        with pytest.raises(RuntimeError, match=r"kernel wide can't run here: .* `penny run`"):
            s.submit(lambda: k.wide(1)).result()
    for call in k.saxpy, functools.partial(penny.parallel_for, k.row, 0, 1, args=(x,)):
        with pytest.raises((RuntimeError, TypeError), match=r"can't run here|takes 3"):
            call()


def test_elsewhere_in_a_browser_the_error_says_what_to_do(k, monkeypatch):
    monkeypatch.setattr(kernels.sys, "platform", "emscripten")
    with pytest.raises(RuntimeError, match=r"use `await s.submit\(k.wide, …\)`"):
        k.wide(1)
    with isolated():
        modules.set_home(modules.Destination(lambda data: 1))
        with pytest.raises(RuntimeError, match=r"coroutine task, .*`await penny.current_scheduler"):
            k.wide(1)


# -- Called in a worker --------------------------------------------------------------------------


@pytest.fixture
def port():
    port = FakePort()
    port.kernels = {"wide": lambda n: -n, "total": lambda address, length: length}
    return port


def test_a_call(k, port):
    assert port.run(lambda: (k.wide(5), k.total(x=FakeArray("float64", 7)))) == (2**64 - 5, 7.0)
    assert port.modules == [MODULE], "sent once"
    assert port.run(k.wide, 1) == 2**64 - 1


def test_arrays_are_passed_as_address_and_length(k, port):
    calls = []
    port.kernels["saxpy"] = lambda *args: calls.append(args)
    port.run(lambda: k.saxpy(2, FakeArray(address=64), FakeArray(address=128, length=9)))
    assert calls == [(2.0, 64, 4, 128, 9)]


def test_wrong_arguments_of_a_call(k, port):
    def task():
        for call in k.wide, functools.partial(penny.spawn, k.wide):
            with pytest.raises(TypeError, match=r"kernel wide"):
                call("1").join()
        return True

    assert port.run(task)
    assert not port.modules


@pytest.mark.parametrize("thieves", [0, 1])
def test_spawn_and_scope(k, port, thieves):
    def task():
        if thieves:
            port.ring(thieves=thieves)
        jobs = [penny.spawn(k.wide, n) for n in range(1, 4)]
        with penny.scope() as scope:
            last = scope.spawn(k.wide, 4)
        return [2**64 - job.join() for job in [*jobs, last]]

    assert port.run(task) == [1, 2, 3, 4]
    assert port.modules == [MODULE]
    assert len(port.promoted) >= thieves


def test_wrong_arguments_are_an_error_where_a_kernel_is_spawned(k, x):
    def spawns():
        for args, error in (((), TypeError), (("1",), TypeError), ((-1,), OverflowError)):
            before = list(jobs.private)
            with pytest.raises(error, match="kernel wide"):
                penny.spawn(k.wide, *args)
            for call, first in wrapped(k):
                with pytest.raises(error, match="kernel wide"):
                    penny.spawn(call, *first, *args)
            with penny.scope() as scope:
                with pytest.raises(error, match="kernel wide"):
                    scope.spawn(k.wide, *args)
                with pytest.raises(error, match="kernel wide"):
                    scope.spawn(functools.partial(k.wide, *args))
                assert not scope._jobs
            assert jobs.private == before
        with pytest.raises(TypeError, match="kernel saxpy: argument 'x'"):
            penny.spawn(k.saxpy, 1.0, [1.0], x)
        return penny.spawn(abs, -1).join()

    assert running.run(spawns) == 1


def test_spawn_looks_for_kernels_once_there_are_any():
    program = f"""
import penny
from penny import spawn

before = spawn.__code__
penny.Kernels({module({}, "")!r})
assert spawn.__code__ is before
penny.Kernels({MODULE!r})
assert spawn is penny.spawn and spawn.__code__ is not before
print(spawn.__code__.co_name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("spawn\n", "")


def test_a_trap_is_an_error_of_the_caller_and_the_worker_goes_on(k, port):
    def trap(n):
        raise Thrown("KernelTrap", "the kernel trapped: unreachable")

    port.kernels["wide"] = trap
    port.kernels["row"] = lambda *args: trap(1)

    def task():
        for name, call in (
            ("wide", lambda: k.wide(1)),
            ("wide", lambda: penny.spawn(k.wide, 1).join()),
            ("wide", lambda: penny.parallel_for(k.wide, 3)),
            ("row", lambda: penny.parallel_for(k.row, 3, args=(FakeArray(),))),
        ):
            with pytest.raises(penny.KernelError) as caught:
                call()
            assert caught.value.kernel == name
            assert str(caught.value) == f"kernel {name}: trapped: unreachable"
        raise caught.value

    with pytest.raises(penny.KernelError) as caught:
        port.run(task)
    assert (caught.value.kernel, caught.value.reason) == ("row", "trapped: unreachable")
    assert port.run(lambda: k.total(FakeArray("float64"))) == 4.0


def test_a_worker_that_died_under_a_kernel(k, port):
    def die(n):
        raise Thrown("KernelLost", "a worker died while it ran a job")

    port.kernels["wide"] = die
    with pytest.raises(penny.WorkerLost, match="kernel wide: a worker died"):
        port.run(k.wide, 1)


def test_a_kernel_that_was_asked_to_end(k, port):
    """The doorbell's reasons were taken by the kernel, and come back when it has ended."""

    def cancelled(n):
        port.tasks[port.task()].asked = CancelReason.TIMED_OUT
        port.prepare_ring(Reason.CANCEL)
        raise Thrown("KernelCancelled", "the kernel was asked to end")

    port.kernels["wide"] = cancelled
    with pytest.raises(penny.Cancelled) as caught:
        port.run(lambda: [k.wide(1)])
    assert caught.value.timed_out


def test_tasks_run_on_top_of_a_kernel_that_waits(k, port):
    log = []

    def other():
        log.append("other")
        job = penny.spawn(log.append, "its job")
        port.ring(thieves=0)  # masked, or not: nothing of the kernel's task is touched
        job.join()

    def wait(n):
        while port.queue:
            port.run_found.value(port.queue.popleft())
        assert not jobs.masked
        log.append("kernel")
        return n

    def task():
        port.submit(Referred(other))
        port.submit(Referred(other))
        first = penny.spawn(log.append, "first")
        result = k.wide(1)
        first.join()
        return result

    port.kernels["wide"] = wait
    port.submit(task)
    port.serve()
    assert log == ["other", "its job"] * 2 + ["kernel", "first"]


def test_a_request_that_came_while_others_ran_on_top_is_answered(k, port):
    def wait(n):
        port.run_found.value(port.submit(Referred(lambda: port.prepare_ring(thieves=1))))
        jobs.noted = True  # by the handler, masked between the other task and the kernel
        assert not port.promoted
        return n

    def begin(task):
        port.queue.remove(task)
        return port._begin(task)

    def task():
        job = penny.spawn(k.wide, 7)
        port.kernels["wide"] = wait
        penny.Kernels(MODULE).wide(1)
        port.kernels["wide"] = abs
        assert port.promoted == [(7,)]
        return job.join()

    port.begin = begin
    handle = port.submit(task)
    port.serve()
    assert port.value(port.tasks[handle]) == 7


def test_other_errors_pass(k, port):
    def broken(n):
        raise ZeroDivisionError("of Penny's own")

    port.kernels["wide"] = broken
    with pytest.raises(ZeroDivisionError):
        port.run(k.wide, 1)


# -- Loops ---------------------------------------------------------------------------------------


@pytest.fixture
def rows(port):
    """The numbers that `row` was called with."""
    rows = []
    port.kernels["row"] = lambda y, address, length: rows.append(y)
    return rows


@pytest.mark.parametrize(
    "what", [range(0), range(100), range(-50, 50), range(99, -1, -1), range(0, 100, 7)]
)
def test_a_loop_calls_for_each_number(k, port, rows, x, what):
    assert port.run(lambda: penny.parallel_for(k.row, what, args=(x,))) is None
    assert sorted(rows) == sorted(what)


def test_a_loop_calls_in_chunks(k, port, rows, x):
    port.run(lambda: penny.parallel_for(k.row, 10, 1010, args=(x,), grain=100))
    assert sorted(rows) == list(range(10, 1010))
    assert len(port.ranges) <= 10 and max(high - low for low, high in port.ranges) == 100


def test_a_loop_is_shared_with_whoever_asks(k, port, rows, x):
    port.kernels["row"] = lambda y, address, length: (
        rows.append(y),
        port.ring(thieves=1) if penny.current_worker() == 0 and y % 10 == 0 else None,
    )
    port.run(lambda: penny.parallel_for(k.row, 0, 300, args=(x,), grain=5))
    assert sorted(rows) == list(range(300))
    assert port.promoted
    for ((part, *_),) in port.promoted:
        assert part.args == (x,)
    assert port.modules == [MODULE]


def test_loops_over_ordinary_functions_take_arguments(run):
    calls = []

    def f(i, *rest):
        calls.append((i, *rest))

    run(lambda: penny.parallel_for(f, 2, 5, args=("a", None)))
    run(lambda: penny.parallel_for(f, [7], args=[1]))
    run(lambda: penny.parallel_for(f, 2))
    run(lambda: penny.parallel_for(f, 5, 2))
    assert calls == [(2, "a", None), (3, "a", None), (4, "a", None), (7, 1), (0,), (1,)]


def test_arguments_of_loops_are_copied_for_thieves(port):
    calls = []
    port.kernels["log"] = lambda i, rest: calls.append((penny.current_worker(), i, id(rest)))

    def f(i, rest):
        port.kernels["log"](i, rest)
        if penny.current_worker() == 0 and i == 3:
            port.ring(thieves=1)

    rest = ["a"]
    log = Referred(f)
    port.run(lambda: penny.parallel_for(log, 0, 100, args=(rest,), grain=1))
    assert sorted(i for _, i, _ in calls) == list(range(100))
    assert {identity == id(rest) for worker, _, identity in calls if worker == 0} == {True}
    assert {identity == id(rest) for worker, _, identity in calls if worker == 1} == {False}


class Referred:
    """A function that is not copied."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        return self.function(*args)

    def __reduce__(self):
        return Reference(self).__reduce__()


@pytest.mark.parametrize("args", [(1,), ((), 1.5)])
def test_high_must_be_an_integer(args):
    with pytest.raises(TypeError):
        penny.parallel_for(abs, *args, 2.5)


# -- Handles -------------------------------------------------------------------------------------


class WorkerPort(FakePort):
    """Notes which kernels are called."""

    def __init__(self):
        super().__init__()
        self.called = []

    def call_kernel(self, *call):
        self.called.append(call)
        return super().call_kernel(*call)


class ClientPort(FakeClientPort):
    numbers = 0
    """Modules that were added before."""

    def __init__(self, inbox, outbox):
        super().__init__(inbox, outbox)
        self.forms: list[bytes] = []
        self.modules: list[bytes] = []

    def add_function(self, data):
        self.forms.append(bytes(data))
        return len(self.forms)

    def add_kernels(self, data):
        if self.numbers < 0:
            return -1
        self.modules.append(bytes(data))
        return self.numbers + len(self.modules)


class OtherClientPort(ClientPort):
    numbers = 40


def opened(port_type=ClientPort):
    engine = SharedEngine(port_type, Waiting.ASLEEP)
    return CurrentScheduler(engine), engine._port


@contextlib.contextmanager
def worker_of(port):
    """Another interpreter, in which nothing is known of any module."""
    known, modules._modules = modules._modules, type(modules._modules)()
    cache, kernels._kernel_cache = kernels._kernel_cache, type(kernels._kernel_cache)()
    try:
        with isolated(worker=0):
            fake = WorkerPort()
            fake.kernels = {"wide": lambda n: n + 1}
            fake.modules = [b""] * 50
            modules.set_home(modules.Destination(fake.add_kernels, _bridge.KernelCaller(fake)))
            yield fake
    finally:
        modules._modules, kernels._kernel_cache = known, cache


def test_a_module_is_sent_once_and_a_kernel_is_a_handle(k):
    s, port = opened()
    for n in range(3):
        s.submit(k.wide, n)
    s.submit(k.total, FakeArray("float64"))
    assert port.modules == [MODULE]
    form = port.forms[0]
    assert MODULE not in form and len(form) < 300 and len(port.forms) == 2
    with worker_of(port) as fake:
        kernel = pickle.loads(form)
        assert repr(kernel) == "<Kernel wide(u64 n) -> u64>"
        assert pickle.loads(form) is kernel
        kernel(5)
        assert fake.called == [(1, "wide", [5])]
        assert form.endswith(pickle.dumps(kernel, 5)), "it goes on as it came"


def test_kernels_of_one_module_are_one(k):
    s, port = opened()
    s.submit(k.wide, 1)
    s.submit(penny.Kernels(bytearray(MODULE)).wide, 1)
    assert len(port.modules) == 1


def test_two_schedulers_have_numbers_of_their_own(k):
    (s, port), (other, other_port) = opened(), opened(OtherClientPort)
    s.submit(k.wide, 1)
    other.submit(k.wide, 1)
    s.submit(k.wide, 2)
    for form, number in (port.forms[0], 1), (other_port.forms[0], 41):
        with worker_of(port) as fake:
            pickle.loads(form)(5)
            assert fake.called == [(number, "wide", [5])]


def test_kernels_travel_in_arguments_and_closures(k, monkeypatch):
    (s, port), (other, other_port) = opened(), opened(OtherClientPort)
    s.submit(max, [k.wide], k)
    other.submit(max, [k.wide], k)
    other.submit(lambda: k.wide(1))
    other.register(lambda: k.wide(2))
    assert len(port.modules) == len(other_port.modules) == 1
    arguments = other_port.submitted[0][1]
    with worker_of(port):
        (kernel,), copy = pickles.loads(arguments)
        assert copy.wide(1) == kernel(1) == pickle.loads(other_port.forms[1])() == 2
        assert list(copy) == list(k)
        with pytest.raises(AttributeError, match=r"exports 'helper'"):
            _ = copy.helper


def test_elsewhere_a_kernel_is_pickled_with_its_module(k):
    form = pickle.dumps((k.wide, k))
    assert MODULE in form
    with worker_of(None):
        kernel, copied = pickle.loads(form)
        assert copied.wide._module is kernel._module and kernel._module.data == MODULE
    assert copy.copy(k).wide._module is copy.deepcopy(k.wide)._module is k.wide._module


def test_what_is_pickled_elsewhere_meanwhile_is_not_a_handle(k):
    forms = []

    class Curious:
        def __reduce__(self):
            forms.append(modules.destination)
            return int, ()

    s, _ = opened()
    s.submit(abs, Curious())
    assert forms[0] is not None and modules.destination is None
    with pytest.raises(penny.PickleError):
        s.submit(abs, threading.Lock())
    assert modules.destination is None


def test_a_kernel_that_comes_back_is_known(k):
    s, port = opened()
    future = s.submit(abs, 1)
    with worker_of(port):
        modules.home.numbers[penny.Kernels(MODULE)._module.digest] = 9
        result = pickle.dumps(penny.Kernels(MODULE).wide, 5)
    assert len(result) < 150
    with forgotten():
        port.end((0, Outcome.RETURNED, result))
        kernel = future.result()
        seen = []
        future.add_done_callback(lambda _: seen.append(modules.destination))
        assert seen == [None]
        s.submit(kernel, 1)
        assert not port.modules, "the scheduler has it already"
        other, _ = opened(OtherClientPort)
        with pytest.raises(penny.PickleError, match=r"came from a task of another scheduler"):
            other.submit(kernel, 1)
        with pytest.raises(RuntimeError, match=r"came from a task of another scheduler"):
            pickle.dumps(kernel)


@contextlib.contextmanager
def forgotten():
    known, modules._modules = modules._modules, type(modules._modules)()
    cache, kernels._kernel_cache = kernels._kernel_cache, type(kernels._kernel_cache)()
    try:
        yield
    finally:
        modules._modules, kernels._kernel_cache = known, cache


def test_no_room_for_a_module(k):
    s, port = opened()
    port.numbers = -1
    with pytest.raises(MemoryError, match=r"no room for a module of kernels .*larger memory="):
        s.submit(k.wide, 1)
    assert not port.submitted
    port.numbers = 0
    s.submit(k.wide, 1)
    assert len(port.submitted) == 1


def test_a_module_that_the_browser_refuses(k):
    s, port = opened()

    def refuse(data):
        raise Thrown("TypeError", "it imports env.puts")

    port.add_kernels = refuse
    with pytest.raises(
        penny.PickleError, match=r"the workers can't load the module: it imports env.puts"
    ):
        s.submit(k.wide, 1)
    assert not port.submitted


def test_a_worker_keeps_jobs_whose_module_finds_no_room(k, port):
    def task():
        port.module_rooms = 0
        port.prepare_ring(thieves=1)
        job = penny.spawn(k.wide, 1)
        assert not port.promoted
        port.module_rooms = 1
        return job.join()

    assert port.run(task) == 2**64 - 1


def test_check_mode_copies_kernels(k):
    with penny.Scheduler(check=True) as s, pytest.raises(RuntimeError, match=r"can't run here"):
        s.submit(lambda kernels: kernels[0](1), [k.wide]).result()


def test_the_fake_engine_pickles_kernels_whole(k):
    engine = FakeEngine()
    future = penny.Future(engine)
    engine.submit(future, k.wide, (1,), {}, None)
    assert MODULE in next(iter(engine.forms.values()))
    assert loops.kernel_arguments(k.wide, range(3), ()) == ()
