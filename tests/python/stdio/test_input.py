"""What stands for stdin where it is not the shell's."""

import sys

import pytest

from penny.bridge import javascript
from penny.errors import BlockingError
from penny.stdio import input


class Promised(bytes):
    """Bytes of JavaScript's."""

    def to_bytes(self):
        return bytes(self)


@pytest.fixture
def stdin():
    """A function that has `sys.stdin` and the breakpoint hook replaced, until the test ends."""
    # Not set by the fixture itself: pytest sets stdin once more when the test begins.
    with pytest.MonkeyPatch.context() as patch:

        def replace(by, *args):
            for name in "stdin", "__stdin__", "breakpointhook":
                patch.setattr(sys, name, getattr(sys, name))
            by(*args)

        yield replace


def test_whoever_reads_is_told_where_to_ask_instead(stdin, monkeypatch):
    stdin(input.refuse)
    reads = [sys.stdin.read, sys.stdin.readline, sys.stdin.buffer.read, lambda: next(sys.stdin)]
    for read in [*reads, breakpoint, *reads]:
        with pytest.raises(RuntimeError, match="read in the script, and pass what came"):
            read()
    monkeypatch.setenv("PYTHONBREAKPOINT", "0")
    breakpoint()


def test_what_is_promised_is_awaited_and_nothing_is_lost(stdin, monkeypatch):
    given = [b"one\ntw", b"o\n", b"", b"more", b""]
    monkeypatch.setattr(javascript, "can_run_sync", lambda: True)
    monkeypatch.setattr(javascript, "run_sync", lambda promise, interrupt: promise)
    stdin(input.read_by, lambda size: Promised(given.pop(0)))
    assert [sys.stdin.readline() for _ in range(3)] == ["one\n", "two\n", ""]
    assert [sys.stdin.read() for _ in range(1)] == ["more"]


def test_a_page_that_can_not_wait_says_so_and_loses_nothing(stdin, monkeypatch):
    stdin(input.read_by, lambda size: Promised(b"line\n"))
    monkeypatch.setattr(javascript, "can_run_sync", lambda: False)
    with pytest.raises(BlockingError, match="without --page"):
        sys.stdin.readline()
    monkeypatch.setattr(javascript, "can_run_sync", lambda: True)
    monkeypatch.setattr(javascript, "run_sync", lambda promise, interrupt: promise)
    assert sys.stdin.readline() == "line\n"


def test_a_script_without_input_reads_what_the_page_had_at_first(stdin, monkeypatch):
    stdin(input.refuse)
    first = sys.stdin
    monkeypatch.setattr(input, "_first", None)
    input.read_by(None)
    assert sys.stdin is first
    input.read_by(lambda size: Promised())
    assert sys.stdin is not first
    input.read_by(None)
    assert sys.stdin is first
