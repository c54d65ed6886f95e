"""Parallel loops: results, order, errors, and what a thief gets."""

from __future__ import annotations

import array
import collections
import functools
import itertools
import operator
import pickle
import sys
import threading

import pytest
from fake_port import FakePort, Reference
from hypothesis import given, settings
from hypothesis import strategies as st

import penny
from penny.bridge.numbers import CancelReason
from penny.errors import Cancelled, PickleError
from penny.jobs import running
from penny.loops import costs, kinds
from penny.loops import loop as loops
from penny.loops.calls import parallel_for, parallel_map, parallel_reduce, parallel_sort

# -- A worker among thieves ----------------------------------------------------------------------


class Referred:
    """Pickles as the very object, with the functions that refer to it."""

    def __reduce__(self):
        return Reference(self).__reduce__()


class Port(Referred, FakePort):
    def knock(self):
        """A thief asks for work, if this is not a thief itself."""
        if penny.current_worker() == 0:
            self.ring(thieves=1)
            self.thieves = 0

    @property
    def parts(self):
        """The items of the parts that were promoted."""
        return [arguments[0][0] for arguments in self.promoted]


class Clock(Referred):
    """Goes when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(costs, "_known", {})
    return Port()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(loops, "perf_counter", clock)
    return clock


@pytest.fixture
def free_steals(monkeypatch):
    """Loops believe that a steal costs nothing, and give whenever they are asked."""
    monkeypatch.setattr(costs, "STEAL_SECONDS", 0)
    monkeypatch.setattr(costs, "VICTIM_SECONDS", 0)
    monkeypatch.setattr(loops.Loop, "_measure_transport", lambda loop, done: 0.0)


@pytest.fixture(params=["alone", "unasked", "stolen", "taken back", "no room", "check"])
def run(request, port):
    """A run of a function where nobody steals, or everything is stolen, or comes back."""

    def run(function, *args):
        results = []  # the very objects
        port.run(lambda: results.append(function(*args)))
        return results[0]

    if request.param == "alone":
        return lambda function, *args: function(*args)
    if request.param == "check":
        return lambda function, *args: running.run(function, args, check=True)
    if request.param == "unasked":
        return run
    port.thieves = 1_000_000
    if request.param == "taken back":
        port.steal = lambda handle=None: None
    if request.param == "no room":
        port.rooms = 0
    request.getfixturevalue("free_steals")
    return run


def square(x):
    return x * x


def pair(x):
    return (x,)


# -- Results -------------------------------------------------------------------------------------

SEQUENCES = {
    "list": list(range(300)),
    "empty": [],
    "one": [7],
    "tuple": tuple(range(99)),
    "range": range(5, 500, 7),
    "range downwards": range(100, 0, -3),
    "empty range": range(0),
    "str": "wörk" * 40,
    "bytes": bytes(range(256)),
    "bytearray": bytearray(b"steal" * 30),
    "array": array.array("d", [0.5 * i for i in range(200)]),
    "memoryview": memoryview(bytes(range(200))),
    "memoryview of ints": memoryview(array.array("i", range(-100, 100))),
    "deque": collections.deque(range(100)),
    "UserList": collections.UserList(range(100)),
    "dict": dict.fromkeys(range(100)),
    "set": set(range(100)),
    "subclass": type("Reversed", (list,), {"__iter__": lambda self: reversed(self[:])})([1, 2, 3]),
}


@pytest.mark.parametrize("grain", [None, 1, 7])
@pytest.mark.parametrize("name", SEQUENCES)
def test_map_is_the_list_comprehension(run, name, grain):
    seq = SEQUENCES[name]
    assert run(parallel_map, pair, seq, grain) == [pair(x) for x in seq]


@pytest.mark.parametrize("function", [str, abs, float.hex, functools.partial(pow, 2), [10].count])
def test_map_takes_any_callable(run, function):
    seq = [0.5 * i for i in range(100)] if function is float.hex else range(100)
    assert run(parallel_map, function, seq) == [function(x) for x in seq]


def test_map_takes_an_iterator(run):
    assert run(parallel_map, square, (x for x in range(10))) == [x * x for x in range(10)]


def test_numpy_arrays_are_sliced(port):
    slices = []

    class Slices(Referred):
        def __getitem__(self, key):
            slices.append(key)
            return range(100)[key]

        def __len__(self):
            return 100

    Slices.__module__, Slices.__name__ = "numpy", "ndarray"
    port.run(lambda: parallel_map(abs, Slices(), 30))
    assert slices == [slice(0, 30), slice(30, 60), slice(60, 90), slice(90, 100)]


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(st.text(max_size=2), max_size=200),
    grain=st.none() | st.integers(1, 50),
    initial=st.text(max_size=2),
    thieves=st.integers(0, 10),
)
def test_reduce_keeps_the_order(items, grain, initial, thieves):
    port = Port()
    port.thieves = thieves
    got = port.run(parallel_reduce, repr, items, operator.add, initial, grain)
    assert got == functools.reduce(operator.add, map(repr, items), initial)


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("grain", [None, 1, 10])
def test_reduce_is_reduce(run, name, grain):
    seq = SEQUENCES[name]
    assert run(parallel_reduce, pair, seq, operator.add, ("init",), grain) == functools.reduce(
        operator.add, map(pair, seq), ("init",)
    )


def test_reduce_uses_init_once(run):
    assert run(parallel_reduce, square, range(100), operator.add, 1000, 1) == 1000 + 328350


@pytest.mark.parametrize("what", [7, range(3, 30, 4), "abc", True, 0, -2, range(0)])
def test_for_calls_with_each(what):
    calls = []
    assert parallel_for(calls.append, what) is None
    assert calls == list(range(what) if isinstance(what, int) else what)


_calls: list[int] = []
_calls_by_worker: list[tuple[int | None, int]] = []


def note(x):
    _calls.append(x)


@pytest.mark.parametrize("grain", [None, 1, 30])
def test_each_item_once_wherever_it_runs(run, grain):
    _calls.clear()
    run(functools.partial(parallel_for, grain=grain), note, 500)
    assert sorted(_calls) == list(range(500))


def test_loops_in_loops(run):
    def row(y):
        return parallel_map(lambda x: x * y, range(10), 2)

    assert run(parallel_map, row, range(10), 1) == [[x * y for x in range(10)] for y in range(10)]


# -- Sorting -------------------------------------------------------------------------------------


@functools.total_ordering
class Card:
    """Compares by its value alone, and is equal to none but itself."""

    __hash__ = object.__hash__

    def __init__(self, value, name):
        self.value, self.name = value, name

    def __lt__(self, other):
        return self.value < other.value


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2, 100, 3000])
def test_sort_is_sorted_and_keeps_the_objects(run, size, reverse):
    cards = [Card(i * 7919 % 50, i) for i in range(size)]
    for key in None, operator.attrgetter("value"), lambda card: str(card.value):
        expected = sorted(cards, key=key, reverse=reverse)
        got = run(parallel_sort, cards, key, reverse)
        assert [card.name for card in got] == [card.name for card in expected]
        assert all(map(operator.is_, got, expected))


@settings(max_examples=60, deadline=None)
@given(
    items=st.lists(st.tuples(st.integers(0, 5), st.integers())),
    reverse=st.booleans(),
    keyed=st.booleans(),
    chunk=st.integers(1, 20),
)
def test_sort_is_stable_however_it_is_split(items, reverse, keyed, chunk):
    key = operator.itemgetter(0) if keyed else None
    port = Port()
    port.thieves = 1_000_000
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Each chunk takes one second, by this clock.
        monkeypatch.setattr(loops, "perf_counter", itertools.count().__next__)
        monkeypatch.setattr(loops, "CHUNK_SECONDS", chunk)
        got = port.run(parallel_sort, items, key, reverse)
    assert got == sorted(items, key=key, reverse=reverse)


def test_sort_leaves_the_list_alone_and_takes_any_iterable(run):
    values = [3, 1, 2]
    assert run(parallel_sort, values) == [1, 2, 3]
    assert values == [3, 1, 2]
    assert run(parallel_sort, {"b": 0, "a": 1}) == ["a", "b"]
    assert run(parallel_sort, (x for x in "cab")) == ["a", "b", "c"]


def test_sort_calls_key_once_for_each(run):
    _calls.clear()
    run(parallel_sort, range(1000), note_negative)
    assert sorted(_calls) == list(range(1000))


def note_negative(x):
    _calls.append(x)
    return -x


def test_sort_of_what_has_no_order(run):
    with pytest.raises(TypeError, match="not supported between"):
        run(parallel_sort, [*range(100), "x"])


# -- What is checked -----------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [[], [1, 2, 3]])
def test_grain_is_checked(run, seq):
    for loop in (
        functools.partial(parallel_for, square, seq),
        functools.partial(parallel_map, square, seq),
        functools.partial(parallel_reduce, square, seq, operator.add, 0),
    ):
        for grain in 0, -1:
            with pytest.raises(ValueError, match=f"grain must be at least 1, not {grain}"):
                run(functools.partial(loop, grain=grain))
        for grain in 1.0, "1":
            with pytest.raises(TypeError, match="integer"):
                run(functools.partial(loop, grain=grain))


def test_functions_are_checked():
    for call in (
        lambda: parallel_for(1, 0),
        lambda: parallel_map(1, []),
        lambda: parallel_reduce(1, [], operator.add, 0),
        lambda: parallel_reduce(abs, [], 1, 0),
        lambda: parallel_sort([], 1),
    ):
        with pytest.raises(TypeError, match="callable"):
            call()


def test_what_is_no_sequence():
    for call in (
        lambda: parallel_map(abs, 5),
        lambda: parallel_for(abs, 2.0),
        lambda: parallel_for(abs, [1, 2], 3),
    ):
        with pytest.raises(TypeError):
            call()


# -- Exceptions ----------------------------------------------------------------------------------


def fail_from(limit, x):
    if x >= limit:
        raise LookupError(x)
    return x


@pytest.mark.parametrize("limit", [0, 1, 50, 98, 99])
@pytest.mark.parametrize("grain", [None, 1, 20])
def test_the_first_failure_in_order_is_raised(run, limit, grain):
    function = functools.partial(fail_from, limit)
    for loop in (
        functools.partial(parallel_for, function, 100),
        functools.partial(parallel_map, function, range(100)),
        lambda grain: parallel_reduce(function, range(100), operator.add, 0, grain),
    ):
        with pytest.raises(LookupError) as caught:
            run(functools.partial(loop, grain=grain))
        assert caught.value.args == (limit,)
        assert not hasattr(caught.value, "__penny_also__")


def test_nothing_runs_after_a_failure_but_what_was_stolen(port):
    def function(x):
        _calls_by_worker.append((penny.current_worker(), x))
        if x == 1:
            port.knock()
            raise LookupError

    stealing = port.steal
    for steal in stealing, lambda handle=None: None:
        port.steal = steal
        _calls_by_worker.clear()
        with pytest.raises(LookupError):
            port.run(lambda: parallel_for(function, 100, grain=10))
        calls = _calls_by_worker
        assert [x for worker, x in calls if worker == 0] == [0, 1]
        # The thief is in this interpreter, so what it runs has the same globals.
        stolen = [x for worker, x in calls if worker != 0]
        assert stolen == (list(range(55, 100)) if steal == stealing else [])
    assert len(port.parts) == 2
    assert port.taken_back == 1


def test_a_stolen_part_is_called_in(port):
    asked = []

    def function(x):
        if x == 1:
            port.knock()
            raise LookupError
        if x >= 10:
            raise ValueError("nobody will know of this")

    port.before_end = lambda task: asked.append(task.asked)
    with pytest.raises(LookupError) as caught:
        port.run(parallel_for, function, 100, grain=10)
    assert asked == [CancelReason.ASKED]
    assert not hasattr(caught.value, "__penny_also__")


def test_a_loop_that_is_cancelled_calls_in_what_was_stolen(port):
    asked = []

    def function(x):
        if x == 1:
            port.knock()
        if x == 5:
            port.cancel(port.task())

    port.before_end = lambda task: asked.append(task.asked)
    with pytest.raises(Cancelled):
        port.run(parallel_for, function, 100, grain=10)
    assert asked == [CancelReason.ASKED]


# -- What a thief gets ---------------------------------------------------------------------------


def test_while_nobody_asks_nothing_is_pickled(port, clock, monkeypatch):
    monkeypatch.setattr(loops.Offer, "__reduce__", None)

    def function(x):
        clock.tick(1e-3)
        return x

    assert port.run(parallel_map, function, range(1000)) == list(range(1000))


def test_a_thief_gets_half_of_what_is_left(port, clock):
    def function(x):
        clock.tick(1)
        if x == 20:
            port.knock()

    port.run(parallel_for, function, 121)
    assert port.parts == [range(71, 121)]


def test_a_thief_gets_less_where_sending_costs(port, clock, monkeypatch):
    monkeypatch.setattr(loops.Loop, "_measure_transport", lambda loop, done: 0.5)
    monkeypatch.setattr(costs, "STEAL_SECONDS", 0)

    def function(x):
        clock.tick(1)
        if x == 99:
            port.knock()

    port.run(parallel_for, function, 200)
    # 55 seconds for 55 items here, and 56 for 45 there with half of their transport.
    assert port.parts == [range(155, 200)]


@pytest.mark.parametrize("transport", [0.51, 2.1, float("inf")])
def test_a_thief_gets_nothing_where_that_would_save_too_little(port, clock, monkeypatch, transport):
    monkeypatch.setattr(loops.Loop, "_measure_transport", lambda loop, done: transport)

    def function(x):
        clock.tick(1)
        if x > 0:
            port.knock()

    port.run(parallel_for, function, 200)
    assert port.parts == []


@pytest.mark.parametrize(("tick", "expected"), [(1e-6, 2e-6), (1e-3, 2e-3)])
def test_transport_is_measured_by_some_items(clock, monkeypatch, tick, expected):
    sent = []

    def slowly(data):
        items = pickle.loads(data)
        sent.append(items)
        clock.tick(3e-6 + len(items) * tick)
        return items

    monkeypatch.setattr(loops, "loads", slowly)
    loop = kinds.MapLoop(loops.Call(kinds.MapLoop, square), range(500), None)
    loop.do(0, 200)
    # For an item and its result, less what it takes for none.
    assert loop._measure_transport(200) == pytest.approx(expected)
    assert sent[4:6] == [range(499, 500), [0]]
    assert max(map(len, sent)) == (100 if tick == 1e-6 else 1)


def test_transport_of_what_cannot_be_sent_is_infinite():
    for items, function in ([threading.Lock()], id), ([1], lambda x: threading.Lock()):
        loop = kinds.MapLoop(loops.Call(kinds.MapLoop, function), items, None)
        loop.do(0, 1)
        assert loop._measure_transport(1) == float("inf")


def test_short_work_is_not_offered(port, clock):
    def function(x):
        clock.tick(1e-7)
        port.knock()

    def program():
        parallel_for(function, costs.FEW + 1)
        parallel_for(function, 2000)
        parallel_for(function, costs.FEW)  # its cost is known by now

    port.run(program)
    assert port.parts == []


def test_items_that_are_cheaper_than_their_transport_are_computed_at_once(port, clock, monkeypatch):
    monkeypatch.setattr(loops.Loop, "_measure_transport", lambda loop, done: 1e-6)
    chunks = []
    do = kinds.MapLoop.do
    monkeypatch.setattr(
        kinds.MapLoop,
        "do",
        lambda loop, low, high: (chunks.append((low, high)), do(loop, low, high)),
    )

    def function(x):
        clock.tick(1e-6)
        return x + 1

    def program():
        port.knock()
        assert parallel_map(function, list(range(50_000))) == list(range(1, 50_001))
        careful = len(chunks)
        chunks.clear()
        assert parallel_map(function, range(50_000)) == list(range(1, 50_001))
        assert parallel_map(function, "") == []
        return careful

    assert port.run(program) > 10
    assert chunks == [(0, 1), (1, 64), (64, 50_000)]
    assert port.parts == []


def test_a_function_whose_items_were_ever_worth_sending_is_measured(port, clock, monkeypatch):
    monkeypatch.setattr(loops.Loop, "_measure_transport", lambda loop, done: 1e-6)

    def function(x):
        clock.tick(x)
        if x == 1e-3:
            port.knock()

    def program():
        cheap = [1e-7] * 10_000
        parallel_for(function, cheap)
        parallel_for(function, cheap + [1e-3] * 20_000)  # at once, since it begins as cheap
        parallel_for(function, cheap + [1e-3] * 20_000)
        return len(port.parts)

    assert port.run(program) > 0


def test_a_clock_that_stands_still(port, clock):
    """A browser's ticks seldom; a loop of few items is offered all the same."""

    def program():
        port.knock()
        return parallel_map(square, range(60)), parallel_map(square, range(3000))

    assert port.run(program) == ([x * x for x in range(60)], [x * x for x in range(3000)])


def test_a_function_that_was_quick_and_is_no_more(port, clock):
    seconds = 1e-7

    def function(x):
        clock.tick(seconds)
        if x == 3:
            port.knock()

    def program():
        nonlocal seconds
        parallel_for(function, 60)
        seconds = 1
        parallel_for(function, 60)  # noticed at the first item
        parallel_for(function, 60)

    port.run(program)
    assert port.parts == [range(32, 60)] * 2


def test_few_items_are_offered_before_the_first_is_done(port, clock):
    def function(x):
        if x == 0:
            port.knock()
        clock.tick(1)

    port.run(parallel_for, function, 4)
    assert port.parts == [range(2, 4)]


def test_chunks_are_sized_by_the_clock(port, clock, monkeypatch):
    chunks = []
    do = kinds.ForLoop.do

    def spied(loop, low, high):
        chunks.append(high - low)
        do(loop, low, high)

    monkeypatch.setattr(kinds.ForLoop, "do", spied)
    port.run(parallel_for, lambda x: clock.tick(2**-20), 3000)
    assert chunks == [1, 8, 64, 512, 524, 524, 524, 524, 319]


def test_grain_is_the_least_part(port):
    port.run(parallel_for, lambda x: port.knock(), 1000, grain=30)
    assert len(port.parts) > 3
    assert min(map(len, port.parts)) >= 30


def test_a_function_is_sent_once(port, free_steals):
    port.thieves = 1000
    forms = []
    port.add_function = lambda data: forms.append(data) or FakePort.add_function(port, data)
    port.run(parallel_map, lambda x: x, range(100), 1)
    assert len(port.parts) > 3
    assert len(forms) == 1


def test_what_cannot_be_pickled_stays(port):
    lock = threading.Lock()
    locks = [threading.Lock() for _ in range(200)]

    def locked(x):
        port.knock()
        return lock.locked()

    def program():
        assert parallel_map(locked, range(200)) == [False] * 200
        assert parallel_map(id, locks, 5) == list(map(id, locks))

    port.run(program)
    assert port.parts == []


def test_offers_that_come_back_become_fewer(port):
    port.thieves = 1_000_000
    port.steal = lambda handle=None: None
    assert port.run(parallel_map, square, range(10_000), 1) == [x * x for x in range(10_000)]
    assert len(port.parts) < costs.RETURNED_MAX + 20


def test_check_sends_items_and_results_through_pickle():
    with pytest.raises(PickleError):
        running.run(parallel_map, (id, [threading.Lock()] * 10), check=True)
    with pytest.raises(PickleError):
        running.run(parallel_map, (lambda x: threading.Lock(), range(10)), check=True)


def test_loops_pickle_by_reference():
    for loop in parallel_for, parallel_map, parallel_reduce, parallel_sort:
        assert pickle.loads(pickle.dumps(loop)) is loop


# -- A thief asks between any two bytecodes ------------------------------------------------------


@pytest.mark.parametrize("grain", [None, 3])
@pytest.mark.parametrize("every", [1, 2, 13])
def test_a_request_between_any_two_bytecodes(port, free_steals, grain, every):
    seq = list(range(30))

    def program():
        return (
            parallel_map(pair, seq, grain),
            parallel_reduce(pair, seq, operator.add, (), grain),
            parallel_sort(seq, operator.neg),
        )

    # Other places in each round, and each place in one.
    for first in range(every):
        countdown = itertools.count(first)

        def trace(frame, event, argument, countdown=countdown):
            frame.f_trace_opcodes = frame.f_globals.get("__package__") == "penny.loops"
            if frame.f_trace_opcodes and event == "opcode" and next(countdown) % every == 0:
                port.knock()
            return trace

        def traced(trace=trace):
            sys.settrace(trace)
            try:
                return program()
            finally:
                sys.settrace(None)

        assert port.run(traced) == ([pair(x) for x in seq], tuple(seq), seq[::-1])
    assert port.parts
