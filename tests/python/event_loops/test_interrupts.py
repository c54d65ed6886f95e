"""Where Ctrl-C may raise KeyboardInterrupt; how it gets there: web/penny/boot/interrupts.md."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

import penny
from penny.event_loops import interrupts

LIBRARY = os.path.dirname(os.path.dirname(asyncio.__file__))
PENNY = str(Path(penny.__file__).parent)


def called(*files: str) -> FrameType:
    """A frame in the last of these files, whose function that of the one before has called."""
    made: Callable[[], FrameType] = lambda: sys._getframe(1)  # noqa: E731
    for file in reversed(files):
        space = {"made": made}
        exec(compile("def call():\n    return made()", file, "exec"), space)
        made = space["call"]  # type: ignore[assignment]
    return made()


@pytest.mark.parametrize(
    ("held", "files"),
    [
        (False, ["script.py"]),
        (False, ["script.py", f"{LIBRARY}/random.py"]),
        (False, ["script.py", f"{PENNY}/submitter.py"]),
        (False, ["script.py", f"{PENNY}/engines/ported/delivery.py", "callback.py"]),
        (False, ["script.py", f"{LIBRARY}/asyncio/events.py", "callback.py"]),
        (True, ["script.py", f"{PENNY}/engines/ported/delivery.py"]),
        (True, ["script.py", f"{PENNY}/futures.py", f"{LIBRARY}/concurrent/futures/_base.py"]),
        (True, ["script.py", f"{PENNY}/engines/ported/client.py", f"{PENNY}/wire/pickles.py"]),
        (True, ["script.py", f"{LIBRARY}/pyodide/webloop.py", "<frozen abc>"]),
        (True, ["script.py", "<frozen _collections_abc>"]),
        (True, ["script.py", f"{LIBRARY}/asyncio/queues.py"]),
    ],
)
def test_where_it_is_held_off(held: bool, files: list[str]) -> None:
    assert interrupts.holds_off(called(*files)) is held


@pytest.fixture
def comes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object], None]]:
    """Let Ctrl-C come, once, with a handler."""
    before = signal.getsignal(signal.SIGINT)

    def come(handler: object) -> None:
        came = iter([True])
        monkeypatch.setattr(interrupts, "_take", lambda: next(came, False))
        signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]

    yield come
    signal.signal(signal.SIGINT, before)


def test_who_looks_calls_the_handler_once(comes: Callable[[object], None]) -> None:
    assert interrupts.look() is False
    comes(signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        interrupts.look()
    assert interrupts.look() is False


def test_a_handler_that_raises_nothing(comes: Callable[[object], None]) -> None:
    heard = []
    comes(lambda number, frame: heard.append((number, frame)))
    assert interrupts.look() is True
    assert heard == [(signal.SIGINT, sys._getframe())]
    comes(signal.SIG_IGN)
    assert interrupts.look() is True
