"""Which way a payload takes to a port: through the box, or in pieces."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from penny.wire.outbox import Outbox
from penny.wire.payload import LARGE, Payload

ARRAY = SimpleNamespace(number=7, memory=None)


class Port:
    """Reads at once, as a port does; `got` has number, bytes and arrays of each payload."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.got: list[tuple[int, bytes, list[int] | None]] = []

    def take(self, number, size, pieces=None, arrays=None):
        data = bytes(self.outbox.box[:size]) if pieces is None else b"".join(pieces)
        assert len(data) == size
        self.got.append((number, data, arrays))
        return number


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE])
def test_what_is_small_goes_through_the_box(size):
    port = Port()
    assert port.outbox.send(port.take, b"x" * size, 3) == 3
    assert port.got == [(3, b"x" * size, None)]


@pytest.mark.parametrize(
    ("data", "arrays"),
    [
        (b"x" * (LARGE + 1), []),
        (Payload([b"ab", memoryview(b"c")], []), []),
        (Payload([b"abc"], [ARRAY]), [7]),
    ],
)
def test_what_is_large_or_refers_to_arrays_goes_in_pieces(data, arrays):
    port = Port()
    port.outbox.send(port.take, data, 3)
    whole = data.joined() if isinstance(data, Payload) else data
    assert port.got == [(3, whole, arrays)]


def test_who_sends_from_in_between_leaves_the_box_as_it_is():
    port = Port()

    def interrupted(number, size, *apart):
        port.outbox.send(port.take, b"second", 2)
        port.outbox.send(port.take, b"third", 3)
        return port.take(number, size, *apart)

    port.outbox.send(interrupted, b"first", 1)
    assert port.got == [(2, b"second", []), (3, b"third", []), (1, b"first", None)]


def test_the_box_is_free_again_where_the_port_refuses():
    port = Port()

    def refuses(size):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        port.outbox.send(refuses, b"first")
    port.outbox.send(port.take, b"second", 2)
    assert port.got == [(2, b"second", None)]
