"""Exceptions that cross between workers, with all that belongs to them."""

from __future__ import annotations

import threading
import traceback

import pytest
from test_wire import elsewhere, in_main

from penny import PickleError, RemoteError, RemoteTraceback, _current
from penny.functions import ChunkCall
from penny.raised import dumps_exception, loads_exception

LOCK = threading.Lock()


def travelled(error: BaseException) -> BaseException:
    return loads_exception(dumps_exception(error))


def raised(function, *args) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError


class Picky(Exception):
    """Its constructor takes other arguments than `args` holds."""

    def __init__(self, code, *, reason):
        super().__init__(f"{code}: {reason}")
        self.code = code


class Holder(Exception):
    def __init__(self, message, thing):
        super().__init__(message)
        self.thing = thing


class Breaking(Exception):
    def __reduce__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad", 3),
        KeyError("k"),
        OSError(2, "gone", "file"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SystemExit(3),
        KeyboardInterrupt(),
        StopIteration(5),
        PickleError("told so"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_arrive_as_themselves(error):
    arrived = travelled(error)
    assert type(arrived) is type(error)
    assert arrived.args == error.args and str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_an_exception_whose_constructor_takes_other_arguments():
    arrived = travelled(Picky(5, reason="why"))
    assert type(arrived) is Picky and str(arrived) == "5: why" and arrived.code == 5


def test_an_exception_whose_pickling_fails():
    arrived = travelled(Breaking("text"))
    assert type(arrived) is Breaking and arrived.args == ("text",)


def test_an_exception_that_holds_what_cannot_travel():
    error = Holder("text", LOCK)
    error.add_note("noted")
    arrived = travelled(error)
    assert type(arrived) is RemoteError
    assert arrived.type_name == f"{__name__}.Holder" and arrived.message == "text"
    assert str(arrived) == f"{__name__}.Holder: text"
    assert arrived.__notes__ == ["noted"]


def test_an_exception_whose_class_is_unknown_here():
    data = elsewhere(
        b"",
        """
        import types
        module = sys.modules["gone"] = types.ModuleType("gone")
        exec("class Odd(Exception): pass", vars(module))
        from penny.raised import dumps_exception
        answer = dumps_exception(module.Odd("text"))
        """,
    )
    arrived = loads_exception(data)
    assert type(arrived) is RemoteError and str(arrived) == "gone.Odd: text"


def test_an_exception_of_main():
    error_class = in_main("class Mine(Exception): pass", "Mine")
    arrived = travelled(error_class("text"))
    assert type(arrived) is error_class and arrived.args == ("text",)


def test_an_exception_that_cannot_even_be_shown():
    class Mute(Exception):
        def __str__(self):
            raise ValueError

        def __reduce__(self):
            raise ValueError

        def __new__(cls, *args):
            if args == ("once",):
                return super().__new__(cls, LOCK)
            raise ValueError

    arrived = travelled(Mute("once"))
    assert isinstance(arrived, RemoteError) and "__str__ failed" in arrived.message


def test_notes_travel():
    error = ValueError("x")
    error.add_note("one")
    error.add_note("two")
    assert travelled(error).__notes__ == ["one", "two"]


def test_the_traceback_comes_as_cause(monkeypatch):
    monkeypatch.setattr(_current, "worker", 3)

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
    assert "functions.py" not in travelled(error).__cause__.text


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
    assert [type(error) for error in arrived.exceptions] == [RemoteError, ValueError]


class StrictGroup(ExceptionGroup):
    def __new__(cls, errors):
        return super().__new__(cls, "strict", errors)


def test_a_group_with_a_constructor_of_its_own():
    arrived = travelled(StrictGroup([ValueError("x")]))
    assert type(arrived) is ExceptionGroup
    assert arrived.message.startswith(f"{__name__}.StrictGroup: strict")


def test_a_base_exception_group():
    arrived = travelled(BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError()]))
    assert type(arrived) is BaseExceptionGroup
