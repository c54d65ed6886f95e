"""Writing a script's output without waiting for whoever reads it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable

from penny.cli.errors import EX_INTERRUPTED, CommandError


class StandardStreams:
    """The process's stdout and stderr, written to in order by a thread of their own.

    A reader that does not read (`| less`) blocks that thread only, so signals are still answered
    and the browser is still ended. It writes to file descriptors, past Python's buffers: each piece
    is out at once, and a thread caught in the middle can't hold a lock that the exit needs.

    Args:
        on_error: Called on the event loop if writing fails; what follows is dropped.
    """

    def __init__(self, on_error: Callable[[CommandError], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_error = on_error
        self._pieces: queue.SimpleQueue[tuple[int, bytes] | asyncio.Event] = queue.SimpleQueue()
        self._streams = {
            "stdout": (sys.stdout.fileno(), _converter(sys.stdout.encoding)),
            "stderr": (sys.stderr.fileno(), _converter(sys.stderr.encoding)),
        }
        threading.Thread(target=self._work, daemon=True).start()

    def write(self, stream: str, data: bytes) -> None:
        """Queue a piece for "stdout" or "stderr": text in UTF-8, or any bytes."""
        descriptor, convert = self._streams[stream]
        self._pieces.put((descriptor, convert(data)))

    async def written(self) -> None:
        """Wait until everything queued so far is written or dropped."""
        done = asyncio.Event()
        self._pieces.put(done)
        await done.wait()

    def _work(self) -> None:
        broken = False
        while True:
            piece = self._pieces.get()
            if isinstance(piece, asyncio.Event):
                self._call(piece.set)
            elif not broken:
                try:
                    _write_all(*piece)
                except OSError as error:
                    broken = True
                    self._call(self._on_error, _as_command_error(error))

    def _call(self, function: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(function, *args)


def _converter(encoding: str) -> Callable[[bytes], bytes]:
    """What makes text of a script, a piece after the other, text in the terminal's encoding."""
    if codecs.lookup(encoding).name == "utf-8":
        return bytes
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    return lambda data: decode(data).encode(encoding, "backslashreplace")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _as_command_error(error: OSError) -> CommandError:
    if isinstance(error, BrokenPipeError):
        # `| head` has seen enough: end as a program that the signal ends, without a word.
        return CommandError("", EX_INTERRUPTED + signal.SIGPIPE)
    return CommandError(f"can't write the output: {error.strerror}")
