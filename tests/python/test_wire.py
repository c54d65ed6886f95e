"""What crosses between workers: values, and exceptions with all that belongs to them."""

from __future__ import annotations

import dataclasses
import functools
import io
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback

import pytest

from penny import PickleError, RemoteError, RemoteTraceback, _current, wire
from penny.functions import ChunkCall


def elsewhere(data: bytes, code: str) -> bytes:
    """Run `code` in another interpreter: from `data` it makes `answer`."""
    program = "import sys; data = sys.stdin.buffer.read()\n" + textwrap.dedent(code)
    program += "\nsys.stdout.buffer.write(answer)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, stdout=subprocess.PIPE, check=True
    )
    return done.stdout


def in_main(source: str, name: str):
    """What `name` is after `source` has run as if in __main__."""
    namespace: dict = {"__name__": "__main__"}
    exec(textwrap.dedent(source), namespace)
    return namespace[name]


# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 1, "text", [1, {"a": (2, 3)}], b"x" * 100_000, range(3)])
def test_plain_values_are_plain_pickles(value):
    assert wire.dumps(value) == pickle.dumps(value, 5)
    assert wire.loads(wire.dumps_result("f", value)) == value
    assert wire.loads(wire.dumps_arguments("f", (value,), {"k": value})) == (
        (value,),
        {"k": value},
    )


def test_functions_in_values_travel():
    data = wire.dumps_arguments("f", (lambda x: x + 1,), {})
    args, _ = wire.loads(data)
    assert args[0](1) == 2


POINT = """
    class Point:
        def __init__(self, x):
            self.x = x
"""


def test_instances_of_classes_in_main_go_and_come_back_as_their_class():
    point_class = in_main(POINT, "Point")
    data = wire.dumps((point_class, point_class(1)))
    answer = elsewhere(
        data,
        """
        from penny import wire
        cls, point = wire.loads(data)
        assert type(point) is cls and point.x == 1
        # First the one that came, then one that was made here.
        point.x = 2
        answer = wire.dumps([point, cls(3)])
        """,
    )
    points = wire.loads(answer)
    assert [type(point) for point in points] == [point_class, point_class]
    assert [point.x for point in points] == [2, 3]


def test_a_text_that_mentions_main_is_only_a_text():
    assert wire.loads(wire.dumps("if __name__ == '__main__':")) == "if __name__ == '__main__':"


def test_a_cached_function_of_main_travels_by_value():
    fib = in_main(
        """
        import functools

        @functools.lru_cache(maxsize=50)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        """,
        "fib",
    )
    answer = elsewhere(
        wire.dumps(fib),
        """
        from penny import wire
        fib = wire.loads(data)
        answer = wire.dumps((fib(40), fib.cache_info().maxsize))
        """,
    )
    assert wire.loads(answer) == (102334155, 50)


def test_memory_errors_are_not_pickling_errors():
    class Huge:
        def __reduce__(self):
            raise MemoryError("too large")

    with pytest.raises(MemoryError):
        wire.dumps_result("f", Huge())


# -- errors that name the culprit ----------------------------------------------------------------


@dataclasses.dataclass
class Table:
    rows: list


class Slots:
    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner


LOCK = threading.Lock()


def needs_lock():
    return LOCK


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        ((LOCK,), {}, "args[0]"),
        ((1, {"lock": LOCK}), {}, "args[1]['lock']"),
        ((1,), {"key": [LOCK]}, "kwargs['key'][0]"),
        ((Table([1, 2, (3, LOCK)]),), {}, "args[0].rows[2][1]"),
        ((Slots(Slots(LOCK)),), {}, "args[0].inner.inner"),
        (({LOCK: 1},), {}, "a key of args[0]"),
        (({LOCK},), {}, "an element of args[0]"),
        ((functools.partial(len, LOCK),), {}, "args[0].args[0]"),
        ((functools.partial(len, obj=LOCK),), {}, "args[0].keywords['obj']"),
        ((lambda: LOCK,), {}, "args[0]: global LOCK"),
        ((lambda x=LOCK: x,), {}, "args[0].__defaults__[0]"),
        ((lambda *, x=LOCK: x,), {}, "args[0].__kwdefaults__['x']"),
        (((lambda lock: lambda: lock)(LOCK),), {}, "args[0]: closure variable lock"),
        ((Table(LOCK).__eq__,), {}, "args[0].__self__.rows"),
        ((ValueError("x", LOCK),), {}, "args[0].args[1]"),
        (([*range(1000), LOCK, *range(1000)],), {}, "args[0][1000]"),
    ],
)
def test_an_argument_that_cannot_travel(args, kwargs, path):
    with pytest.raises(PickleError) as caught:
        wire.dumps_arguments("module.function", args, kwargs)
    assert str(caught.value).startswith(
        f"module.function: {path} can't be sent to another worker (_thread.lock): cannot pickle"
    )
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_result_that_cannot_travel():
    with pytest.raises(PickleError, match=r"^m\.f: result\.rows\[3\] can't .* \(generator\)"):
        wire.dumps_result("m.f", Table([1, 2, 3, (x for x in ())]))


def test_a_value_whose_own_method_fails_is_the_culprit():
    class Stubborn:
        def __reduce__(self):
            raise ZeroDivisionError("not I")

    with pytest.raises(PickleError, match=r"f: result\[0\] can't .*Stubborn\): not I"):
        wire.dumps_result("f", [Stubborn()])


def test_cycles_end_the_search():
    rows: list = [LOCK]
    rows.insert(0, rows)
    with pytest.raises(PickleError, match=r"f: result\[1\] can't"):
        wire.dumps_result("f", rows)


def test_nesting_too_deep_for_pickle():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PickleError, match=r"f: result"):
        wire.dumps_result("f", deep)
    while deep:  # a list this deep can't be freed at once on every Python
        deep = deep.pop()


# -- exceptions ----------------------------------------------------------------------------------


def travelled(error: BaseException) -> BaseException:
    return wire.loads_exception(wire.dumps_exception(error))


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
        from penny import wire
        answer = wire.dumps_exception(module.Odd("text"))
        """,
    )
    arrived = wire.loads_exception(data)
    assert type(arrived) is RemoteError and str(arrived) == "gone.Odd: text"


def test_an_exception_of_main():
    error_class = in_main("class Mine(Exception): pass", "Mine")
    arrived = travelled(error_class("text"))
    assert type(arrived) is error_class and arrived.args == ("text",)


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


def test_a_file_is_named_by_its_class():
    with pytest.raises(PickleError, match=r"\(_io\.TextIOWrapper\)"):
        wire.dumps_result("f", io.TextIOWrapper(io.BytesIO()))
