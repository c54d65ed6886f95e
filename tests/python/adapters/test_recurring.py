"""Arguments that come again with many tasks: what is shared, and what a call gets."""

import numpy as np
import pytest

from penny.adapters import recurring
from penny.adapters.recurring import Copied, Recurring


@pytest.fixture(autouse=True)
def nothing_kept():
    recurring._copies.clear()


def test_from_the_second_task_on_it_is_shared():
    known, value = Recurring(None, None), list(range(5000))
    assert known.replaced(value, 1) is value
    assert known.replaced(value, 1) is value  # the task's own pickle has it once
    copied = known.replaced(value, 2)
    assert isinstance(copied, Copied)
    assert copied is known.replaced(value, 3) is known.replaced(value, 2)
    assert copied.load() == value


def test_each_load_is_an_object_of_its_own():
    known, value = Recurring(None, None), [0] * 5000
    known.replaced(value, 1)
    copied = known.replaced(value, 2)
    copied.load()[0] = 1
    assert copied.load()[0] == 0


@pytest.mark.parametrize("value", [[0] * 5000, np.zeros(5000), bytearray(5000)])
def test_what_has_changed_in_between_is_shared_anew(value):
    known = Recurring(None, None)
    known.replaced(value, 1)
    before = known.replaced(value, 2)
    value[0] = 7
    after = known.replaced(value, 3)
    assert (before.load()[0], after.load()[0]) == (0, 7)
    assert before.key != after.key


def test_arrays_are_writable_and_large_ones_shared_at_once_and_not_writable():
    small, large = np.zeros(1000), np.zeros(100_000)
    known = Recurring(None, 100_000)
    assert known.replaced(small, 1) is small
    small_copy, large_copy = known.replaced(small, 2), known.replaced(large, 2)
    small_copy.load()[0] = 1
    assert small_copy.load()[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        large_copy.load()[0] = 1
    assert large_copy.load().flags.aligned


def test_what_only_penny_can_pickle_is_left_alone():
    class Mine(list):
        pass

    known = Recurring(None, None)
    for value in (Mine(range(5000)), [Mine()] * 5000, [lambda: 1] * 5000):
        assert known.replaced(value, 1) is value
        assert known.replaced(value, 2) is value


def test_small_values_are_left_alone():
    known = Recurring(None, None)
    for value in (1, "text", [1, 2], print, int, None):
        assert known.replaced(value, 1) is value
        assert known.replaced(value, 2) is value
    assert not known._values


def test_only_the_last_ones_are_remembered():
    known = Recurring(None, None)
    values = [[i] * 5000 for i in range(recurring.KNOWN + 1)]
    for value in values:
        known.replaced(value, 1)
    assert len(known._values) == recurring.KNOWN
    assert known.replaced(values[0], 2) is values[0]
    assert isinstance(known.replaced(values[-1], 2), Copied)


def test_a_worker_keeps_no_more_than_its_share(monkeypatch):
    monkeypatch.setattr(recurring, "KEPT", 100_000)
    known = Recurring(None, None)
    values = [bytes([i]) * 40_000 for i in range(5)]
    for value in values:
        known.replaced(value, 1)
    copies = [known.replaced(value, 2) for value in values]
    for _ in range(2):
        assert [copied.load() for copied in copies] == values
        assert len(recurring._copies) == 2
