"""A script's run in a page: what is said over the WebSocket between command and page.

The page connects to `/run/session?token=…`. Each message is a JSON object with a `type`:

=========  =============================  =========================================================
direction  message                        meaning
=========  =============================  =========================================================
to page    start: source, filename,       Run this, with argv as `sys.argv`, on "host" (a worker of
           argv, workers, on, trace       its own) or "page"; workers is null for the default,
                                          trace is whether to record what the workers do
to page    (binary)                       Follows at once: the script's folder, a zip archive
to page    stop                           End the script and send the trace; only if there is one
from page  output: stream, text, worker   A piece of "stdout" or "stderr"; worker is the number of
                                          the pool worker that wrote it, or null
from page  trace: text                    A piece of the trace, when the script has ended
from page  traced: dropped                That was all of it; so many events are missing
from page  exit: status                   The script ended; the last message
from page  error: message                 The page could not run it, or broke down; the last message
=========  =============================  =========================================================

The token, new for each run, keeps other pages in the user's other browsers out: WebSockets know no
same-origin rule.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from aiohttp import WSMsgType, web

from penny.cli.errors import EX_SOFTWARE, CommandError

LOST = "the connection to the page was lost: it crashed, or ran out of memory"

Outcome = int | CommandError
"""How a run ends: the script's exit status, or why there is none."""


@dataclass(frozen=True)
class Start:
    """What the page needs to know of a script."""

    source: str
    filename: str
    argv: list[str]
    workers: int | None
    on: Literal["host", "page"]
    trace: bool = False


class Writer(Protocol):
    """Where a script's output goes."""

    def write(self, stream: str, text: str) -> None:
        """Take a piece of "stdout" or "stderr"."""

    async def written(self) -> None:
        """Wait until all of it is written."""


class TraceWriter(Protocol):
    """Where the trace goes. Both raise CommandError if it can't be written."""

    def write(self, text: str) -> None:
        """Take a piece of it."""

    def finish(self, dropped: int) -> str:
        """It is complete, but for so many events. Returns what to tell the user."""


class Session:
    """One run, seen from the command.

    Args:
        start: The script.
        files: Its folder, as an archive.
        writer: Takes its output.
        settle: Called with the script's exit status, or with an error if the page or its
            connection failed; possibly more than once, of which the first call counts.
        trace: Takes the trace, if there is to be one.
    """

    def __init__(
        self,
        start: Start,
        files: bytes,
        writer: Writer,
        settle: Callable[[Outcome], None],
        trace: TraceWriter | None = None,
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.connected = asyncio.Event()
        """Set once the page is there."""
        self._start = start
        self._files = files
        self._writer = writer
        self._settle = settle
        self._trace = trace
        self._socket: web.WebSocketResponse | None = None
        self._interrupted: int | None = None
        self._stopping: asyncio.Task[None] | None = None

    def interrupt(self, status: int) -> bool:
        """Have the page end the script and send the trace, with which the session settles.

        Args:
            status: The exit status.

        Returns:
            False if there is no trace to wait for, or it is being waited for already.
        """
        if self._trace is None or self._socket is None or self._interrupted is not None:
            return False
        self._interrupted = status
        self._stopping = asyncio.ensure_future(self._stop(self._socket))
        return True

    async def _stop(self, socket: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):  # said elsewhere
            await socket.send_json({"type": "stop"})

    def routes(self) -> list[web.RouteDef]:
        """Return what the server must answer for this session."""
        return [web.get("/run/session", self._handle)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not secrets.compare_digest(request.query.get("token", ""), self.token):
            raise web.HTTPForbidden(text="This session belongs to another page.\n")
        if self.connected.is_set():
            raise web.HTTPConflict(text="This session has its page already.\n")
        self.connected.set()
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        # A ConnectionError is what the last line says in other words.
        with contextlib.suppress(ConnectionError):
            await socket.send_json({"type": "start", **asdict(self._start)})
            await socket.send_bytes(self._files)
            self._socket = socket
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        await self._writer.written()
        self._settle(CommandError(LOST, EX_SOFTWARE))
        return socket

    async def _take(self, message: dict[str, Any]) -> None:
        try:
            await self._take_one(message)
        except CommandError as error:
            self._settle(error)

    async def _take_one(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "output", "stream": "stdout" | "stderr" as stream, "text": str(text)}:
                self._writer.write(stream, text)
            case {"type": "trace", "text": str(text)} if self._trace is not None:
                self._trace.write(text)
            case {"type": "traced", "dropped": int(dropped)} if self._trace is not None:
                self._writer.write("stderr", f"penny: {self._trace.finish(dropped)}\n")
                if self._interrupted is not None:
                    await self._writer.written()
                    self._settle(self._interrupted)
            case {"type": "exit", "status": int(status)}:
                await self._writer.written()
                self._settle(status)
            case {"type": "error", "message": str(text)}:
                await self._writer.written()
                self._settle(CommandError(text))
            case _:
                self._settle(CommandError(f"the page sent an unknown message: {message!r}"))
