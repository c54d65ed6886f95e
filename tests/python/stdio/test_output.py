"""What is printed in a worker, and in which pieces it goes on."""

import array
import contextlib
import io
import os
import sys

import pytest

from penny.stdio import output


@contextlib.contextmanager
def printing():
    """Pieces that have gone on, each with its stream; `sys.stdout` and `sys.stderr` are Penny's."""
    pieces = []

    def write(descriptor, data):
        pieces.append((descriptor, bytes(data[:100_000])))  # some take only a part
        return min(len(data), 100_000)

    # Not in a fixture: pytest sets both streams once more when the test begins.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        for name in "stdout", "stderr", "__stdout__", "__stderr__":
            patch.setattr(sys, name, io.TextIOWrapper(io.BytesIO()))
        output.install()
        yield pieces
        output.flush()


def test_whole_lines_go_on_at_once_and_the_rest_when_it_is_flushed():
    with printing() as written:
        print("a line")
        print("a\nb", "c", end="")
        assert written == [(1, b"a line\n"), (1, b"a\n")]
        print(end="", flush=True)
        assert written[2:] == [(1, b"b c")]
        print("", end="", flush=True)
        assert len(written) == 3


def test_no_stream_overtakes_the_other():
    with printing() as written:
        print("one", end="")
        print("two", end="", file=sys.stderr)
        print("three", end="")
        print("four", file=sys.stderr)
        assert written == [(1, b"one"), (2, b"two"), (1, b"three"), (2, b"four\n")]


def test_bytes_and_text_keep_their_order_and_are_whole():
    with printing() as written:
        sys.stdout.write("é")
        sys.stdout.buffer.write(bytes(range(256)))
        sys.stdout.buffer.write(array.array("H", [0x4142]))
        sys.stdout.writelines(["€", "\n"])
        text = "é".encode() + bytes(range(256)) + b"BA" + "€\n".encode()
        assert b"".join(piece for _, piece in written) == text
        for wrong in 3, "text":
            with pytest.raises(TypeError):
                sys.stdout.buffer.write(wrong)


@pytest.mark.parametrize(("piece", "count"), [(1, 20_000), (1000, 300), (3_000_000, 1)])
def test_much_without_an_end_of_line_is_not_held_back(piece, count):
    with printing() as written:
        for _ in range(count):
            sys.stdout.write("x" * piece)
        assert sum(len(data) for _, data in written) > piece * count - output.HELD_BYTES
        sys.stdout.flush()
        assert {data.strip(b"x") for _, data in written} == {b""}
    assert sum(len(data) for _, data in written) >= piece * count


def test_who_comes_between_prints_first(monkeypatch):
    """An urgent task prints, on top of one that is about to send a line on."""
    send = output.Stream._send

    def interrupted(self, data):
        monkeypatch.setattr(output.Stream, "_send", send)
        print("urgent", end="")
        output.flush()
        send(self, data)

    with printing() as written:
        print("half", end="")
        monkeypatch.setattr(output.Stream, "_send", interrupted)
        print(" and half\nrest", end="")
        assert written == [(1, b"resturgent"), (1, b"half and half\n")]


def test_streams_are_as_usual():
    with printing() as written:
        stdout = sys.stdout
        assert (stdout.fileno(), sys.stderr.fileno(), stdout.encoding) == (1, 2, "utf-8")
        assert (stdout.name, stdout.buffer.name) == ("<stdout>", "<stdout>")
        assert isinstance(stdout.buffer.raw, io.RawIOBase)
        print("\ud800", file=sys.stderr)
        assert written == [(2, b"\\ud800\n")]
        with pytest.raises(UnicodeEncodeError):
            print("\ud800")
        output.install()
        assert sys.stdout is stdout is sys.__stdout__
