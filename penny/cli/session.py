"""A script's run in a page: what is said over the WebSocket between command and page.

The page connects to `/run/session?token=…`. Each message is a JSON object with a `type`:

=========  =============================  =========================================================
direction  message                        meaning
=========  =============================  =========================================================
to page    start: source, filename,       Run this, with argv as `sys.argv`, on "host" (a worker of
           argv, workers, on              its own) or "page"; workers is null for the page's default
to page    (binary)                       Follows at once: the script's folder, a zip archive
from page  output: stream, text, worker   A piece of "stdout" or "stderr"; worker is the number of
                                          the pool worker that wrote it, or null
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


class Writer(Protocol):
    """Where a script's output goes."""

    def write(self, stream: str, text: str) -> None:
        """Take a piece of "stdout" or "stderr"."""

    async def written(self) -> None:
        """Wait until all of it is written."""


class Session:
    """One run, seen from the command.

    Args:
        start: The script.
        files: Its folder, as an archive.
        writer: Takes its output.
        settle: Called with the script's exit status, or with an error if the page or its
            connection failed; possibly more than once, of which the first call counts.
    """

    def __init__(
        self, start: Start, files: bytes, writer: Writer, settle: Callable[[Outcome], None]
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.connected = asyncio.Event()
        """Set once the page is there."""
        self._start = start
        self._files = files
        self._writer = writer
        self._settle = settle

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
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        await self._writer.written()
        self._settle(CommandError(LOST, EX_SOFTWARE))
        return socket

    async def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "output", "stream": "stdout" | "stderr" as stream, "text": str(text)}:
                self._writer.write(stream, text)
            case {"type": "exit", "status": int(status)}:
                await self._writer.written()
                self._settle(status)
            case {"type": "error", "message": str(text)}:
                await self._writer.written()
                self._settle(CommandError(text))
            case _:
                self._settle(CommandError(f"the page sent an unknown message: {message!r}"))
