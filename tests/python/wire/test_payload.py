"""Payloads in pieces: large data is not copied on its way through the pickler, and lies aligned."""

from __future__ import annotations

import pickle
import sys
import threading
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penny
from penny.wire import pickles
from penny.wire.exceptions import loads_exception, pack_exception
from penny.wire.payload import LARGE, Payload, Reader, is_large, load, stream


def read(data: bytes) -> Reader:
    def into(offset, buffer):
        view = memoryview(buffer).cast("B")
        view[:] = data[offset : offset + len(view)]

    return Reader(into, len(data))


def large_pieces(payload: Payload) -> list[memoryview]:
    return [piece for piece in payload.pieces if type(piece) is not bytes]


sizes = st.integers(LARGE - 9, LARGE + 20)
values = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=9),
        sizes.map(lambda n: b"B" * n),
        sizes.map(lambda n: bytearray(b"\x96" * n)),
        st.integers(LARGE // 8, LARGE // 8 + 3).map(lambda n: array("d", range(n))),
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_a_value_comes_back(value):
    payload = stream(value)
    data = payload.joined()
    assert payload.size == len(data)
    assert pickle.loads(data) == value, "it is a pickle like any other"
    assert load(read(data)) == value
    at = 0
    for piece in payload.pieces:
        if type(piece) is not bytes:
            assert at % 8 == 0
        at += len(piece)


def test_large_data_is_not_copied():
    data, changing = bytes(LARGE), bytearray(LARGE)
    for value in (data, changing, array("d", bytes(LARGE)), memoryview(changing)):
        payload = pickles.pack((value,))
        (piece,) = large_pieces(payload)
        assert piece.nbytes >= LARGE
        if value is changing:
            changing[5] = 77
            assert piece[5] == 77, "the very memory"
    assert large_pieces(stream(data))[0].obj is data


@pytest.mark.parametrize(
    ("value", "large"),
    [
        (bytes(LARGE), True),
        (bytes(LARGE - 1), False),
        (bytearray(LARGE), True),
        (memoryview(array("d", bytes(LARGE))), True),
        (array("d", bytes(LARGE)), True),
        ([bytes(LARGE)], True),
        ([1, {"key": bytes(LARGE)}], True),
        ([[[bytes(LARGE)]]], False),
        (5, False),
        ("x" * LARGE, False),
        ([0] * 1000, False),
    ],
)
def test_what_is_worth_it(value, large):
    assert is_large(value) is large
    (back,) = pickle.loads(pickles.dumps((value,)))
    packed = pickles.pack((value,))
    joined = packed.joined() if isinstance(packed, Payload) else packed
    assert pickle.loads(joined) == (back,)


def test_numpys_arrays_are():
    numpy = pytest.importorskip("numpy")
    value = numpy.arange(LARGE, dtype="float32")
    payload = pickles.pack((value, 1))
    assert sum(piece.nbytes for piece in large_pieces(payload)) == value.nbytes
    back, _ = load(read(payload.joined()))
    assert (back == value).all()
    assert back.flags.writeable


def test_a_memoryview_arrives_as_bytes():
    for view in (
        memoryview(bytes(LARGE)),
        memoryview(bytearray(range(256)) * 512)[::2],
        memoryview(array("d", bytes(LARGE))),
        memoryview(b"small"),
    ):
        packed = pickles.pack((view,))
        data = packed.joined() if isinstance(packed, Payload) else packed
        (back,) = load(read(data))
        assert type(back) is bytes
        assert back == view.tobytes()


class Own:
    def __init__(self, data):
        self.data = data


def test_what_main_defines_goes_by_value_beside_large_data(monkeypatch):
    monkeypatch.setattr(Own, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Own", Own, raising=False)
    # Also where a frame of opcodes is as large as data.
    for value in ((Own(1), bytes(LARGE)), (bytes(LARGE - 9), Own(1), bytes(LARGE))):
        packed = pickles.pack(value)
        assert isinstance(packed, Payload)
        monkeypatch.delattr(sys.modules["__main__"], "Own")
        own = next(x for x in pickle.loads(packed.joined()) if not isinstance(x, bytes))
        assert own.data == 1
        monkeypatch.setattr(sys.modules["__main__"], "Own", Own, raising=False)


def test_arrays_are_named_once_each():
    a, b = penny.SharedArray(3), penny.SharedArray((2, 2))
    payload = pickles.pack((a, [a[1:], {"b": b}], lambda: a))
    assert isinstance(payload, Payload)
    assert {block.number for block in payload.arrays} == {a._block.number, b._block.number}
    assert len(payload.arrays) == 2
    error = ValueError(a)
    error.__cause__ = KeyError(b)
    packed = pack_exception(error)
    assert isinstance(packed, Payload)
    assert len(packed.arrays) == 2
    back = loads_exception(packed.joined())
    assert back.args[0].shape == (3,)
    assert pickles.pack((1, "penny.memory.array")) == pickles.dumps((1, "penny.memory.array")), (
        "text costs time only"
    )


def test_what_cannot_be_pickled_is_named():
    with pytest.raises(penny.PickleError, match=r"f: args\[1\]\.lock"):

        class Held:
            def __init__(self):
                self.lock = threading.Lock()

        pickles.pack_arguments("f", (bytes(LARGE), Held()), {})
    with pytest.raises(penny.PickleError, match="result"):
        pickles.pack_result("f", [bytes(LARGE), threading.Lock()])


def test_a_reader_is_a_file():
    data = bytes(range(256)) * 40
    reader = read(data)
    assert reader.read(3) == data[:3]
    assert reader.read(5000) == data[3:5003]
    buffer = bytearray(100)
    assert reader.readinto(buffer) == 100
    assert buffer == data[5003:5103]
    assert reader.readline() == data[5103 : data.index(b"\n", 5103) + 1]
    assert data.endswith(reader.read())
    assert reader.read() == b""
    assert reader.readinto(buffer) == 0
