"""Values that cross between workers."""

from __future__ import annotations

import dataclasses
import functools
import io
import pickle
import threading
import traceback

import pytest
from other_interpreter import elsewhere, in_main

from penny import PickleError
from penny.wire import pickles

# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 1, "text", [1, {"a": (2, 3)}], b"x" * 100_000, range(3)])
def test_plain_values_are_plain_pickles(value):
    assert pickles.dumps(value) == pickle.dumps(value, 5)
    assert pickles.loads(pickles.dumps_result("f", value)) == value
    assert pickles.loads(pickles.dumps_arguments("f", (value,), {"k": value})) == (
        (value,),
        {"k": value},
    )


def test_functions_in_values_travel():
    data = pickles.dumps_arguments("f", (lambda x: x + 1,), {})
    args, _ = pickles.loads(data)
    assert args[0](1) == 2


POINT = """
    class Point:
        def __init__(self, x):
            self.x = x
"""


def test_instances_of_classes_in_main_go_and_come_back_as_their_class():
    point_class = in_main(POINT, "Point")
    data = pickles.dumps((point_class, point_class(1)))
    answer = elsewhere(
        data,
        """
        from penny.wire import pickles
        cls, point = pickles.loads(data)
        assert type(point) is cls and point.x == 1
        # First the one that came, then one that was made here.
        point.x = 2
        answer = pickles.dumps([point, cls(3)])
        """,
    )
    points = pickles.loads(answer)
    assert [type(point) for point in points] == [point_class, point_class]
    assert [point.x for point in points] == [2, 3]


def test_a_text_that_mentions_main_is_only_a_text():
    assert (
        pickles.loads(pickles.dumps("if __name__ == '__main__':")) == "if __name__ == '__main__':"
    )


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
        pickles.dumps(fib),
        """
        from penny.wire import pickles
        fib = pickles.loads(data)
        answer = pickles.dumps((fib(40), fib.cache_info().maxsize))
        """,
    )
    assert pickles.loads(answer) == (102334155, 50)


def test_memory_errors_are_not_pickling_errors():
    class Huge:
        def __reduce__(self):
            raise MemoryError("too large")

    with pytest.raises(MemoryError):
        pickles.dumps_result("f", Huge())


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
        ((slice("x", LOCK),), {}, "args[0].__reduce__()[1][1]"),
        (([*range(1000), LOCK, *range(1000)],), {}, "args[0][1000]"),
    ],
)
def test_an_argument_that_cannot_travel(args, kwargs, path):
    with pytest.raises(PickleError) as caught:
        pickles.dumps_arguments("module.function", args, kwargs)
    assert str(caught.value).startswith(
        f"module.function: {path} can't be sent to another worker (_thread.lock): cannot pickle"
    )
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_result_that_cannot_travel():
    with pytest.raises(PickleError, match=r"^m\.f: result\.rows\[3\] can't .* \(generator\)"):
        pickles.dumps_result("m.f", Table([1, 2, 3, (x for x in ())]))


def test_a_value_whose_own_method_fails_is_the_culprit():
    class Stubborn:
        def __reduce__(self):
            raise ZeroDivisionError("not I")

    with pytest.raises(PickleError, match=r"f: result\[0\] can't .*Stubborn\): not I"):
        pickles.dumps_result("f", [Stubborn()])


def test_cycles_end_the_search():
    rows: list = [LOCK]
    rows.insert(0, rows)
    with pytest.raises(PickleError, match=r"f: result\[1\] can't"):
        pickles.dumps_result("f", rows)


def test_nesting_too_deep_for_pickle():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(PickleError, match=r"f: result"):
        pickles.dumps_result("f", deep)
    while deep:  # a list this deep can't be freed at once on every Python
        deep = deep.pop()


def test_a_file_is_named_by_its_class():
    with pytest.raises(PickleError, match=r"\(_io\.TextIOWrapper\)"):
        pickles.dumps_result("f", io.TextIOWrapper(io.BytesIO()))


def test_a_class_keeps_its_qualified_name():
    made = in_main(
        """
        class Outer:
            class Inner:
                pass

        def f():
            class Local(Exception):
                pass
            return Outer, Local
        """,
        "f",
    )
    answer = elsewhere(
        pickles.dumps(made()),
        """
        from penny.wire import pickles
        outer, local = pickles.loads(data)
        answer = repr([outer.Inner.__qualname__, local.__qualname__, outer.__qualname__]).encode()
        """,
    )
    assert answer == b"['Outer.Inner', 'f.<locals>.Local', 'Outer']"


@pytest.mark.parametrize("pack", [pickles.pack_arguments, pickles.dumps_arguments])
def test_only_code_of_somebody_s_is_a_cause(pack):
    with pytest.raises(PickleError, match="cannot pickle") as info:
        pack("f", (threading.Lock(),), {})
    assert info.value.__cause__ is None and info.value.__suppress_context__

    class Refusing:
        def __reduce__(self):
            raise LookupError("not me")

    with pytest.raises(PickleError, match="not me") as info:
        pack("f", ([Refusing()],), {})
    cause = info.value.__cause__
    assert isinstance(cause, LookupError) and cause.__suppress_context__
    assert cause.__traceback__.tb_frame.f_code.co_name == "__reduce__"


def test_the_traceback_of_a_result_that_cannot_travel_is_short():
    with pytest.raises(PickleError) as info:
        pickles.pack_result("f", (n for n in range(3)))
    assert "During handling" not in "".join(traceback.format_exception(info.value))
