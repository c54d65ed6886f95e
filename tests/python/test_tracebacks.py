"""Tracebacks of exceptions that have passed many frames."""

import gc
import traceback
import weakref

import pytest

from penny import tracebacks
from penny.tracebacks import KEPT, NOTE, shorten


class Watched:
    pass


def fall(depth: int, watched: list[weakref.ref[Watched]]) -> None:
    local = Watched()
    watched.append(weakref.ref(local))
    if depth == 0:
        raise ValueError("at the bottom")
    fall(depth - 1, watched)


def caught(depth: int) -> tuple[ValueError, list[weakref.ref[Watched]]]:
    watched: list[weakref.ref[Watched]] = []
    try:
        fall(depth, watched)
    except ValueError as error:
        return error, watched
    raise AssertionError


def entries(error: BaseException) -> int:
    return sum(1 for _ in traceback.walk_tb(error.__traceback__))


def test_a_long_one_keeps_its_outermost_entries() -> None:
    error, watched = caught(300)
    outermost = traceback.extract_tb(error.__traceback__)[:KEPT]
    shorten(error)
    assert entries(error) == KEPT
    assert list(traceback.extract_tb(error.__traceback__)) == list(outermost)
    gc.collect()
    dropped = [ref for ref in watched if ref() is None]
    assert len(dropped) >= len(watched) - KEPT


def test_the_innermost_are_noted() -> None:
    error, _ = caught(300)
    shorten(error)
    (note,) = error.__notes__
    assert note.startswith(NOTE)
    assert 'raise ValueError("at the bottom")' in note


def test_only_the_first_innermost_are_noted() -> None:
    error, _ = caught(300)
    shorten(error)
    for _ in range(3):
        try:
            raise_again(error, 300)
        except ValueError:
            shorten(error)
    assert len(error.__notes__) == 1
    assert entries(error) == KEPT


def raise_again(error: ValueError, depth: int) -> None:
    if depth == 0:
        raise error
    raise_again(error, depth - 1)


def test_a_short_one_stays() -> None:
    error, _ = caught(10)
    before = entries(error)
    shorten(error)
    assert entries(error) == before
    assert not hasattr(error, "__notes__")


def test_it_is_shortened_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    shortened: list[BaseException] = []
    monkeypatch.setattr(tracebacks, "shorten", shortened.append)
    one, other = ValueError(), ValueError()
    for _ in range(2 * tracebacks.EVERY):
        tracebacks._passes(caught.__code__, 0, one)
    assert shortened == [one, one]
    for _ in range(tracebacks.EVERY - 1):
        tracebacks._passes(caught.__code__, 0, other)
    assert shortened == [one, one]
