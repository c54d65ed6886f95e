"""Tracebacks of exceptions that have passed many frames."""

import gc
import traceback
import weakref

import pytest

from penny.jobs import tracebacks
from penny.jobs.tracebacks import KEPT, NOTE, shorten


def replaced_by(error: BaseException) -> list[BaseException]:
    return [each for each, _ in tracebacks.replaced_by(error)]


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


def replacing(depth: int, cause: bool) -> None:
    """Each level replaces the error of the one below."""
    if depth == 0:
        raise ValueError("at the bottom")
    try:
        replacing(depth - 1, cause)
    except Exception as error:
        below = error
        if not cause:
            raise KeyError(depth)  # noqa: B904
    raise KeyError(depth) from below


@pytest.mark.parametrize("cause", [False, True])
def test_what_it_replaced_keeps_no_frames(cause: bool) -> None:
    with pytest.raises(KeyError) as caught:
        replacing(2 * KEPT, cause)
    replaced = replaced_by(caught.value)
    assert len(replaced) == 2 * KEPT
    assert all(entries(each) for each in replaced)
    before = entries(caught.value)
    shorten(caught.value)
    assert replaced_by(caught.value) == replaced[:KEPT]
    assert not any(entries(each) for each in replaced)
    assert 'raise ValueError("at the bottom")' in replaced[-1].__notes__[0]
    assert entries(caught.value) == before


def fall_far(error: BaseException, depth: int = 2 * KEPT) -> None:
    if depth == 0:
        raise error
    fall_far(error, depth - 1)


def test_what_a_long_one_replaced_keeps_no_frames() -> None:
    def replace(depth: int) -> None:
        if depth > 0:
            replace(depth - 1)
        try:
            fall(2, [])
        except ValueError:
            raise KeyError  # noqa: B904

    with pytest.raises(KeyError) as caught:
        replace(2 * KEPT)
    (replaced,) = replaced_by(caught.value)
    assert entries(replaced) == 4
    shorten(caught.value)
    assert entries(replaced) == 0
    assert entries(caught.value) == KEPT


def test_few_that_a_short_one_replaced_stay() -> None:
    with pytest.raises(KeyError) as caught:
        replacing(KEPT // 2, cause=True)
    before = [entries(each) for each in replaced_by(caught.value)]
    shorten(caught.value)
    assert [entries(each) for each in replaced_by(caught.value)] == before
    assert not hasattr(caught.value, "__notes__")


def test_one_that_is_still_handled_keeps_its_own() -> None:
    def fall_and_shorten() -> None:
        error, _ = caught(300)
        shorten(error)

    try:
        fall(3, [])
    except ValueError as handled:
        fall_and_shorten()
        assert entries(handled) == 5


def test_members_of_a_group_keep_no_frames_but_their_causes() -> None:
    def fall_there() -> None:
        members: list[Exception] = []
        for depth in range(2 * KEPT):
            try:
                fall(depth % 2, [])
            except ValueError as error:
                error.__cause__ = LookupError("elsewhere")
                members.append(error)
        fall_far(ExceptionGroup("many", members))

    with pytest.raises(ExceptionGroup) as group:
        fall_there()
    shorten(group.value)
    for each in group.value.exceptions:
        assert entries(each) == 0
        assert each.__notes__
        assert isinstance(each.__cause__, LookupError)


def test_those_that_replace_each_other_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shortened: list[BaseException] = []
    monkeypatch.setattr(tracebacks, "shorten", shortened.append)
    error: BaseException | None = None
    for _ in range(tracebacks.EVERY):
        replaced, error = error, ValueError()
        error.__context__ = replaced
        tracebacks._passes(caught.__code__, 0, error)
    assert shortened == [error]


def test_where_there_is_no_stack_for_it_the_exception_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: BaseException) -> None:
        raise RecursionError

    monkeypatch.setattr(tracebacks, "shorten", fail)
    error = ValueError()
    for _ in range(tracebacks.EVERY):
        tracebacks._passes(caught.__code__, 0, error)


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
