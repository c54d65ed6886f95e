"""Putting functions and classes together: one for each number, made without running their code."""

from __future__ import annotations

import abc
import enum
import itertools

import pytest

from penny.by_value import rebuilding
from penny.by_value.identities import identity_of, known

_numbers = itertools.count(1 << 100)


@pytest.fixture
def uid():
    """A number that is unknown here."""
    return next(_numbers)


def function_of(uid, home, source="lambda: X", **parts):
    code = eval(source).__code__
    made = rebuilding.make_function(uid, code, home, "made", ())
    numbered = {name: (1, value) for name, value in parts.items()}
    rebuilding.set_function(made, ({"__code__": (1, code), **numbered}, [], {}))
    return made


def test_functions_of_one_home_share_its_names():
    home = {"X": 1}
    first, second = function_of(None, home), function_of(None, home)
    home["X"] = 2
    assert first is not second and first() == second() == 2


def test_a_function_brings_names_to_a_home_that_came_along():
    home: dict = {}
    made = rebuilding.make_function(None, (lambda: (X, Y)).__code__, home, "made", ())  # noqa: F821
    rebuilding.set_function(made, ({}, [], {"X": 1}))
    home["Y"] = 2
    assert made() == (1, 2)


def test_a_number_is_one_function_and_only_what_is_new_changes(uid):
    made = function_of(uid, {}, "lambda x: x", __defaults__=([],))
    assert known(uid) is made
    made.__defaults__[0].append(1)
    again = rebuilding.make_function(uid, made.__code__, {}, "made", ())
    rebuilding.set_function(again, ({"__defaults__": (1, ([],)), ".mark": (2, "new")}, [], {}))
    assert again is made and made() == [1] and made.mark == "new"
    rebuilding.set_function(again, ({"__defaults__": (2, ([],))}, [], {}))
    assert made() == [] and not hasattr(made, "mark")


def test_what_was_made_here_stays_as_it_is():
    def own(x=1):
        return x

    class Own:
        n = 1

    rebuilding.set_function(own, ({"__defaults__": (9, (2,))}, [], {}))
    uid = identity_of(own).uid
    assert rebuilding.make_function(uid, own.__code__, {}, "made", ()) is own
    rebuilding.set_function(own, ({"__defaults__": (9, (3,))}, [], {}))
    number = identity_of(Own).uid
    assert rebuilding.make_class(number, type, "Own", (object,), {}, {}) is Own
    rebuilding.set_class(Own, ({"n": (9, 2)}, {}, [], None, []))
    assert Own.n == 1 and own() == 2  # without a number yet, it was as if new


def test_no_code_of_a_class_runs(uid):
    ran = []

    class Meta(abc.ABCMeta):
        def __new__(cls, *args, **keywords):
            ran.append("__new__")
            return super().__new__(cls, *args)

        def __setattr__(cls, name, value):
            ran.append("__setattr__")

    class Base(metaclass=Meta):
        def __init_subclass__(cls, **keywords):
            ran.append("__init_subclass__")

    class Descriptor:
        def __set_name__(self, *_):
            ran.append("__set_name__")

    ran.clear()
    body = {"__module__": "m", "__qualname__": "Q", "__slots__": ("a",)}
    made = rebuilding.make_class(uid, Meta, "Made", (Base,), body, {})
    value = Descriptor()
    rebuilding.set_class(made, ({"d": (1, value)}, {}, [int], None, []))
    assert ran == [] and made.d is value and known(uid) is made
    assert issubclass(int, made) and (made.__module__, made.__qualname__) == ("m", "Q")
    assert type(made) is Meta and hasattr(made, "a") and "__init_subclass__" in vars(Base)


def test_members_are_there_before_what_they_hold(uid):
    body = {"__module__": "m", "__qualname__": "E"}
    made = rebuilding.make_class(uid, enum.EnumMeta, "E", (enum.Enum,), body, {"A": None})
    member = rebuilding.enum_member(made, "A")
    state = {"_value_": [made], "_name_": "A"}
    rebuilding.set_class(made, ({"n": (1, 5)}, {"A": state}, [], None, []))
    assert member.value == [made] and member.name == "A" and made.n == 5 and list(made) == []


def test_attributes_that_are_gone_go(uid):
    made = rebuilding.make_class(uid, type, "Made", (object,), {}, {})
    rebuilding.set_class(made, ({"a": (1, 1), "b": (1, 2)}, {}, [], None, []))
    made.task = made.b = 7
    rebuilding.set_class(made, ({"b": (1, 2)}, {}, [], None, []))
    assert not hasattr(made, "a") and made.b == 7 and made.task == 7


def test_what_javascript_lacks_here_is_said(monkeypatch):
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "js", SimpleNamespace(Math=SimpleNamespace(abs=abs)))
    assert rebuilding.from_js("Math.abs") is abs
    with pytest.raises(AttributeError, match=r"js\.document does not exist in a worker"):
        rebuilding.from_js("document")
