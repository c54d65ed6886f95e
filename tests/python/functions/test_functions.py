"""How functions travel, and what they are called by."""

from __future__ import annotations

import functools
import gc
import operator
import os.path
import subprocess
import sys
import threading

import pytest

from penny import PickleError
from penny.functions.calls import split_call
from penny.functions.chunks import ChunkCall
from penny.functions.forms import dumps_function, loads_function
from penny.functions.names import FIRST_AUTOMATIC_ID, FunctionNames
from penny.functions.records import FunctionRecords


class Thing:
    def method(self, x):
        return x

    def __call__(self, x):
        return x

    @classmethod
    def of_class(cls, x):
        return cls, x

    @staticmethod
    def static(x):
        return x


def plain(x):
    return x


# -- splitting calls -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        plain,
        lambda x: x,
        len,
        operator.add,
        os.path.join,
        int,
        Thing,
        Thing.static,
        str.upper,
        dict.__dict__["fromkeys"],
        object.__repr__,
        functools.cache(plain),
        ChunkCall(plain),
    ],
)
def test_functions_and_classes_are_for_the_table(function):
    assert split_call(function, (1, 2)) == (function, (1, 2))


def test_a_method_is_its_function_and_its_instance():
    thing = Thing()
    assert split_call(thing.method, (1,)) == (Thing.method, (thing, 1))
    assert split_call(Thing.of_class, (1,)) == (Thing.__dict__["of_class"].__func__, (Thing, 1))


@pytest.mark.parametrize(
    "function", [Thing(), functools.partial(plain), [].append, "a".upper, dict.fromkeys]
)
def test_what_may_change_is_an_argument(function):
    assert split_call(function, (1,)) == (operator.call, (function, 1))


def test_chunk_call():
    assert ChunkCall(pow)([(2, 3), (3, 2)]) == [8, 9]
    assert loads_function(dumps_function(ChunkCall(lambda x: -x)))([(1,)]) == [-1]


# -- pickling functions --------------------------------------------------------------------------


def test_importable_functions_travel_by_reference():
    assert loads_function(dumps_function(os.path.join)) is os.path.join
    assert len(dumps_function(os.path.join)) < 50


def test_what_travels_by_value_keeps_its_file():
    """By which tracebacks find the lines of its source."""

    def outer():
        return lambda: 0

    copy = loads_function(dumps_function(outer))
    assert copy is not outer
    assert copy.__code__.co_filename == copy().__code__.co_filename == __file__


def test_closures_travel_by_value():
    offset = 3
    assert loads_function(dumps_function(lambda x: x + offset))(4) == 7


def test_a_recursive_closure_travels():
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert loads_function(dumps_function(factorial))(5) == 120


def test_a_function_that_cannot_travel_names_what_is_to_blame():
    settings = {"lock": threading.Lock()}

    def work():
        return settings

    with pytest.raises(PickleError) as caught:
        dumps_function(work)
    name = f"{__name__}.{work.__qualname__}"
    assert str(caught.value).startswith(
        f"{name}: closure variable settings['lock'] can't be sent to another worker (_thread.lock)"
    )


def test_the_blame_goes_through_other_functions():
    lock = threading.Lock()

    def inner():
        return lock

    def outer():
        return inner()

    with pytest.raises(PickleError, match="outer: closure variable inner: closure variable lock"):
        dumps_function(outer)


# -- records -------------------------------------------------------------------------------------


class Table(dict):
    """Handles and pickled forms, as an engine would keep them."""

    def __init__(self):
        self.last = 0
        self.records = FunctionRecords(self.add, self.pop)

    def add(self, form):
        self.last += 1
        self[self.last] = form
        return self.last


def test_a_function_is_added_once():
    table = Table()
    record = table.records.record_for(plain)
    assert table.records.record_for(plain) is record
    assert list(table) == [record.handle] and loads_function(table[record.handle]) is plain
    assert record.name == f"{__name__}.plain"


def test_a_function_that_cannot_travel_is_not_added():
    table = Table()
    with pytest.raises(PickleError):
        table.records.record_for(lambda generator=(x for x in ()): generator)
    assert not table and len(table.records) == 0


def test_a_collected_function_is_released():
    table = Table()
    function = eval("lambda x: x")
    table.records.record_for(function)
    assert len(table) == 1
    del function
    gc.collect()
    assert not table and len(table.records) == 0


def test_a_record_outlives_its_function_while_a_task_needs_it():
    table = Table()
    function = eval("lambda x: x")
    record = table.records.record_for(function)
    del function
    gc.collect()
    assert len(table) == 1
    del record
    assert not table


def test_new_functions_with_the_same_form_share_a_record():
    table = Table()
    functions = [eval("lambda x: x + 1") for _ in range(3)]
    assert len({table.records.record_for(function) for function in functions}) == 1
    assert table.last == 1


def test_functions_that_take_no_weak_references():
    table = Table()
    assert table.records.record_for(str.upper) is table.records.record_for(str.upper)
    assert table.last == 1


def test_renewing_replaces_the_form_of_a_changed_function():
    table = Table()
    number = 1

    def function():
        return number

    old = table.records.record_for(function)
    assert table.records.renew(function) is old
    number = 2
    new = table.records.renew(function)
    assert table.records.record_for(function) is new is not old
    assert loads_function(table[old.handle])() == 1 and loads_function(table[new.handle])() == 2
    del old
    assert list(table) == [new.handle]


class EqualCalls(ChunkCall):
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


def test_equal_callables_are_not_the_same():
    table = Table()
    one, two = EqualCalls(len), EqualCalls(abs)
    assert table.records.record_for(one) is not table.records.record_for(two)


# -- names and numbers ---------------------------------------------------------------------------


def test_numbers_chosen_and_given():
    names = FunctionNames()
    assert names.register(plain, 5) == 5
    assert names.register(len) == FIRST_AUTOMATIC_ID
    assert names.register(operator.add) == FIRST_AUTOMATIC_ID + 1
    assert names.register(len) == FIRST_AUTOMATIC_ID  # its name has one
    assert names.find(5) is plain and names.find(FIRST_AUTOMATIC_ID) is len


def test_names():
    names = FunctionNames()
    names.register(plain, 5)
    names.register(len)
    assert names.find(f"{__name__}.plain") is plain
    assert names.find("len") is len


def test_callables_without_a_name_of_their_own_get_new_numbers():
    names = FunctionNames()
    functions = [lambda: 1, lambda: 2, functools.partial(len), Thing()]
    assert len({names.register(function) for function in functions}) == 4


def test_numbers_must_be_integers():
    with pytest.raises(TypeError):
        FunctionNames().register(len, "1")


def test_only_callables_are_registered():
    with pytest.raises(TypeError, match="not callable"):
        FunctionNames().register(5)


def test_the_end_of_the_interpreter_releases_nothing():
    """What releasing needs may be gone by then."""
    program = """
from penny.functions.records import Record
Record(1, "f", print)
forever = Record(2, "f", lambda handle: 1 / 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == ["1"]
