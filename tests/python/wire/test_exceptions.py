"""Exceptions that cross between workers, with all that belongs to them."""

from __future__ import annotations

import dataclasses
import errno
import json
import subprocess
import threading
import traceback
from pathlib import Path

import pytest
from exception_examples import (
    MADE,
    Breaking,
    Counted,
    Frozen,
    Holder,
    Picky,
    Quit,
    SensorGone,
    looks,
    raised,
)
from other_interpreter import elsewhere, in_main

from penny import RemoteError, RemoteTraceback, where
from penny.by_value.exception_parts import ARGS, notes_of
from penny.by_value.exception_state import can_be_shown
from penny.functions.chunks import ChunkCall
from penny.hints.files import explained
from penny.jobs import outcomes, tracebacks
from penny.wire.exceptions import dumps_exception, loads_exception

LOCK = threading.Lock()

ERRORS_JS = Path(__file__).parents[3] / "web/penny/wire/exceptions.js"


def travelled(error: BaseException) -> BaseException:
    return loads_exception(dumps_exception(error))


@pytest.mark.parametrize("make", MADE)
def test_exceptions_arrive_as_themselves(make):
    error = make()
    once = travelled(error)
    assert looks(once) == looks(error)
    assert looks(travelled(once)) == looks(error)


def test_no_constructor_is_called():
    error = Counted(code=5)
    made = Counted.made
    arrived = travelled(error)
    assert arrived.code == 5 and arrived.args == () and Counted.made == made


def test_exceptions_in_attributes_stay_the_same_as_those_that_are_linked():
    def fail():
        try:
            raise SensorGone("/dev/ttyS9")
        except OSError as error:
            failure = Holder("text", [error, {"why": (error,)}])
            failure.args = "text", error, failure
            raise failure from error

    arrived = travelled(raised(fail))
    gone = arrived.__cause__.cause
    assert (
        type(gone) is SensorGone and gone.filename == "/dev/ttyS9" and gone is arrived.__context__
    )
    assert arrived.thing[0] is gone and arrived.thing[1]["why"][0] is gone
    assert arrived.args[1] is gone and arrived.args[2] is arrived


def test_attributes_that_are_one_object_stay_one():
    rows = [1]
    error = Holder(rows, rows)
    arrived = travelled(error)
    assert arrived.args[0] is arrived.thing == [1]


def test_an_attribute_whose_class_is_unknown_here():
    data = elsewhere(
        b"",
        """
        import types
        module = sys.modules["gone"] = types.ModuleType("gone")
        exec("class Thing: pass", vars(module))
        from penny.wire.exceptions import dumps_exception
        error = OSError(2, "text", module.Thing())
        error.thing, error.code = module.Thing(), 5
        answer = dumps_exception(error)
        """,
    )
    arrived = loads_exception(data)
    assert type(arrived) is FileNotFoundError and (arrived.errno, arrived.code) == (2, 5)
    assert not hasattr(arrived, "thing")
    assert [note.split(" stayed")[0] for note in arrived.__notes__] == ["(filename", "(thing"]
    assert "No module named 'gone'" in arrived.__notes__[0]


def test_an_attribute_with_a_strange_name():
    error = Holder("text", [1])
    vars(error)[5] = 6
    arrived = travelled(error)
    assert vars(arrived) == {"thing": [1], 5: 6}


class Sour:
    """Pickles, and fails to unpickle."""

    def __reduce__(self):
        return int, ("sour",)


def test_an_attribute_that_cannot_be_unpickled():
    arrived = travelled(Holder("text", Sour()))
    assert arrived.args == ("text",) and "(thing stayed in the worker" in arrived.__notes__[0]


@pytest.mark.parametrize("suppress", [False, True])
def test_whether_the_context_is_suppressed_is_kept(suppress):
    error = raised(chain)
    error.__suppress_context__ = error.__context__.__suppress_context__ = suppress
    arrived = travelled(error)
    assert arrived.__suppress_context__ is suppress
    assert arrived.__context__.__suppress_context__ is suppress


def test_an_exception_whose_constructor_takes_other_arguments():
    arrived = travelled(Picky(5, reason="why"))
    assert type(arrived) is Picky and str(arrived) == "5: why" and arrived.code == 5


def test_an_exception_whose_pickling_fails():
    arrived = travelled(Breaking("text"))
    assert type(arrived) is Breaking and arrived.args == ("text",)


def test_what_cannot_travel_is_named_and_the_rest_arrives():
    error = Holder("text", LOCK)
    error.more = 5
    error.add_note("noted")
    arrived = travelled(error)
    assert type(arrived) is Holder and arrived.args == ("text",) and arrived.more == 5
    assert not hasattr(arrived, "thing")
    assert arrived.__notes__[0] == "noted" and len(arrived.__notes__) == 2
    assert arrived.__notes__[1].startswith(
        "(thing stayed in the worker: thing can't be sent to another worker (_thread.lock): cannot"
    )


def test_what_cannot_travel_is_named_by_its_path():
    note = travelled(Holder("text", {"a": [1, LOCK]})).__notes__[0]
    assert note.startswith("(thing stayed in the worker: thing['a'][1] can't be sent")


def test_an_argument_that_cannot_travel_still_shows():
    error = ValueError(LOCK, "text")
    arrived = travelled(error)
    assert type(arrived) is ValueError and arrived.args[1] == "text" and str(arrived) == str(error)
    assert "(args[0] stayed in the worker" in arrived.__notes__[0]
    assert str(travelled(arrived)) == str(error)


def test_a_field_that_cannot_travel_costs_no_other():
    arrived = travelled(raised(lambda: LOCK.nothing))
    assert type(arrived) is AttributeError and arrived.name == "nothing" and arrived.obj is None
    assert "(obj stayed in the worker: obj can't be sent" in arrived.__notes__[0]


class Kept(Exception):
    """Its class says how it is to be pickled, without what can't be."""

    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()

    def __reduce__(self):
        return Kept, self.args


def test_a_class_that_says_what_is_to_travel_is_asked_where_not_all_can():
    error = Kept("text")
    error.add_note("noted")
    arrived = travelled(error)
    assert arrived.args == ("text",) and arrived.lock.acquire(blocking=False)
    assert arrived.__notes__ == ["noted"]


def test_an_exception_whose_class_is_unknown_here():
    data = elsewhere(
        b"",
        """
        import types
        module = sys.modules["gone"] = types.ModuleType("gone")
        exec("class Odd(Exception): pass", vars(module))
        from penny.wire.exceptions import dumps_exception
        answer = dumps_exception(module.Odd("text"))
        """,
    )
    arrived = loads_exception(data)
    assert type(arrived) is RemoteError and str(arrived) == "gone.Odd: text"
    assert "No module named 'gone'" in arrived.__notes__[0]


def test_an_exception_of_main():
    error_class = in_main("class Mine(Exception): pass", "Mine")
    arrived = travelled(error_class("text"))
    assert type(arrived) is error_class and arrived.args == ("text",)


def test_an_exception_whose_class_cannot_travel_says_why():
    lock = threading.Lock()

    class Guarded(Exception):
        guard = lock

    error = Guarded("text")
    error.add_note("noted")
    arrived = travelled(error)
    assert type(arrived) is RemoteError and str(arrived).endswith("Guarded: text")
    assert arrived.__notes__[0] == "noted" and len(arrived.__notes__) == 2
    assert arrived.__notes__[1].startswith("(its class stayed in the worker: its class.guard can't")


def test_an_exception_that_cannot_even_be_shown():
    lock = threading.Lock()  # in a closure: that can't travel

    class Mute(Exception):
        def __str__(self):
            raise ValueError

        def __reduce__(self):
            raise ValueError

        def __new__(cls, *args):
            if args == ("once",):
                return super().__new__(cls, lock)
            raise ValueError

    arrived = travelled(Mute("once"))
    assert isinstance(arrived, RemoteError) and "__str__ failed" in arrived.message


def test_notes_travel():
    error = ValueError("x")
    error.add_note("one")
    error.add_note("two")
    assert travelled(error).__notes__ == ["one", "two"]


def test_the_traceback_comes_as_cause(monkeypatch):
    monkeypatch.setattr(where, "worker", 3)

    def fail():
        raise ValueError("deep")

    arrived = travelled(raised(fail))
    remote = arrived.__cause__
    assert isinstance(remote, RemoteTraceback) and remote.worker == 3
    assert str(remote).startswith('in worker 3\n"""\nTraceback (most recent call last):\n')
    assert "in fail\n" in remote.text and remote.text.endswith("ValueError: deep\n")
    assert arrived.__traceback__ is None


def test_the_traceback_begins_with_the_tasks_own_code():
    error = raised(ChunkCall(divmod), [(1, 0)])
    error.__traceback__ = (
        error.__traceback__.tb_next
    )  # this file's frame, where a worker has its own
    assert "penny" not in travelled(error).__cause__.text
    assert "chunks.py" not in travelled(error).__cause__.text


def chain():
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise TypeError("second") from error
    except TypeError:
        raise ValueError("third")  # noqa: B904


def test_cause_and_context_travel():
    third = travelled(raised(chain))
    assert isinstance(third, ValueError) and isinstance(third.__cause__, RemoteTraceback)
    assert third.__cause__.cause is None
    second = third.__context__
    assert isinstance(second, TypeError)
    assert isinstance(second.__cause__, KeyError) and second.__cause__ is second.__context__
    assert "KeyError" in third.__cause__.text and "TypeError" in third.__cause__.text


def test_the_cause_is_kept_by_the_traceback():
    error = ValueError("x")
    error.__cause__ = KeyError("y")
    remote = travelled(error).__cause__
    assert isinstance(remote.cause, KeyError) and remote.cause.args == ("y",)


def test_a_traceback_is_printed_once():
    error = raised(chain)
    text = "".join(traceback.format_exception(travelled(error)))
    assert text.count("ValueError: third") == 2  # the worker's, and the exception's own
    assert text.count("TypeError: second") == 1


def test_exceptions_that_refer_to_each_other():
    one, two = ValueError(1), ValueError(2)
    one.__context__, two.__context__ = two, one
    arrived = travelled(one)
    assert arrived.__context__.__context__ is arrived


def test_a_very_long_chain():
    error: BaseException = ValueError(0)
    for i in range(5000):
        error, error.__context__ = ValueError(i), error
    arrived = travelled(error)
    assert arrived.args == (4999,)
    assert [arrived.__context__.args, arrived.__context__.__context__.args] == [(4998,), (4997,)]
    assert "ValueError: 4998" not in arrived.__cause__.text


def within(value, levels, wrap=lambda inner: [inner]):
    for _ in range(levels):
        value = wrap(value)
    return value


def closed(close):
    """An exception, after `close` has put it into itself."""
    error = SyntaxError("x")
    error.args = close(error) or (error,)
    return error


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (closed(lambda error: (error,)), False),
        (closed(lambda error: (ValueError(KeyError(error)),)), False),
        (closed(lambda error: ([1, {2: (error,)}],)), True),  # "[...]"
        (closed(lambda error: (error, 1)), True),
        (closed(lambda error: setattr(error, "msg", error) or ("x",)), False),
        ([(one := [1]), within(one, 50), within(one, 50)], True),
        (within(ValueError(), 5000, ValueError), False),
        (within(1, 5000), False),
        (within(1, 60), True),
        (RecursionError("text"), True),
    ],
    ids=lambda value: None if isinstance(value, bool) else "",
)
def test_whether_showing_something_comes_to_an_end(value, shown):
    assert can_be_shown(value) is shown


def test_an_exception_that_is_its_own_argument():
    error = closed(lambda error: (error,))
    error.__cause__ = KeyError("cause")
    arrived = travelled(error)
    assert arrived.args == (arrived,) and type(arrived.__cause__.cause) is KeyError
    assert arrived.__cause__.text.endswith("\nSyntaxError: <its __str__ failed>\n")
    beside = ValueError()
    outcomes.attach(beside, error)
    assert beside.__notes__[0].endswith("failed, too: SyntaxError: <its __str__ failed>)")
    arrived = travelled(within(ValueError("first"), 5000, ValueError))
    assert type(arrived.args[0].args[0]) is ValueError and "failed" in arrived.__cause__.text


def test_a_large_group():
    arrived = travelled(ExceptionGroup("many", [ValueError(i) for i in range(1000)]))
    assert [error.args for error in arrived.exceptions] == [(i,) for i in range(1000)]


def test_notes_that_are_none():
    error = ValueError("x")
    error.__notes__ = 5
    assert travelled(error).args == ("x",)


def test_exceptions_travel_twice():
    once = travelled(raised(chain))
    twice = travelled(raised(lambda: (_ for _ in ()).throw(once)))
    assert type(twice) is ValueError
    assert isinstance(twice.__cause__.cause, RemoteTraceback)
    assert twice.__cause__.cause.text == once.__cause__.text


def test_exception_groups_travel():
    inner = ValueError("inner")
    inner.__cause__ = KeyError("why")
    group = ExceptionGroup("many", [inner, ExceptionGroup("more", [Picky(1, reason="r")])])
    group.add_note("noted")
    arrived = travelled(group)
    assert type(arrived) is ExceptionGroup and arrived.message == "many"
    assert arrived.__notes__ == ["noted"]
    value, more = arrived.exceptions
    assert type(value) is ValueError and type(value.__cause__) is KeyError
    assert type(more.exceptions[0]) is Picky


def test_a_group_with_a_member_that_cannot_travel():
    arrived = travelled(ExceptionGroup("many", [Holder("text", LOCK), ValueError("x")]))
    assert type(arrived) is ExceptionGroup
    assert [type(error) for error in arrived.exceptions] == [Holder, ValueError]


class StrictGroup(ExceptionGroup):
    def __new__(cls, errors, code):
        return super().__new__(cls, "strict", errors)

    def __init__(self, errors, code):
        self.code = code

    def derive(self, errors):
        return StrictGroup(errors, self.code)


def test_a_group_with_a_constructor_of_its_own():
    group = StrictGroup([ValueError("x"), KeyError("y")], 7)
    arrived = travelled(group)
    assert type(arrived) is StrictGroup and str(arrived) == str(group) and arrived.code == 7
    assert arrived.args[0] == group.args[0] and arrived.args[1][0] is arrived.exceptions[0]
    split = arrived.subgroup(KeyError)
    assert type(split) is StrictGroup and split.code == 7


def test_a_group_of_an_unknown_class():
    data = elsewhere(
        b"",
        """
        import types
        module = sys.modules["gone"] = types.ModuleType("gone")
        exec("class Odd(ExceptionGroup): pass", vars(module))
        from penny.wire.exceptions import dumps_exception
        answer = dumps_exception(module.Odd("text", [KeyError(1)]))
        """,
    )
    arrived = loads_exception(data)
    assert type(arrived) is ExceptionGroup and arrived.message == "gone.Odd: text"
    assert arrived.exceptions[0].args == (1,)


def test_a_base_exception_group():
    arrived = travelled(BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError()]))
    assert type(arrived) is BaseExceptionGroup


# -- as JavaScript has it ------------------------------------------------------------------------


class Thing:
    pass


class Report(SensorGone):
    def __init__(self, port, *more):
        super().__init__(port, {"a": [1, None]})
        self.args = (*self.args, *more)
        self.thing = more
        self.cause = ValueError(1)


@pytest.mark.parametrize(
    ("error", "args", "attributes"),
    [
        (KeyError("k", 2.5), ["k", 2.5], {}),
        (SystemExit(3), [3], {"code": 3}),
        (Quit("enough", status=None), [None], {"code": None, "why": "enough"}),
        (
            Report("/dev/x"),
            [errno.ENODEV, "no such sensor"],
            {"errno": errno.ENODEV, "filename": "/dev/x", "reading": {"a": [1, None]}, "thing": []},
        ),
        (
            Report("/dev/x", Thing(), LOCK),
            [errno.ENODEV, "no such sensor", f"<{__name__}.Thing>", repr(LOCK)],
            {"errno": errno.ENODEV, "filename": "/dev/x", "reading": {"a": [1, None]}},
        ),
    ],
    ids=["args", "code", "None", "fields", "no form"],
)
def test_javascript_sees_args_and_attributes(error, args, attributes):
    program = f"""
        import {{decodeException}} from {json.dumps(str(ERRORS_JS))};
        const data = Buffer.from({json.dumps(dumps_exception(error).hex())}, 'hex');
        const error = decodeException(data, 0, data.length);
        console.log(JSON.stringify({{...error}}));
    """
    command = ["node", "--input-type=module", "-e", program]
    seen = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert seen["type"] == raised_type(error) and seen["pythonMessage"] == str(error)
    assert seen["traceback"].endswith(f"{raised_type(error)}: {error}\n")
    assert seen["args"] == args
    missing = {"strerror", "filename2", "__notes__"}
    assert {k: v for k, v in seen["attributes"].items() if k not in missing} == attributes


def raised_type(error):
    module = type(error).__module__
    return type(error).__name__ if module == "builtins" else f"{module}.{type(error).__name__}"


class FrozenFile(FileNotFoundError):
    def __setattr__(self, name, value):
        raise dataclasses.FrozenInstanceError(name)

    @property
    def filename(self):
        raise ValueError


class Unwilling(Exception):
    """What an exception has is asked for by C alone."""

    def __setattr__(self, name, value):
        raise AttributeError(name)

    def __getattribute__(self, name):
        raise AttributeError(name)

    def add_note(self, note):
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [Frozen(3, []), FrozenFile(2, "gone", __file__), Unwilling(1)],
    ids=lambda each: type(each).__name__,
)
def test_nothing_is_asked_of_an_exceptions_class(error):
    def deep(n):
        if n:
            deep(n - 1)
        raise error

    # What the worker does to it, and what the submitter does.
    raised(deep, 100)
    assert outcomes.without_frame(error) is error
    tracebacks.shorten(error)
    assert len(tracebacks.entries_of(error)) == tracebacks.KEPT
    outcomes.attach(error, KeyError("other"))
    arrived = explained(travelled(error))
    assert type(arrived) is type(error)
    assert ARGS.__get__(arrived) == ARGS.__get__(error)
    notes = notes_of(arrived)
    assert tracebacks.NOTE in notes[0] and "KeyError: 'other'" in notes[1]
    assert len(notes) == (3 if isinstance(error, OSError) else 2)
