"""Shared arrays against NumPy's: the same indices, reshapes and stores give the same elements.

On plain Python's memory, and on a port that plays the browser's.
"""

from __future__ import annotations

import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fake_arrays import FakeArraysPort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penny
from penny.memory import memories
from penny.memory.types import TYPES

many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=["local", "port"])
def memory(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "local":
        yield
        return
    attached = memories.attach(FakeArraysPort(limit=1 << 26))
    yield
    memories.retire(attached)


shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
types = st.sampled_from([each.name for each in TYPES])


def sample(shape: tuple[int, ...], dtype: str, first: int = 0) -> np.ndarray:
    """Numbers that differ as much as the type allows."""
    numbers = np.arange(first, first + int(np.prod(shape, dtype=int)))
    return (numbers % 2 if dtype == "bool" else numbers % 120).astype(dtype).reshape(shape)


def slices(extent: int) -> st.SearchStrategy[slice]:
    edge = st.none() | st.integers(-extent - 2, extent + 2)
    return st.builds(slice, edge, edge, st.none() | st.integers(-3, 3).filter(bool))


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """Of fewer axes than there are, or all; now and then out of bounds, or of too many."""
    axes = draw(st.integers(0, len(shape) + (draw(st.integers(0, 20)) == 0)))
    extents = [*shape, 2][:axes]
    keys: list[Any] = []
    for extent in extents:
        low, high = -extent - (draw(st.integers(0, 20)) == 0), extent
        integer = st.integers(low, high - 1 if high > low else high)
        keys.append(draw(st.one_of(slices(extent), slices(extent), integer)))
    for extra in (..., None):
        if draw(st.integers(0, 3)) == 0:
            keys.insert(draw(st.integers(0, len(keys))), extra)
    return tuple(keys) or (...,)  # read() and write() take no index for all


def same(ours: Any, theirs: np.ndarray | np.generic) -> None:
    if not isinstance(ours, penny.SharedArray):
        assert np.ndim(theirs) == 0
        assert ours == theirs.item()
        return
    assert isinstance(theirs, np.ndarray)
    assert ours.shape == theirs.shape
    assert np.array_equal(ours.asarray(), theirs)
    assert (ours.size, ours.ndim, ours.nbytes) == (theirs.size, theirs.ndim, theirs.nbytes)


@st.composite
def views(draw: st.DrawFn) -> tuple[penny.SharedArray, np.ndarray, Any, np.ndarray]:
    """An array and a view of a view of it, ours and NumPy's: (whole, whole, view, view)."""
    whole = sample(draw(shapes), draw(types))
    ours = penny.SharedArray.copy_of(whole) if whole.size else None
    if ours is None:
        ours = penny.SharedArray(whole.shape, whole.dtype.name)
    view: Any = ours
    their_view = whole
    for _ in range(draw(st.integers(0, 2))):
        index = draw(indices(their_view.shape))
        try:
            theirs = their_view[index]
        except IndexError:
            with pytest.raises(IndexError):
                view[index]
            continue
        got = view[index]
        if not isinstance(theirs, np.ndarray):
            same(got, theirs)
            break
        view, their_view = got, theirs
    return ours, whole, view, their_view


@many
@given(st.data())
def test_views_of_views_have_numpys_elements(memory: None, data: st.DataObject) -> None:
    _, _, view, theirs = data.draw(views())
    same(view, theirs)
    index = data.draw(indices(theirs.shape))
    try:
        part = theirs[index]
    except IndexError:
        with pytest.raises(IndexError):
            view.read(*index)
        return
    read = view.read(*index)
    if isinstance(part, np.ndarray):
        assert read.format == np.dtype(theirs.dtype).char or read.itemsize == part.itemsize
        assert bytes(read) == part.tobytes()
    else:
        assert read == part.item()


@many
@given(st.data())
def test_what_is_stored_in_a_view_is_stored_there_and_nowhere_else(
    memory: None, data: st.DataObject
) -> None:
    whole, their_whole, view, theirs = data.draw(views())
    index = data.draw(indices(theirs.shape))
    try:
        part = theirs[index]
    except IndexError:
        with pytest.raises(IndexError):
            view[index] = 0
        same(whole, their_whole)
        return
    dtype = theirs.dtype.name
    if not isinstance(part, np.ndarray):
        value = sample((1,), dtype, 77)[0].item()
        view[index] = value
        theirs[index] = value
    else:
        new = sample(part.shape, dtype, 50)
        how = data.draw(st.sampled_from(["number", "buffer", "flat", "bytes", "shared", "block"]))
        if how == "number":
            view[index] = new.flat[0].item() if new.size else 0
            new = np.broadcast_to(new.flat[0], part.shape) if new.size else new
        elif how == "buffer":
            view.write(*index, new)
        elif how == "flat":
            view.write(*index, np.ascontiguousarray(new).reshape(-1))
        elif how == "bytes":
            view.write(*index, new.tobytes())
        elif how == "shared":
            other = penny.SharedArray(part.shape, dtype)
            other.write(new)
            view[index] = other
        else:
            with view.block(*index) as block:
                assert bytes(block) == part.tobytes()
                if new.size:
                    block.cast("B")[:] = new.tobytes()
        theirs[index] = new
    same(view, theirs)
    same(whole, their_whole)


@many
@given(st.data())
def test_parts_of_an_array_are_copied_onto_each_other_as_if_by_way_of_a_copy(
    memory: None, data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, 12))
    theirs = sample((n,), data.draw(types))
    ours = penny.SharedArray((n,), theirs.dtype.name)
    ours.write(theirs)
    to, source = data.draw(slices(n)), data.draw(slices(n))
    if len(theirs[to]) != len(theirs[source]):
        return
    ours[to] = ours[source]
    theirs[to] = theirs[source].copy()
    same(ours, theirs)


@many
@given(st.data())
def test_a_reshape_is_a_view_with_numpys_elements_or_says_why_not(
    memory: None, data: st.DataObject
) -> None:
    whole, their_whole, view, theirs = data.draw(views())
    wanted = data.draw(
        st.permutations(theirs.shape)
        | st.lists(st.sampled_from([-1, 0, 1, 2, 3, 4, 5, theirs.size]), max_size=4)
    )
    try:
        reshaped = theirs.reshape(wanted)
    except ValueError:
        with pytest.raises(ValueError):
            view.reshape(wanted)
        return
    if theirs.size and not np.shares_memory(reshaped, theirs):
        with pytest.raises(ValueError, match="do not lie"):
            view.reshape(wanted)
        return
    ours = view.reshape(wanted)
    same(ours, reshaped)
    if theirs.size:
        new = sample(reshaped.shape, theirs.dtype.name, 90)
        ours.write(new)
        reshaped[...] = new
        same(whole, their_whole)


@many
@given(st.data())
def test_what_does_not_fit_changes_nothing(memory: None, data: st.DataObject) -> None:
    whole, their_whole, view, theirs = data.draw(views())
    other = sample(data.draw(shapes), theirs.dtype.name, 33)
    fits = other.ndim == 1 and other.size == theirs.size
    if fits or other.ndim == 0 or other.shape == theirs.shape:  # without an axis it is a number
        return
    with pytest.raises(ValueError):
        view.write(other)
    wrong = array.array("f" if theirs.dtype.name != "float32" else "d", [1.0] * theirs.size)
    if theirs.size:
        with pytest.raises(TypeError):
            view.write(wrong)
    same(whole, their_whole)


@many
@given(data=st.data(), shape=shapes, dtype=types)
def test_an_overwritten_handle_is_an_error_or_lies_within_its_array(memory, data, shape, dtype):
    """Such a handle comes out of shared memory: by it, nothing else may be read or written."""
    a = penny.SharedArray(shape, dtype)
    view = a[data.draw(indices(shape))] if data.draw(st.booleans()) and a.size else a
    if not isinstance(view, penny.SharedArray):
        view = a
    attached, (handle,) = view.__reduce__()
    overwritten = bytearray(handle)
    for _ in range(data.draw(st.integers(1, 3))):
        overwritten[data.draw(st.integers(10, len(handle) - 1))] = data.draw(st.integers(0, 255))
    overwritten = overwritten[: data.draw(st.integers(0, len(overwritten)))]
    try:
        got = attached(bytes(overwritten))
    except ValueError:
        return
    if got.size:
        low, high = got._layout.bounds
        assert 0 <= low <= high <= a.nbytes
