"""The wire format from Python to JavaScript and back, for values that Hypothesis makes up.

The JavaScript half (web/penny/wire/) runs in Node, which answers each pickle with the pickle of
what it has read.
"""

from __future__ import annotations

import math
import pickle
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penny.wire import pickles
from penny.wire.exceptions import dumps_exception, loads_exception

ECHO = Path(__file__).with_name("wire_echo.mjs")


class Node:
    """Python's end of wire_echo.mjs."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(ECHO)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def echo(self, data: bytes) -> bytes:
        """Its answer; an EOFError if it has crashed."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()
        return self._read(struct.unpack("<I", self._read(4))[0])

    def _read(self, size: int) -> bytes:
        assert self.process.stdout
        data = self.process.stdout.read(size)
        if len(data) < size:
            raise EOFError("Node has ended")
        return data

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    process = Node()
    yield process
    process.close()


keys = st.one_of(st.text(max_size=20), st.integers(-(2**60), 2**60))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-300, 70_000),
    st.floats(),
    st.text(),
    st.text(st.characters(min_codepoint=1, max_codepoint=0x10FFFF), max_size=120),
    st.binary(max_size=300),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.tuples(inner),
        st.tuples(inner, inner, inner, inner),
        st.dictionaries(keys, inner, max_size=6),
        st.sets(keys, max_size=6),
        st.frozensets(keys, max_size=3),
    ),
    max_leaves=25,
)


INDEX_MAX = 2**32 - 1


def is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and str(int(key)) == key and int(key) < INDEX_MAX


def as_javascript_has_it(value: Any) -> Any:
    """Tuples are Arrays there, and frozen sets are Sets. An object has its indices first."""
    if isinstance(value, list | tuple):
        return [as_javascript_has_it(item) for item in value]
    if isinstance(value, dict):
        keys = list(value)
        if all(isinstance(key, str) for key in keys):
            keys.sort(key=lambda key: int(key) if is_index(key) else INDEX_MAX)
        return {key: as_javascript_has_it(value[key]) for key in keys}
    if isinstance(value, set | frozenset):
        return set(value)
    return value


def same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and list(a) == list(b)
            and all(same(item, b[key]) for key, item in a.items())
        )
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return bool(a == b) and isinstance(a, int | float) == isinstance(b, int | float)


@settings(max_examples=400, deadline=None)
@given(value=values)
@example(value={"__proto__": [1], "constructor": {}})
@example(value=[2**53, -(2**53), 2**63, -(2**64) - 1, 0.1, -0.0, 1e300])
@example(value=["\ud800", "\U0010ffff", "a\0b", "é" * 200])
@example(value={"b": 1, "10": 2, "": 3, "9": 4, "09": 5, "a": 6, "4294967295": 7})
@example(value={1: {2: {3: ()}}, "1": set()})
def test_there_and_back(node: Node, value: Any) -> None:
    answer = node.echo(pickles.dumps(value))
    assert answer[:1] == b"V", answer
    assert same(as_javascript_has_it(value), pickles.loads(answer[1:]))


shared = st.lists(scalars, min_size=1, max_size=3).map(lambda item: [item, item, {"again": item}])


@settings(max_examples=50, deadline=None)
@given(value=shared)
def test_what_is_the_same_object_stays_one(node: Node, value: Any) -> None:
    answer = node.echo(pickles.dumps(value))
    back = pickles.loads(answer[1:])
    assert same(as_javascript_has_it(value), back)


@settings(max_examples=400, deadline=None)
@given(value=values, data=st.data())
def test_broken_pickles_are_refused_or_read(node: Node, value: Any, data: st.DataObject) -> None:
    """Bytes overwritten, cut off or put in: an error or some value, no crash and no hang."""
    pickled = bytearray(pickles.dumps(value))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pickled) - 1))
        match data.draw(st.sampled_from(["overwrite", "cut", "insert"])):
            case "overwrite":
                pickled[at] = data.draw(st.integers(0, 255))
            case "cut":
                del pickled[at:]
            case "insert":
                pickled[at:at] = data.draw(st.binary(min_size=1, max_size=4))
        if not pickled:
            break
    answer = node.echo(bytes(pickled))
    assert answer[:1] in (b"V", b"E")
    if answer[:1] == b"E":
        assert answer.startswith((b"EUnpicklingError: ", b"EPickleError: ")), answer


@settings(max_examples=200, deadline=None)
@given(text=st.text(), number=st.integers(), note=st.text(max_size=30))
def test_exceptions_come_back_as_they_were(text: str, number: int, note: str) -> None:
    try:
        try:
            raise KeyError(number)
        except KeyError as cause:
            raise ValueError(text) from cause
    except ValueError as raised:
        raised.add_note(note)
        data = dumps_exception(raised)
    back = loads_exception(data)
    assert type(back) is ValueError and back.args == (text,)
    assert back.__notes__[0] == note


@settings(max_examples=200, deadline=None)
@given(args=st.lists(values, max_size=4), kwargs=st.dictionaries(st.text(max_size=8), values))
def test_arguments_come_as_they_were(args: list[Any], kwargs: dict[str, Any]) -> None:
    sent = (tuple(args), kwargs)
    came = pickles.loads(pickles.dumps_arguments("f", tuple(args), kwargs))
    if kwargs:
        assert pickle.dumps(came) == pickle.dumps(sent) or same(
            as_javascript_has_it(came), as_javascript_has_it(sent)
        )
