from __future__ import annotations

import array
import math
import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from fake_array import FakeArray
from hypothesis import given
from hypothesis import strategies as st

from penny.kernels.signatures import (
    DTYPES,
    SCALARS,
    Parameter,
    Signature,
    parse_section,
    parse_signature,
)

identifiers = st.from_regex(r"[A-Za-z_][A-Za-z_0-9]{0,8}", fullmatch=True)


@st.composite
def signatures(draw):
    names = draw(st.lists(identifiers, max_size=5, unique=True))
    parameters = []
    for name in names:
        is_array = draw(st.booleans())
        kind = draw(st.sampled_from(sorted(DTYPES) if is_array else SCALARS))
        parameters.append(Parameter(name, kind, is_array))
    return Signature(tuple(parameters), draw(st.none() | st.sampled_from(SCALARS)))


@given(signatures())
def test_what_is_shown_is_read(signature):
    assert parse_signature("f", str(signature)) == signature
    spaced = str(signature).replace("[]", " [ ] ").replace(",", " \n, ").replace("(", " (  ")
    assert parse_signature("f", spaced) == signature


@given(st.dictionaries(identifiers, signatures(), max_size=5))
def test_a_section_is_read(signatures):
    text = "".join(f"{name}{signature}\n" for name, signature in signatures.items())
    assert parse_section(text.encode()) == signatures
    assert parse_section(f"\n{text}\n\0\0".encode()) == signatures


@given(st.binary(max_size=60) | st.text("iuf3264[](), ->\nabx\0", max_size=60).map(str.encode))
def test_garbage_is_refused(data):
    try:
        parse_section(data)
    except ValueError as error:
        assert not isinstance(error, UnicodeError)


def test_much_white_space_takes_no_time():
    for data in b"f(" + b" " * 200_000 + b"!)", b"f" + b" (" * 100_000:
        with pytest.raises(ValueError, match=r"is wrong"):
            parse_section(data)


def test_names_and_parentheses_may_be_missing():
    assert str(parse_signature("f", "f32, f32[],i32 n")) == "(f32 arg0, f32[] arg1, i32 n)"
    assert str(parse_signature("f", "")) == "()"
    assert str(parse_signature("f", "()->f64")) == "() -> f64"
    for text in "f64[] x->f64", "f64[] x -> f64", "(f64[]x->f64)", "( f64[] x )->f64":
        assert str(parse_signature("f", text)) == "(f64[] x) -> f64"
    for text in "->i64", "(-> i64)", "() -> i64":
        assert str(parse_signature("f", text)) == "() -> i64"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(f32 a", "write"),
        ("f32 a -> i32 b", "write"),
        ("(f32 a -> i32) -> i32", "write"),
        ("f32 a)", "write"),
        ("(f32 a) b", "write"),
        ("(f32 a) -> f32[]", "write"),
        ("(f32 a) -> i8", "can't return 'i8'"),
        ("(float a)", "no type 'float': scalars are i32, i64"),
        ("(u8 a)", "no type 'u8': .*small integers travel as i32 or u32"),
        ("(bool[] a)", "no type 'bool': elements are i8"),
        ("(f32 a,)", "'' is no parameter"),
        ("(f32 a b)", "'f32 a b' is no parameter"),
        ("(f32* a)", "is no parameter, such as"),
        ("(f32 a, i32 a)", "two parameters are called 'a'"),
        ("(f32 arg1, i32)", "two parameters are called 'arg1'"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(
        ValueError, match=rf"the signature of kernel scale, .*, is wrong: .*{message}"
    ):
        parse_signature("scale", text)


def test_what_is_wrong_with_a_section_is_said():
    with pytest.raises(ValueError, match=r"not UTF-8"):
        parse_section(b"\xff(i32 a)\n")
    with pytest.raises(ValueError, match=r"is no signature: 'hello'"):
        parse_section(b"f()\nhello\n")
    with pytest.raises(ValueError, match=r"f has two signatures"):
        parse_section(b"f()\nf(i32 a)\n")
    assert len(parse_section(b"f()\nf( )\n")) == 1


def test_its_function_takes_an_array_as_address_and_length():
    signature = parse_signature("f", "(f32 a, f64[] x, u64 n, bool b, u32 c) -> bool")
    assert signature.wasm_type == (
        ("f32", "i32", "i32", "i64", "i32", "i32"),
        ("i32",),
    )
    assert parse_signature("f", "()").wasm_type == ((), ())


# -- Arguments -----------------------------------------------------------------------------------

SAXPY = parse_signature("saxpy", "(f32 a, f32[] x, f32[] y)")


def one(kind):
    return parse_signature("f", f"({kind} v)")


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("i32", -(2**31), 2**31 - 1),
        ("u32", 0, 2**32 - 1),
        ("i64", -(2**63), 2**63 - 1),
        ("u64", 0, 2**64 - 1),
        ("bool", 0, 1),
    ],
)
def test_integers_have_a_range(kind, low, high):
    for value in low, high:
        assert one(kind).bind("f", (value,), {}) == (value,)
    for value in low - 1, high + 1:
        with pytest.raises(OverflowError, match=rf"kernel f: argument 'v' must be .*not {value}"):
            one(kind).bind("f", (value,), {})


def test_whatever_is_an_integer_is_one():
    class Five:
        def __index__(self):
            return 5

    assert one("i32").bind("f", (Five(),), {}) == (5,)
    assert one("i32").bind("f", (True,), {}) == (1,)


@pytest.mark.parametrize("value", [2.0, "2", None, b"2", [2], 2j, Decimal(2)])
def test_nothing_else_is(value):
    with pytest.raises(TypeError, match=r"kernel f: argument 'v' must be an int \(u64\), not "):
        one("u64").bind("f", (value,), {})


@pytest.mark.parametrize("value", [1, True, 1.0, Fraction(1)])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_whatever_is_a_real_number_is_a_float(kind, value):
    (bound,) = one(kind).bind("f", (value,), {})
    assert type(bound) is float and bound == 1.0


@pytest.mark.parametrize("value", ["2", None, [2.0], 2j, array.array("d", [1.0]), FakeArray()])
def test_nothing_else_is_a_float(value):
    with pytest.raises(TypeError, match=r"kernel f: argument 'v' must be a float \(f32\), not "):
        one("f32").bind("f", (value,), {})


@given(st.floats())
def test_floats_that_float32_can_round_to_are_taken(value):
    try:
        rounded = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        with pytest.raises(OverflowError, match=r"argument 'v' is out of f32's range"):
            one("f32").bind("f", (value,), {})
    else:
        (bound,) = one("f32").bind("f", (value,), {})
        assert math.isnan(bound) if math.isnan(rounded) else bound == value
    assert one("f64").bind("f", (value,), {}) == (value,) or math.isnan(value)


def test_the_edge_of_float32():
    below = math.nextafter(2.0**128 - 2.0**103, 0)
    assert one("f32").bind("f", (below,), {}) == (below,)
    with pytest.raises(OverflowError):
        one("f32").bind("f", (2.0**128 - 2.0**103,), {})
    for kind in "f32", "f64", "i64", "bool":
        with pytest.raises(OverflowError, match=r"argument 'v' .*a number of 33220 bits"):
            one(kind).bind("f", (10**10_000,), {})


def test_arrays_have_a_dtype():
    for element, dtype in DTYPES.items():
        signature = one(f"{element}[]")
        array = FakeArray(dtype)
        assert signature.bind("f", (array,), {}) == (array,)
        other = FakeArray("int8" if dtype != "int8" else "int16")
        with pytest.raises(
            TypeError, match=rf"f: argument 'v' must be a SharedArray of {dtype}, not one of int"
        ):
            signature.bind("f", (other,), {})


@pytest.mark.parametrize(
    "value", [[1.0, 2.0], array.array("f", [1.0]), memoryview(b"abcd"), None, 3, FakeArray]
)
def test_only_shared_arrays_are_arrays(value):
    with pytest.raises(TypeError, match=r"'x' must be a penny.SharedArray of float32, not "):
        SAXPY.bind("saxpy", (1.0, value, FakeArray()), {})


def test_views_with_gaps_are_refused():
    for shape, strides in (
        ((2, 3), (12, 4)),
        ((2, 1, 3), (12, 99, 4)),
        ((1, 3), (99, 4)),
        ((), ()),
        ((2, 0), (99, 99)),
    ):
        assert SAXPY.bind("saxpy", (1, FakeArray(), FakeArray(shape=shape, strides=strides)), {})
    for shape, strides in (
        ((2,), (8,)),
        ((2,), (-4,)),
        ((2, 3), (16, 4)),
        ((3, 2), (4, 12)),
    ):
        with pytest.raises(
            TypeError, match=r"kernel saxpy: argument 'y' must .*one after the other"
        ):
            SAXPY.bind("saxpy", (1.0, FakeArray(), FakeArray(shape=shape, strides=strides)), {})


def test_arguments_by_name():
    x, y = FakeArray(), FakeArray(address=8192)
    assert SAXPY.bind("saxpy", (2,), {"y": y, "x": x}) == (2.0, x, y)
    assert SAXPY.bind("saxpy", (), {"y": y, "x": x, "a": 2}) == (2.0, x, y)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "takes 3 arguments, not 0"),
        ((1.0, 2), {}, "takes 3 arguments, not 2"),
        ((1.0, 2, 3, 4), {}, "takes 3 arguments, not 4"),
        ((1.0, 2), {"z": 3}, "has no parameter 'z'"),
        ((1.0, 2), {"a": 3}, "two values for argument 'a'"),
        ((1.0,), {"y": 3}, "argument 'x' is missing"),
        ((1.0, 2, 3, 4), {"a": 3}, "two values for argument 'a'"),
    ],
)
def test_too_many_or_too_few(args, kwargs, message):
    with pytest.raises(
        TypeError, match=rf"kernel saxpy\(f32 a, f32\[\] x, f32\[\] y\):? {message}"
    ):
        SAXPY.bind("saxpy", args, kwargs)
    with pytest.raises(TypeError, match=r"kernel f\(i32 v\) takes 1 argument, not 2"):
        one("i32").bind("f", (1, 2), {})


@pytest.mark.parametrize(
    ("result", "given_", "value"),
    [
        ("", None, None),
        ("-> i32", -5, -5),
        ("-> u32", -5, 2**32 - 5),
        ("-> i64", -5, -5),
        ("-> u64", -5, 2**64 - 5),
        ("-> bool", 1, True),
        ("-> f32", 3, 3.0),  # JavaScript does not tell 3 from 3.0
        ("-> f64", 0.5, 0.5),
    ],
)
def test_results(result, given_, value):
    returned = parse_signature("f", f"(){result}").returned(given_)
    assert returned == value and type(returned) is type(value)
