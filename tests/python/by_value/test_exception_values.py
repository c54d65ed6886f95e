"""Exceptions within values: they travel as those do that are raised."""

from __future__ import annotations

import copyreg
import itertools
import os
import pickle
import sys
import threading
from abc import ABC

import pytest
from exception_examples import MADE, Breaking, Holder, Picky, looks, raised
from mirror_pool import Script

from penny.errors import RemoteError
from penny.wire import pickles


def travelled(value):
    """The value at the other side, whichever function pickles it."""
    by_value = [value, lambda: None]
    forms = pickles.dumps(value), pickles.dumps_result("f", value), pickles.pack(value)
    arguments = pickles.dumps_arguments("f", (value,), {})
    slowly = pickles.pack([value, b"x" * (1 << 16)]).joined()
    assert len(set(forms)) == 1
    found = [pickles.loads(slowly)[0], pickles.loads(pickles.dumps(by_value))[0]]
    for each in (*found, pickles.loads(arguments)[0][0]):
        assert type(each) is type(value)
        if isinstance(value, BaseException):
            assert looks(each) == looks(value)
    return pickles.loads(forms[0])


@pytest.mark.parametrize("make", MADE)
def test_they_arrive_as_themselves(make):
    error = make()
    assert looks(travelled(error)) == looks(error)
    assert looks(travelled({"results": [1, (error, 2)]})["results"][1][0]) == looks(error)


def linked():
    try:
        try:
            raise Holder("inner", [1])
        except Holder as error:
            error.add_note("first")
            raise Picky(5, reason="why") from error
    except Picky as error:
        error.add_note("second")
        return error


def test_notes_cause_and_context_come_along():
    error = travelled(linked())
    assert type(error) is Picky and error.code == 5 and error.__notes__ == ["second"]
    assert error.__cause__ is error.__context__ and error.__suppress_context__
    assert error.__cause__.thing == [1] and error.__cause__.__notes__ == ["first"]
    assert error.__cause__.__cause__ is None and not error.__cause__.__suppress_context__
    assert error.__traceback__ is None


def test_what_is_one_object_stays_one():
    rows, error = [1], linked()
    error.rows = rows
    value = travelled({"rows": rows, "errors": [error, error.__cause__, error]})
    first, cause, again = value["errors"]
    assert first is again and first.__cause__ is cause and first.rows is value["rows"]


def test_cycles():
    error, results = Holder("text", None), []
    error.thing = results
    results += [error, error]
    first, second = travelled(results)
    assert first is second and first.thing[0] is first and first.thing[1] is first
    group = ExceptionGroup("all", [ValueError(1), ExceptionGroup("inner", [error])])
    error.__cause__ = group
    member = group.exceptions[0]
    member.__context__ = error
    arrived = travelled([member, group])
    assert arrived[1].exceptions[0] is arrived[0] and arrived[1].message == "all"
    inner = arrived[1].exceptions[1].exceptions[0]
    assert inner.__cause__ is arrived[1] and arrived[0].__context__ is inner


def test_a_long_chain():
    errors = [OSError(n, "text") for n in range(5000)]
    for error, before in zip(errors[1:], errors, strict=False):
        error.__context__ = before
    arrived = pickles.loads(pickles.pack(errors[::-1]))[::-1]
    assert [error.errno for error in arrived] == list(range(5000))
    for values in errors, arrived:
        assert all(b.__context__ is a for a, b in itertools.pairwise(values))
        for error in values:  # else the last one is freed with all others on top of it
            error.__context__ = None


def test_what_cannot_travel_is_named_and_the_rest_arrives():
    error = Holder("text", threading.Lock())
    error.args = "text", threading.Lock()
    error.more, error.cause = [1], ValueError(threading.Lock())
    error.add_note("mine")
    (arrived,) = pickles.loads(pickles.pack([error]))
    assert type(arrived) is Holder and arrived.more == [1] and not hasattr(arrived, "thing")
    assert arrived.args[0] == "text" and repr(arrived.args[1]) == repr(error.args[1])
    mine, argument, thing = arrived.__notes__
    assert mine == "mine" and "args[1] stayed behind: a _thread.lock" in argument
    assert thing.startswith("(thing stayed behind") and error.__notes__ == ["mine"]
    assert type(arrived.cause) is ValueError and "args[0]" in arrived.cause.__notes__[0]
    # What holds such a one is not left behind for it.
    assert pickles.loads(pickles.pack(Holder("text", [error]))).thing[0].more == [1]


class Careful(Holder):
    """Says what is to travel."""

    def __reduce__(self):
        return Careful, (self.args[0], "without")


def test_a_class_that_says_what_is_to_travel_is_asked_where_not_all_can():
    error = Careful("text", threading.Lock())
    error.__context__ = linked()
    error.add_note("mine")
    arrived = pickles.loads(pickles.pack([error]))[0]
    assert arrived.thing == "without" and arrived.__context__.code == 5
    assert arrived.__notes__ == ["mine"]
    assert pickles.loads(pickles.pack([Careful("text", "all")]))[0].thing == "all"


class Sentinel(Exception):
    def __reduce__(self):
        return "SENTINEL"


SENTINEL = Sentinel()


def test_one_that_is_there_by_its_name_is_the_one_that_is_there():
    before = SENTINEL.__context__ = ValueError()
    arrived, error = pickles.loads(pickles.pack([SENTINEL, raised_in_its_context()]))
    assert arrived is SENTINEL is error.__context__ and SENTINEL.__context__ is before


def raised_in_its_context():
    error = ValueError()
    error.__context__ = SENTINEL
    return error


def test_a_class_that_cannot_travel():
    class Local(Exception):
        lock = threading.Lock()

    error = Local("text")
    error.add_note("mine")
    arrived, group = pickles.loads(pickles.pack([error, ExceptionGroup("all", [error])]))
    assert type(arrived) is RemoteError and str(arrived).endswith("Local: text")
    assert arrived.__notes__[0] == "mine" and "its class stayed behind" in arrived.__notes__[1]
    assert group.exceptions[0] is arrived


def test_those_whose_pickling_fails():
    assert type(travelled(Breaking("text"))) is Breaking


def test_a_failure_leaves_nothing_in_the_next_pickle():
    for _ in range(3):
        with pytest.raises(TypeError):
            pickles.dumps([ValueError(1), threading.Lock()])
        error = ValueError(1)
        assert pickles.dumps([error, error]) == pickles.dumps([error, error])
        assert pickles.loads(pickles.dumps({"a": [1.5]})) == {"a": [1.5]}
        assert pickles.dumps([1, "a"]) == pickle.dumps([1, "a"], 5)


class Registered:
    pass


def test_classes_that_are_registered_late():
    value = Registered()
    assert type(pickles.loads(pickles.dumps(value))) is Registered
    try:
        copyreg.pickle(Registered, lambda _: (int, ("5",)))
        assert pickles.loads(pickles.dumps([value, value, ABC])) == [5, 5, ABC]
    finally:
        del copyreg.dispatch_table[Registered]
    assert type(pickles.loads(pickles.dumps(value))) is Registered


def test_both_ways_with_classes_of_the_script(monkeypatch):
    script = Script()
    monkeypatch.setitem(sys.modules, "__main__", script.module)
    script.run(
        """
        import os
        class Failed(Exception):
            def __init__(self, *, code):
                self.code = code
                self.rows = []
        ERRORS = [Failed(code=7)]
        ERRORS[0].__cause__ = ValueError("why")
        def look(error):
            assert type(error) is Failed and error.code == 5, error
            assert error.__context__.args == ("before",)
            try:
                raise error
            except Failed as again:
                again.rows.append(os.getpid())
                return [again, ERRORS[0], ERRORS[0].code, ERRORS[0].__cause__.args]
        """
    )
    error = script.Failed(code=5)
    error.__context__ = raised(lambda: exec("raise ValueError('before')"))
    again, kept, code, args = script.call("look", error)
    assert type(again) is type(kept) is script.Failed and error.rows == []
    assert again.rows and again.rows != [os.getpid()]
    assert again.__context__.args == ("before",) and (code, args) == (7, ("why",))
    assert kept is not script.ERRORS[0] and kept.__cause__.args == ("why",)
    script.close()
