"""Shared arrays, on plain memory, and on a port that plays the browser's."""

from __future__ import annotations

import array
import asyncio
import copy
import gc
import itertools
import pickle
import struct
import subprocess
import sys
import threading

import pytest
from fake_arrays import FakeArraysPort
from hypothesis import given, settings
from hypothesis import strategies as st

import penny
from penny.memory import handles
from penny.memory import memories as shared_memory
from penny.memory.layout import Layout
from penny.memory.types import TYPES, element_type

NAMES = [each.name for each in TYPES]
INTEGERS = [each.name for each in TYPES if each.is_integer]


@pytest.fixture(params=["local", "port"])
def port(request):
    """The port of the only open scheduler; or None, on plain Python's memory."""
    if request.param == "local":
        yield None
        return
    port = FakeArraysPort()
    memory = shared_memory.attach(port)
    yield port
    shared_memory.retire(memory)


def numbered(shape, dtype="int32") -> penny.SharedArray:
    """An array of 0, 1, 2, …"""
    result = penny.SharedArray(shape, dtype)
    result.write(array.array(element_type(dtype).format, range(result.size)))
    return result


def nested(shape, numbers):
    """Lists within lists."""
    if not shape:
        return next(numbers)
    return [nested(shape[1:], numbers) for _ in range(shape[0])]


def value_of(a):
    """An array's elements in nested lists."""
    if not a.size:
        return nested(a.shape, iter(()))
    read = a.read(...)
    assert read.shape == a.shape
    assert read.format == element_type(a.dtype).format
    assert not read.readonly
    return read.tolist()


# -- Making ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", NAMES)
def test_an_array_is_zeros_of_its_type(port, dtype):
    a = penny.SharedArray((2, 3), dtype)
    assert (a.shape, a.dtype, a.ndim, a.size, len(a)) == ((2, 3), dtype, 2, 6, 2)
    assert a.itemsize == struct.calcsize(element_type(dtype).format)
    assert a.nbytes == 6 * a.itemsize
    assert a.strides == (3 * a.itemsize, a.itemsize)
    assert value_of(a) == [[0] * 3] * 2
    assert type(a[0, 0]) is type(struct.unpack(element_type(dtype).format, bytes(a.itemsize))[0])
    assert dtype in repr(a)
    assert "(2, 3)" in repr(a)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        ("f", "float32"),
        ("d", "float64"),
        ("?", "bool"),
        ("B", "uint8"),
        ("q", "int64"),
        ("=i", "int32"),
        (float, "float64"),
        (int, "int64"),
        (bool, "bool"),
        ("l", f"int{8 * struct.calcsize('l')}"),
        ("L", f"uint{8 * struct.calcsize('L')}"),
    ],
)
def test_other_names_of_types(dtype, name):
    assert penny.SharedArray(1, dtype).dtype == name


def test_of_numpy_by_its_types():
    class float32:  # NumPy's are found by their names
        pass

    class DType:
        name = "uint16"

    assert penny.SharedArray(1, float32).dtype == "float32"
    assert penny.SharedArray(1, DType()).dtype == "uint16"


@pytest.mark.parametrize("dtype", ["complex128", "int128", "", "x", None, 3, object, str])
def test_no_such_type(dtype):
    with pytest.raises(ValueError, match=r"no element type .*float32"):
        penny.SharedArray(1, dtype)


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        (-1, ValueError, "negative"),
        ((3, -2), ValueError, "negative"),
        ("3", TypeError, "shape"),
        (2.0, TypeError, "shape"),
        ((2, None), TypeError, "shape"),
        ((1,) * 65, ValueError, "64 axes"),
        ((0, 1 << 40), ValueError, "extent"),
    ],
)
def test_no_such_shape(port, shape, error, message):
    with pytest.raises(error, match=message):
        penny.SharedArray(shape)


def test_no_room_names_size_and_limit():
    port = FakeArraysPort(limit=1 << 20)
    memory = shared_memory.attach(port)
    for size in (1 << 20, 1 << 40):
        with pytest.raises(MemoryError, match=rf"{8 * size} bytes.* 1048576 bytes.*memory="):
            penny.SharedArray(size)
    first = penny.SharedArray(3 << 18, "uint8")
    with pytest.raises(MemoryError, match=r"524288 bytes.* 1048576 .* 786432 are in use"):
        penny.SharedArray(1 << 19, "uint8")
    del first
    assert penny.SharedArray(1 << 19, "uint8").size == 1 << 19
    shared_memory.retire(memory)


def test_garbage_makes_room():
    port = FakeArraysPort(limit=1 << 20)
    memory = shared_memory.attach(port)
    cycle = [penny.SharedArray(3 << 18, "uint8")]
    cycle.append(cycle)
    del cycle
    assert penny.SharedArray(3 << 18, "uint8").size == 3 << 18
    shared_memory.retire(memory)


def test_no_memory_here_at_all():
    with pytest.raises(MemoryError, match="finds no room"):
        penny.SharedArray(1 << 62)


def test_which_scheduler():
    ports = [FakeArraysPort(), FakeArraysPort()]
    memories = [shared_memory.attach(port) for port in ports]
    with pytest.raises(ValueError, match=r"several schedulers.*scheduler=s"):
        penny.SharedArray(1)
    shared_memory.retire(memories[0])
    a = penny.SharedArray(1)
    assert ports[1].held
    assert not ports[0].held
    shared_memory.retire(memories[1])
    a[0] = 5  # it stays as it is
    assert a[0] == 5
    with penny.Scheduler() as s:
        b = penny.SharedArray(3, scheduler=s)
        c = penny.SharedArray(3, scheduler=s.options(timeout=3))
        assert s.submit(lambda a: a.size, b).result() == c.size == 3


def test_copies_of_buffers(port):
    data = array.array("d", [1, 2, 3])
    a = penny.SharedArray.copy_of(data)
    assert (a.dtype, a.shape, value_of(a)) == ("float64", (3,), [1, 2, 3])
    matrix = memoryview(bytes(range(6))).cast("B", (2, 3))
    assert value_of(penny.SharedArray.copy_of(matrix)) == [[0, 1, 2], [3, 4, 5]]
    b = penny.SharedArray.copy_of(a[::-1])
    a[0] = 9
    assert value_of(b) == [3, 2, 1]
    with pytest.raises(TypeError):
        penny.SharedArray.copy_of(3)


# -- Views, against NumPy's rules in memoryview and lists ------------------------------------------


def pick(lists, shape, keys):
    """What basic indexing gives, by the definition."""
    if not keys:
        return lists
    key, *rest = keys
    if isinstance(key, slice):
        return [pick(item, shape[1:], rest) for item in lists[key]]
    return pick(lists[key], shape[1:], rest)


shapes = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)
bounds = st.none() | st.integers(-7, 7)
slices = st.builds(slice, bounds, bounds, st.none() | st.integers(-3, 3).filter(bool))


@st.composite
def indexed(draw):
    """A shape, and an index for it, with how it reads without ellipsis."""
    shape = draw(shapes)
    keys = []
    for extent in shape:
        integers = [st.integers(-extent, extent - 1)] if extent else []
        keys.append(draw(st.one_of(slices, *integers)))
    given_keys = list(keys)
    if draw(st.booleans()):
        start = draw(st.integers(0, len(keys)))
        end = draw(st.integers(start, len(keys)))
        given_keys[start:end] = [...]
        keys[start:end] = [slice(None)] * (end - start)
    else:
        count = draw(st.integers(1, len(keys)))
        given_keys = given_keys[:count]
        keys[count:] = [slice(None)] * (len(keys) - count)
    return shape, tuple(given_keys), keys


def same(view, expected):
    """Whether the view has these elements."""
    if isinstance(view, penny.SharedArray):
        if not view.shape:
            return view[()] == expected
        return value_of(view) == expected
    return view == expected


@settings(max_examples=300, deadline=None)
@given(indexed())
def test_an_index_selects_what_lists_would(case):
    shape, index, keys = case
    a = numbered(shape)
    lists = nested(shape, itertools.count())
    expected = pick(lists, shape, keys)
    assert same(a[index], expected)
    assert same(a[index if len(index) > 1 else index[0]], expected)
    view = a[index]
    if isinstance(view, penny.SharedArray) and view.size:
        # A view: what is stored in it is stored in the array, and nothing else is.
        view[...] = -1
        left = sorted(x for x in a.reshape(-1).read().tolist() if x != -1)
        inside = set(penny.SharedArray.copy_of(numbered(shape)[index]).reshape(-1).read())
        assert left == [x for x in range(a.size) if x not in inside]


@settings(max_examples=200, deadline=None)
@given(indexed(), indexed())
def test_views_of_views(first, second):
    shape, index, keys = first
    a, lists = numbered(shape), nested(shape, itertools.count())
    view, expected = a[index], pick(lists, shape, keys)
    if not isinstance(view, penny.SharedArray) or not view.shape:
        return
    _, other, _ = second
    other = tuple(key for key in other if isinstance(key, slice))[: view.ndim]
    full = [*other, *[slice(None)] * (view.ndim - len(other))]
    assert same(view[other], pick(expected, view.shape, full))


@settings(max_examples=300, deadline=None)
@given(indexed(), st.data())
def test_a_reshape_has_the_elements_in_their_order(case, data):
    shape, index, _ = case
    view = numbered(shape)[index]
    if not isinstance(view, penny.SharedArray):
        return
    flat = list(view.read(...).tobytes() if view.size else b"")
    wanted = []
    left = view.size
    for _ in range(data.draw(st.integers(0, 3))):
        divisors = [n for n in range(1, left + 1) if left % n == 0] or [0, 1, 3]
        wanted.append(data.draw(st.sampled_from(divisors)))
        left = left // wanted[-1] if wanted[-1] else left
    wanted.append(-1 if left else 0)
    if 0 in wanted and view.size:
        return
    try:
        reshaped = view.reshape(wanted)
    except ValueError as error:
        if "do not lie" in str(error):
            # Where one axis has one stride it always goes.
            assert not view._layout.is_dense
        return
    assert reshaped.size == view.size
    assert list(reshaped.read(...).tobytes() if view.size else b"") == flat
    if view.size:
        reshaped[...] = 77
        assert set(view.reshape(view.shape).read(...).tobytes()) <= {77, 0}


def test_reshapes_that_numpy_knows():
    a = numbered((4, 6))
    assert a[:, ::2].reshape(2, 2, 3).strides == (48, 24, 8)
    assert a[::2].reshape(2, 3, 2).strides == (48, 8, 4)
    assert a[:, :1].reshape(4).strides == (24,)
    assert a[1].reshape((3, 2)).read().tolist() == [[6, 7], [8, 9], [10, 11]]
    for no in (lambda: a[:, :3].reshape(12), lambda: a[::-1].reshape(-1)):
        with pytest.raises(ValueError, match="do not lie"):
            no()
    for wrong in ((5, 5), (-1, 5), (-1, -1), (-2, 12), (25,)):
        with pytest.raises(ValueError, match=r"cannot reshape|one extent|negative"):
            a.reshape(*wrong)
    with pytest.raises(TypeError):
        a.reshape(2.0, 12)


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (3, IndexError, "index 3 is out of bounds for axis 0 with size 3"),
        (-4, IndexError, "out of bounds"),
        ((0, 4), IndexError, "axis 1 with size 4"),
        ((0, 0, 0), IndexError, "too many"),
        ((..., ...), IndexError, "ellipsis"),
        (1.0, TypeError, "integer, a slice"),
        ("x", TypeError, "integer, a slice"),
        ([0, 1], TypeError, "integer, a slice"),
        (True, TypeError, "bool"),
        (slice(0, 2, 0), ValueError, "zero"),
    ],
)
def test_no_such_index(port, index, error, message):
    a = penny.SharedArray((3, 4))
    for use in (
        lambda: a[index],
        lambda: a.__setitem__(index, 0),
        lambda: a.read(*(index if isinstance(index, tuple) else (index,))),
    ):
        with pytest.raises(error, match=message):
            use()


def test_new_axes_and_no_axes():
    a = numbered((2, 3))
    assert a[None].shape == (1, 2, 3)
    assert a[:, None, 1].shape == (2, 1)
    point = penny.SharedArray((), "int16")
    point[...] = 4
    assert (point[()], point[...].shape, point.size) == (4, (), 1)
    with pytest.raises(TypeError, match="len"):
        len(point)
    assert [row.read().tolist() for row in a] == [[0, 1, 2], [3, 4, 5]]
    assert list(a[1]) == [3, 4, 5]


# -- Copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        array.array("i", range(6)),
        memoryview(array.array("i", range(6))),
        memoryview(array.array("i", range(6))).cast("B").cast("i", (2, 3)),
        memoryview(array.array("i", [x // 2 for x in range(12)]))[::2],
        array.array("i", range(6)).tobytes(),
        bytearray(array.array("i", range(6)).tobytes()),
        [[0, 1, 2], [3, 4, 5]],
        [0, 1, 2, 3, 4, 5],
        range(6),
        ((0, 1, 2), [3, 4, 5]),
    ],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("strided", [False, True])
def test_what_can_be_stored(port, data, strided):
    a = (
        penny.SharedArray((2, 6), "int32")[:, ::2]
        if strided
        else penny.SharedArray((2, 3), "int32")
    )
    a.write(data)
    assert value_of(a) == [[0, 1, 2], [3, 4, 5]]
    a[...] = 0
    assert value_of(a) == [[0, 0, 0], [0, 0, 0]]
    a[...] = data
    assert value_of(a) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            array.array("i", range(5)),
            ValueError,
            r"shape \(5,\) does not fit into the shape \(2, 3\)",
        ),
        (array.array("f", range(6)), TypeError, "float32 for an array of int32"),
        (array.array("q", range(6)), TypeError, "int64 for an array of int32"),
        (array.array("I", range(6)), TypeError, "uint32 for an array of int32"),
        (bytes(23), ValueError, "23 bytes do not fit .* takes 24"),
        ([[0, 1], [2, 3], [4, 5]], ValueError, r"\(3, 2\) does not fit"),
        ([[0, 1, 2], [3, 4]], ValueError, "same length"),
        ([0, 1, 2, 3, 4, 1 << 31], OverflowError, "2147483648 is out of range for int32"),
        ([0, 1, 2, 3, 4, 5.5], TypeError, "must be an integer, not float"),
        ([0, 1, 2, 3, 4, "x"], TypeError, "must be an integer, not str"),
        (1 << 31, OverflowError, "out of range"),
        (1.5, TypeError, "integer"),
        ("text", TypeError, "can't store str"),
        (None, TypeError, "can't store NoneType"),
        (memoryview(bytes(6)).cast("B", (3, 2)), TypeError, "uint8 for"),
    ],
)
def test_what_cannot_be_stored_changes_nothing(port, data, error, message):
    a = numbered((2, 3))
    for store in (lambda: a.write(data), lambda: a.__setitem__(..., data)):
        with pytest.raises(error, match=message):
            store()
    assert value_of(a) == [[0, 1, 2], [3, 4, 5]]


def test_bytes_in_the_other_order():
    class Other:
        pass

    data = memoryview(struct.pack(">3i", 1, 2, 3))
    a = penny.SharedArray(3, "int32")
    ctypes = pytest.importorskip("ctypes")
    swapped = (ctypes.c_int32.__ctype_be__ * 3).from_buffer_copy(data)
    with pytest.raises(TypeError, match="other order"):
        a.write(swapped)


def test_write_takes_an_index_before_the_data(port):
    a = penny.SharedArray((3, 4), "float32")
    a.write(1, array.array("f", [1, 2, 3, 4]))
    a.write(slice(None), 0, [7, 8, 9])
    a.write(2, 3, 2.5)
    assert value_of(a) == [[7, 0, 0, 0], [8, 2, 3, 4], [9, 0, 0, 2.5]]
    assert a.read(1).tolist() == [8, 2, 3, 4]
    assert a.read(2, 3) == 2.5
    assert a.read(slice(0, 2), slice(0, 2)).tolist() == [[7, 0], [8, 2]]
    with pytest.raises(TypeError, match="what to write"):
        a.write()


def test_from_array_to_array(port):
    a, b = numbered((4, 5)), penny.SharedArray((4, 5), "int32")
    b.write(a)
    assert value_of(b) == value_of(a)
    b[::2, ::-1] = a[1::2]
    assert value_of(b)[0] == [9, 8, 7, 6, 5]
    b.write(a.reshape(20))
    assert value_of(b) == value_of(a)
    a[:, 1:] = a[:, :-1]  # of itself, where it overlaps: as if copied first
    assert value_of(a)[0] == [0, 0, 1, 2, 3]
    with pytest.raises(TypeError, match="float64 for an array of int32"):
        b.write(penny.SharedArray((4, 5)))
    with pytest.raises(ValueError, match="does not fit"):
        b.write(a[:3])


def test_what_is_read_is_nobody_elses(port):
    a = numbered(4)
    read = a.read()
    read[0] = 99
    assert value_of(a) == [0, 1, 2, 3]
    a[1] = 55
    assert read.tolist() == [99, 1, 2, 3]


@pytest.mark.parametrize("index", [(), (1,), (slice(None), 2), (slice(None, None, -2),), (...,)])
def test_a_block_is_copied_in_and_back(port, index):
    a, lists = numbered((3, 4)), value_of(numbered((3, 4)))
    with a.block(*index) as b:
        assert b.tolist() == value_of(a[index])
        flat = b.cast("B").cast("i")
        for i in range(len(flat)):
            flat[i] += 100
        assert value_of(a) == lists, "not yet"
    assert value_of(a[index]) == b.tolist()
    rest = [x for row in value_of(a) for x in row if x < 100]
    assert len(rest) == a.size - a[index].size


def test_a_block_left_by_an_exception_is_not_copied_back(port):
    a = numbered(3)
    with pytest.raises(ZeroDivisionError), a.block() as b:
        b[0] = 9
        1 / 0  # noqa: B018
    assert value_of(a) == [0, 1, 2]
    with pytest.raises(TypeError, match="not an element"):
        a.block(0)


@pytest.mark.parametrize("shape", [0, (0,), (3, 0), (0, 3), (2, 0, 2)])
def test_arrays_without_elements(port, shape):
    a = penny.SharedArray(shape, "int16")
    assert (a.size, a.nbytes) == (0, 0)
    assert a.read(...).tolist() == []
    a.write(b"")
    a.write(array.array("h"))
    a[...] = 5
    a.write(penny.SharedArray(shape, "int16"))
    with a.block() as b:
        assert not len(b)
    assert pickle.loads(pickle.dumps(a)).shape == a.shape
    with pytest.raises(ValueError, match="fit"):
        a.write(array.array("h", [1]))


def test_numpy_is_named_where_it_is_missing(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match="packages="):
        penny.SharedArray(3).asarray()


def test_numpy_where_it_is_there(port):
    numpy = pytest.importorskip("numpy")
    a = numbered((3, 4), "float32")
    array = a[::2, 1:].asarray()
    assert array.dtype == numpy.float32
    assert array.tolist() == [[1, 2, 3], [9, 10, 11]]
    array[...] = 0
    assert value_of(a)[0] == [0, 1, 2, 3]
    a.write(numpy.asfortranarray(numpy.arange(12, dtype="float32").reshape(3, 4) + 1))
    assert value_of(a)[1] == [5, 6, 7, 8]
    a[0] = numpy.float32(2.5)
    assert value_of(a)[0] == [2.5] * 4
    assert numpy.asarray(a).shape == (3, 4)
    assert penny.SharedArray((0, 3)).asarray().shape == (0, 3)
    assert penny.SharedArray(1, numpy.dtype("uint16")).dtype == "uint16"


# -- Elements --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
def test_the_range_of_integers(port, dtype):
    bits = 8 * element_type(dtype).size
    low, high = (0, (1 << bits) - 1) if dtype[0] == "u" else (-1 << bits - 1, (1 << bits - 1) - 1)
    a = penny.SharedArray(2, dtype)
    for value in (low, high, 1):
        a[1] = value
        assert a[1] == value
        assert a.atomic_load(1) == value
    for value in (low - 1, high + 1):
        with pytest.raises(OverflowError, match=f"{value} is out of range for {dtype}"):
            a[1] = value
    assert value_of(a) == [0, 1]
    a[1] = high
    assert a.atomic_add(1, 1) == high
    assert a[1] == low
    assert a.atomic_add(1, -1) == low
    assert a[1] == high


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats(port, dtype):
    a = penny.SharedArray(3, dtype)
    a[0], a[1], a[2] = 1, 2.5, True
    assert value_of(a) == [1.0, 2.5, 1.0]
    a[0] = float("inf")
    assert a[0] == float("inf")
    with pytest.raises((TypeError, ValueError)):
        a[0] = "x"
    if dtype == "float32":
        with pytest.raises(OverflowError):
            a[0] = 1e300


def test_bools(port):
    a = penny.SharedArray(3, "bool")
    a[0], a[1] = True, 5
    assert value_of(a) == [True, True, False]
    a.write(b"\0\1\1")
    assert value_of(a) == [False, True, True]


def test_atomic_operations(port):
    a = penny.SharedArray((2, 2), "uint16")
    assert a.atomic_add((1, 1), 5) == 0
    assert a.atomic_exchange((1, 1), 12) == 5
    assert a.atomic_and((1, 1), 6) == 12
    assert a.atomic_or((1, 1), 3) == 4
    assert a.atomic_xor((1, 1), 5) == 7
    assert a.atomic_compare_exchange((1, 1), 3, 9) == 2
    assert a.atomic_compare_exchange((1, 1), 2, 9) == 2
    assert a.atomic_load((1, 1)) == 9
    a.atomic_store((0, 1), 65535)
    assert value_of(a) == [[0, 65535], [0, 9]]
    for no in (
        lambda: a.atomic_store((0, 0), 65536),
        lambda: a.atomic_exchange((0, 0), -1),
        lambda: a.atomic_compare_exchange((0, 0), 0, 65536),
    ):
        with pytest.raises(OverflowError):
            no()
    with pytest.raises(IndexError, match="every axis"):
        a.atomic_add(0, 1)
    with pytest.raises(IndexError, match="out of bounds"):
        a.atomic_add((0, 2), 1)
    for dtype in ("float64", "bool"):
        with pytest.raises(TypeError, match=f"for integers, not {dtype}"):
            penny.SharedArray(1, dtype).atomic_add(0, 1)


# -- Life and travel -------------------------------------------------------------------------------


def test_with_lets_go_for_all_who_have_it_here(port):
    with numbered((2, 3)) as a:
        row = a[1]
    for use in (
        lambda: a[0, 0],
        lambda: a.read(),
        lambda: a.write(bytes(24)),
        lambda: a.__setitem__((0, 0), 1),
        lambda: a.atomic_add((0, 0), 1),
        lambda: row.read(),
        lambda: a.block().__enter__(),
        lambda: a._kernel_argument(),
    ):
        with pytest.raises(ValueError, match="has been freed"):
            use()
    with pytest.raises(ValueError, match="freed"):
        pickle.dumps(a)
    assert a.closed
    assert row.closed
    assert "freed" in repr(row)
    a.close()
    assert port is None or not port.held


def test_a_block_that_outlives_the_array_says_so(port):
    a = numbered(3)
    with pytest.raises(ValueError, match="has been freed"), a.block() as b:
        a.close()
        b[0] = 1


def test_the_last_object_lets_go():
    port = FakeArraysPort()
    memory = shared_memory.attach(port)
    a = penny.SharedArray((3, 4))
    handle = pickle.dumps(a[1])
    views = [a[0], a.reshape(12), pickle.loads(handle), copy.copy(a), copy.deepcopy(a)]
    assert [hold for _, hold in port.held.values()] == [1], "however many objects"
    del a
    while views:
        assert port.held
        views.pop()[...] = 1
    assert not port.held
    with pytest.raises(ValueError, match="has been freed"):
        pickle.loads(handle)
    shared_memory.retire(memory)


def test_closed_here_alone():
    """A handle that comes later, from somebody who has it still, is good."""
    port = FakeArraysPort()
    memory = shared_memory.attach(port)
    a = numbered(3)
    number, serial = a._block.number, a._block.serial
    assert port.hold(number, serial)  # another worker
    handle = pickle.dumps(a)
    a.close()
    again = pickle.loads(handle)
    assert value_of(again) == [0, 1, 2]
    with pytest.raises(ValueError, match="has been freed"):
        a.read()
    port.drop(number)
    del again
    assert not port.held
    shared_memory.retire(memory)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("shape", [(), 5, (3, 4), (1, 2, 3, 4)])
def test_a_pickle_is_a_small_handle(port, shape, dtype):
    a = penny.SharedArray(shape, dtype)
    data = pickle.dumps(a)
    assert len(data) < 100
    again = pickle.loads(data)
    assert (again.shape, again.dtype, again.strides) == (a.shape, a.dtype, a.strides)
    again[...] = 1
    assert value_of(a) == value_of(again)
    assert value_of(a[...]) != value_of(penny.SharedArray(shape, dtype)[...])


def test_views_travel_as_views(port):
    a = numbered((6, 8))
    for view in (a[1], a[::2, ::-1], a[2:4, 3], a[:0], a[..., None]):
        data = pickle.dumps(view)
        assert len(data) < 100
        again = pickle.loads(data)
        assert again.shape == view.shape
        assert value_of(again) == value_of(view)
    again[...] = 7
    assert value_of(a) == [[7] * 8] * 6


def test_handles_of_elsewhere(port):
    a = penny.SharedArray(3)
    function, (handle,) = a.__reduce__()
    elsewhere = struct.pack("<I", int.from_bytes(handle[:4], "little") ^ 1) + handle[4:]
    with pytest.raises(ValueError, match="not in"):
        function(elsewhere)
    serial = struct.unpack_from("<I", handle, 6)[0]
    former = handle[:6] + struct.pack("<I", serial + 1) + handle[10:]
    with pytest.raises(ValueError, match="freed"):
        function(former)


def test_tasks_on_plain_python_share_it():
    def fill(a, value):
        a[...] = value
        return a[1:]

    for check in (False, True):
        with penny.Scheduler(check=check) as s:
            a = penny.SharedArray((2, 2), "int8")
            assert value_of(s.submit(fill, a, 3).result()) == [[3, 3]]
            assert value_of(a) == [[3, 3], [3, 3]]


def test_jobs_of_a_worker_share_it():
    def fill(a, i):
        a[i] = i + 1

    a = penny.SharedArray(4, "int8")
    jobs = [penny.spawn(fill, a, i) for i in range(4)]
    for job in jobs:
        job.join()
    assert value_of(a) == [1, 2, 3, 4]


def test_what_kernels_get():
    port = FakeArraysPort()
    memory = shared_memory.attach(port)
    a = numbered((4, 6))
    address, length = a._kernel_argument()
    assert address % 64 == 0
    assert length == 24
    assert a[2]._kernel_argument() == (address + 48, 6)
    assert a[:, None]._kernel_argument() == (address, 24)
    with pytest.raises(ValueError, match="one after the other"):
        a[:, 1]._kernel_argument()
    shared_memory.retire(memory)
    with pytest.raises(TypeError, match="no shared memory"):
        penny.SharedArray(3, scheduler=penny.Scheduler())._kernel_argument()


def test_dense_is_by_extents_not_strides():
    assert Layout((1, 3), (999, 4), 0, 4).is_dense
    assert Layout((0, 3), (999, 999), 0, 4).is_dense
    assert not Layout((2, 3), (16, 4), 0, 4).is_dense
    assert Layout((2, 3), (-12, 4), 12, 4).bounds == (0, 24)


def test_garbage_in_another_thread_lets_go_too(port):
    a = [penny.SharedArray(3)]
    thread = threading.Thread(target=a.clear)
    thread.start()
    thread.join()
    gc.collect()
    assert port is None or not port.held


def test_a_forked_process_does_not_mistake_its_copy_for_the_array():
    """By fork it has blocks of the same numbers; a handle of ours must not find one of them."""
    program = """
import os, pickle, penny
array = penny.SharedArray(3)
handle = pickle.dumps(array)
assert pickle.loads(handle).nbytes == 24
if not os.fork():
    own = pickle.loads(pickle.dumps(array))
    own[0] = 1
    assert array[0] == 1
    try:
        pickle.loads(handle)
    except ValueError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
assert pickle.loads(handle)[0] == 0
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert "in the memory of a scheduler that this interpreter is not in" in run.stdout


async def test_a_refusal_ends_with_its_block():
    """What is scheduled within it runs later, and may send arrays."""
    array = penny.SharedArray(3)
    loop = asyncio.get_running_loop()
    later = loop.create_future()
    with handles.refused("not from here"):
        with pytest.raises(penny.PickleError, match="not from here"):
            pickle.dumps(array)
        loop.call_soon(lambda: later.set_result(pickle.dumps(array)))
        with handles.refused("nor from here"), pytest.raises(penny.PickleError, match="nor from"):
            pickle.dumps(array)
        with pytest.raises(penny.PickleError, match="not from here"):
            pickle.dumps(array)
    assert pickle.loads(await asyncio.wait_for(later, 30)).nbytes == array.nbytes
