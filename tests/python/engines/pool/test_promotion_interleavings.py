"""A request between every two bytecodes of Penny's own code, and random trees with random thieves.

The handler is called by a trace function, at one bytecode after the other: more places than CPython
knows, which looks for signals at the beginning of functions, after calls and at the end of loops.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import gc
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import pytest
from fake_port import FakePort, State, isolated
from hypothesis import given, settings
from hypothesis import strategies as st

import penny
from penny.bridge.numbers import CancelReason, Reason
from penny.engines.pool import doorbell, joining, places, promotion, worker
from penny.jobs import execution, outcomes, running, scopes
from penny.jobs import job as jobs

JOBS = jobs, execution, outcomes, running, scopes
POOL = doorbell, joining, places, promotion, worker
TRACED = {each.__file__ for each in (*JOBS, *POOL)}

port = FakePort()
runs: list[object] = []


class Interrupter:
    """Calls `interrupt` between two bytecodes of Penny's, at those whose turn it is.

    Args:
        turns: Which ones, counted from 0.
        interrupt: Gets the frame.
        where: Which bytecodes count.
    """

    def __init__(
        self,
        turns: set[int],
        interrupt: Callable[[FrameType], None],
        where: Callable[[FrameType], bool] = lambda frame: True,
    ) -> None:
        self.count = 0
        self._turns = turns
        self._interrupt = interrupt
        self._where = where

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode" and self._where(frame):
            turn = self.count
            self.count += 1
            if turn in self._turns:
                self._interrupt(frame)
        return self.trace


@contextlib.contextmanager
def interrupted(interrupter: Interrupter):
    # What finalizers call is Penny's, too: collecting garbage of earlier tests would take turns.
    gc.disable()
    sys.settrace(interrupter.trace)
    try:
        yield
    finally:
        sys.settrace(None)
        gc.enable()


def request(frame: FrameType) -> None:
    """A worker becomes hungry and rings."""
    if jobs.public is None:  # in a thief
        return
    port.prepare_ring(Reason.STEAL, thieves=port.thieves + 1)
    jobs.on_doorbell(signal.SIGUSR1, frame)


def mark(value):
    runs.append(value)
    return value


def fail(value):
    mark(value)
    raise ValueError(value)


def in_order():
    first, second = penny.spawn(mark, 1), penny.spawn(mark, 2)
    return second.join(), first.join()


def out_of_order():
    first, second, third = (penny.spawn(mark, i) for i in (1, 2, 3))
    return first.join(), third.join(), second.join()


def nested(n=3):
    if n < 2:
        return mark(n)
    job = penny.spawn(nested, n - 1)
    return nested(n - 2) + job.join()


def unjoined():
    penny.spawn(mark, 1)
    penny.spawn(mark, 2).join()
    penny.spawn(mark, 3)


def in_a_scope():
    with penny.scope() as scope:
        first = scope.spawn(mark, 1)
        scope.spawn(mark, 2)
        mark(3)
    return first.join()


def failing():
    job = penny.spawn(fail, 1)
    other = penny.spawn(fail, 2)
    with contextlib.suppress(ValueError):
        other.join()
    job.join()


def unpicklable():
    lock = mark  # of the closure below
    first = penny.spawn(lambda generator: mark(next(generator)), iter_once(1))
    second = penny.spawn(lock, 2)
    return first.join(), second.join()


def iter_once(value):
    yield value


def cancelled_scope():
    with penny.scope() as scope:
        scope.spawn(mark, 1).join()
        scope.cancel()
        scope.spawn(mark, 2)


PROGRAMS = [
    in_order,
    out_of_order,
    nested,
    unjoined,
    in_a_scope,
    failing,
    unpicklable,
    cancelled_scope,
]


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    runs.clear()
    try:
        result = call()
    except BaseException as error:
        return type(error), str(error), sorted(runs)
    return "returned", result, sorted(runs)


def run_interrupted(
    program: Callable[[], Any],
    turns: set[int],
    interrupt: Callable[[FrameType], None] = request,
    where: Callable[[FrameType], bool] = lambda frame: True,
) -> tuple[tuple[Any, ...], int]:
    """What becomes of the program, and how many bytecodes of Penny's it took."""
    global port
    port = FakePort()
    interrupter = Interrupter(turns, interrupt, where)

    def task():
        with interrupted(interrupter):
            return program()

    def run():
        return port.run(task)

    return outcome(run), interrupter.count


def serially(program: Callable[[], Any]) -> tuple[Any, ...]:
    with isolated():
        return outcome(lambda: running.run(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_request_at_every_bytecode(program):
    expected = serially(program)
    undisturbed, count = run_interrupted(program, set())
    assert undisturbed == expected
    promoted = 0
    for turn in range(count + 1):
        assert run_interrupted(program, {turn})[0] == expected, turn
        promoted += len(port.promoted)
    assert promoted or program is cancelled_scope


@pytest.mark.parametrize("program", PROGRAMS)
def test_two_requests(program):
    expected = serially(program)
    _, count = run_interrupted(program, set())
    for distance in (2, 11, 34):
        for turn in range(0, count, 3):
            turns = {turn, turn + distance}
            assert run_interrupted(program, turns)[0] == expected, turns


@pytest.mark.parametrize("program", PROGRAMS)
def test_requests_at_all_bytecodes(program):
    assert run_interrupted(program, set(range(100_000)))[0] == serially(program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_request_at_every_bytecode_of_the_end(program):
    """The end of the execution is traced as well, and the masked parts of the worker's loop."""
    global port
    expected = serially(program)
    turn = 0
    while True:
        port = FakePort()
        interrupter = Interrupter({turn}, request)
        with interrupted(interrupter):
            ended = outcome(functools.partial(port.run, program))
        assert ended == expected, turn
        if turn >= interrupter.count:
            return
        turn += 1 if turn < 300 else 7


@pytest.mark.parametrize("program", [in_order, out_of_order, nested, failing])
def test_a_request_at_every_bytecode_in_check_mode(program):
    """A job may be promoted before it is checked: then it has gone through pickle already."""

    def checked():
        jobs.set_check(True)
        return program()

    expected = serially(program)
    _, count = run_interrupted(checked, set())
    for turn in range(count + 1):
        assert run_interrupted(checked, {turn})[0] == expected, turn


class Ringing:
    """Rings while it is pickled, and while it is unpickled."""

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        if jobs.public is not None:
            port.ring(thieves=2)
        return Ringing, (self.value,)

    def __setstate__(self, state):
        port.ring()


def value_of(ringing):
    return mark(ringing.value)


def test_requests_while_pickling():
    global port

    def task():
        js = [penny.spawn(value_of, Ringing(i)) for i in range(4)]
        port.ring()
        return [job.join() for job in js]

    port = FakePort()
    runs.clear()
    assert port.run(task) == [0, 1, 2, 3]
    assert sorted(runs) == [0, 1, 2, 3]
    assert len(port.promoted) >= 2


def test_requests_during_an_urgent_task_on_top_of_a_join():
    global port

    def urgent():
        return in_order()

    def interrupt(frame):
        if jobs.public is not None:
            port.submit(urgent, interactive=True)
            port.prepare_ring(Reason.URGENT | Reason.STEAL)
            jobs.on_doorbell(signal.SIGUSR1, frame)

    for program in (in_order, out_of_order, nested, in_a_scope):
        expected = serially(program)
        _, count = run_interrupted(program, set())
        for turn in range(count):
            port = FakePort()
            interrupter = Interrupter({turn}, interrupt)

            def task(interrupter=interrupter, program=program):
                with interrupted(interrupter):
                    return program()

            runs.clear()
            handle = port.submit(task)
            port.serve()
            assert port.value(port.tasks.pop(handle)) == expected[1]
            assert sorted(runs) == sorted(expected[2] + [1, 2])
            (other,) = port.tasks.values()
            assert port.value(other) == (2, 1)


# -- Cancels -------------------------------------------------------------------------------------


_after: dict[CodeType, set[int]] = {}


def sees_signals(frame: FrameType) -> bool:
    """Whether CPython looks for signals before this bytecode: after RESUME, calls, jumps back."""
    code = frame.f_code
    if code not in _after:
        places = _after[code] = set()
        previous = ""
        for instruction in dis.get_instructions(code):
            if instruction.opname == "CACHE":
                continue
            if previous.startswith(("RESUME", "CALL")):
                places.add(instruction.offset)
            if instruction.opname == "JUMP_BACKWARD":
                places.add(instruction.argval)
            previous = instruction.opname
    return frame.f_lasti in _after[code]


def cancel(frame: FrameType) -> None:
    if jobs.public is None:
        return
    port.tasks[port.stack[0]].asked = CancelReason.ASKED
    port.prepare_ring(Reason.CANCEL)
    jobs.on_doorbell(signal.SIGUSR1, frame)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_cancel_wherever_signals_are_seen(program):
    expected = serially(program)
    _, count = run_interrupted(program, set(), where=sees_signals)
    assert count > 5
    for turn in range(count):
        (how, _, ran), _ = run_interrupted(program, {turn}, cancel, sees_signals)
        # It ended before Cancelled could be raised, or it was cancelled; nothing ran twice.
        assert how in (penny.Cancelled, expected[0]), turn
        assert Counter(ran) <= Counter(expected[2]), turn
        if program is not cancelled_scope and how is not penny.Cancelled:
            assert ran == expected[2]


@pytest.mark.parametrize("program", [in_order, out_of_order, in_a_scope, unjoined])
def test_a_cancel_among_stolen_jobs(program):
    """Every third turn is a request, one is a cancel."""
    _, count = run_interrupted(program, set(), where=sees_signals)
    for turn in range(count):
        requested = set(range(0, turn, 3))

        def interrupt(frame, requested=requested):
            if requested:
                requested.pop()
                request(frame)
            else:
                cancel(frame)

        turns = {turn, *requested}
        (how, _, ran), _ = run_interrupted(program, turns, interrupt, sees_signals)
        assert how in (penny.Cancelled, "returned")
        assert len(ran) == len(set(ran)), turn


# -- Random trees ----------------------------------------------------------------------------------


trees = st.recursive(
    st.tuples(st.integers(0, 3), st.just(())),
    lambda children: st.tuples(
        st.integers(0, 3), st.lists(children, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=25,
)


def grow(tree, path=()):
    """Spawn the children, join them in an order that the tree tells, and raise where it says so."""
    kind, children = tree
    runs.append(path)
    if jobs.public is not None:
        disturb()
    if kind == 3 and not children:
        raise ValueError(path)
    if kind == 2 and children:
        with penny.scope() as scope:
            js = [scope.spawn(grow, each, (*path, i)) for i, each in enumerate(children)]
            if jobs.public is not None:
                disturb()
        return sum(job.join() for job in js) + 1
    js = [penny.spawn(grow, each, (*path, i)) for i, each in enumerate(children)]
    if kind == 1:
        js.reverse()
    elif kind == 3:
        js = js[1:] + js[:1]
    total = 1
    for job in js:
        if jobs.public is not None:
            disturb()
        try:
            total += job.join()
        except (ValueError, ExceptionGroup) as error:
            total += len(str(type(error)))
    return total


chance = random.Random()


def disturb():
    """Another worker does something, or asks for something."""
    match chance.randrange(6):
        case 0:
            port.ring(thieves=chance.randrange(3))
        case 1:
            port.thieves = chance.randrange(3)
        case 2:
            task = port.steal()
            if task is not None and chance.random() < 0.5:
                port.end_stolen(task)
        case 3:
            port.rooms = chance.choice([0, 1, sys.maxsize])


@settings(deadline=None, max_examples=150, print_blob=True)
@given(tree=trees, seed=st.integers(0, 2**32))
def test_random_trees(tree, seed):
    global port
    expected = serially(lambda: grow(tree))
    assert len(set(expected[2])) == len(expected[2])
    port = FakePort()
    chance.seed(seed)
    port.helps = chance.random() < 0.8
    actual = outcome(lambda: port.run(grow, tree))
    if expected[0] is ExceptionGroup:  # in the order in which the jobs failed
        assert actual[0] is ExceptionGroup
    else:
        assert actual[:2] == expected[:2]
    assert actual[2] == expected[2]
    assert all(task.state is not State.QUEUED for task in port.tasks.values())
