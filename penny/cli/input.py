"""Reading stdin for a script, without waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading

__all__ = ["StandardInput"]


class StandardInput:
    """The process's stdin, read by a thread of its own, and only what the script asks for.

    Whoever comes after the command in a shell's loop finds what the script left. Bytes come past
    Python's buffers, as soon as there are some: what a terminal's user has entered, what a pipe
    holds. The thread may be blocked when the process ends.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Where there is none, its number may be another file's; somebody may have put what is no
        # file in its place.
        self._descriptor: int | None = None
        if sys.stdin is not None:
            with contextlib.suppress(OSError):
                self._descriptor = sys.stdin.fileno()
        self._wanted: queue.SimpleQueue[tuple[int, asyncio.Future[bytes]]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    async def read(self, size: int) -> bytes:
        """At least one byte and at most `size`, when there are some; none at the end."""
        if self._descriptor is None:
            return b""
        if not self._thread.ident:
            self._thread.start()
        data: asyncio.Future[bytes] = self._loop.create_future()
        self._wanted.put((size, data))
        return await data

    def _work(self) -> None:
        assert self._descriptor is not None
        while True:
            size, wanted = self._wanted.get()
            try:
                data = os.read(self._descriptor, size)
            except OSError as error:  # a folder, a terminal of another job
                print(f"penny: can't read stdin: {error.strerror}", file=sys.stderr)
                data = b""
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_give, wanted, data)


def _give(wanted: asyncio.Future[bytes], data: bytes) -> None:
    if not wanted.done():
        wanted.set_result(data)
