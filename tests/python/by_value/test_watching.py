"""Changes within values: what is noticed, what is not, and that no code of theirs runs."""

from __future__ import annotations

import pytest

from penny.by_value.watching import WATCHED_ITEMS, Watch


def refuse(*_):
    raise AssertionError("a method of the program's was called")


@pytest.mark.parametrize("kind", [list, dict, set, tuple, frozenset])
def test_no_method_of_the_programs_is_called(kind):
    names = ("__iter__", "__len__", "__eq__", "__getattribute__", "keys", "values", "__getitem__")
    cls = type("Strange", (kind,), {**dict.fromkeys(names, refuse), "__hash__": object.__hash__})
    assert not Watch([kind.__new__(cls)]).changed()


def test_values_may_be_nested_deeply():
    innermost: list = []
    value = innermost
    for _ in range(WATCHED_ITEMS - 10):
        value = [value]
    watch = Watch(value)
    assert watch.whole and not watch.changed()
    innermost.append(1)
    assert watch.changed()


def test_what_is_larger_is_watched_by_its_length():
    value = list(range(WATCHED_ITEMS + 1))
    watch = Watch(value)
    value[3] = None
    assert not watch.whole and not watch.changed()
    value.append(1)
    assert watch.changed()
