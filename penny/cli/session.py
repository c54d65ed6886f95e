"""A script's run in a page: what is said over the WebSocket between command and page.

The page connects to `/run/session?token=…`. Each message is a JSON object with a `type`:

=========  =============================  =========================================================
direction  message                        meaning
=========  =============================  =========================================================
to page    start: source, filename,       Run this, with argv as `sys.argv`, on "host" (a worker of
           argv, workers, on, trace,      its own) or "page"; workers is null for the default,
           terminal, environment,         trace is whether to record what the workers do,
           packages, place                terminal whether stdin is one; environment is for
                                          `os.environ`, packages for Pyodide and place for the
                                          files (Place in web/penny/boot/extras.js)
to page    (binary)                       Follows at once: the script's files, a zip archive. Later
                                          ones: what `input` asked for, in order; empty at the end
to page    interrupt                      Ctrl-C: raise KeyboardInterrupt in the script
to page    stop                           End the script and send the trace; only if there is one
from page  (binary)                       A byte, 1 or 2, and a piece of stdout or stderr; 3, and
                                          what is in the file that was named last
from page  input: size                    The script waits for so many bytes of stdin at most
from page  written: path, worker, kept    It was written, by the script (null) or a worker; kept is
                                          whether what is in it follows
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
import math
import secrets
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from aiohttp import WSMsgType, web

from penny.cli import signals
from penny.cli.errors import EX_INTERRUPTED, EX_SOFTWARE, CommandError

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
    terminal: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    place: Place | None = None


@dataclass(frozen=True)
class Place:
    """Where a script's files are: see Place in web/penny/boot/extras.js."""

    directory: str
    path: str
    folders: list[str]
    partial: list[str]
    keep: bool


STREAMS = {1: "stdout", 2: "stderr"}
"""By the first byte of a binary message."""

CONTENTS = 3
"""First byte of one that holds a file."""

LAST_WORDS = 10.0
"""Seconds that a script has to end, and its trace to come, once it was told to end."""

HINT_AFTER = 3.0
"""Seconds after which a script that Ctrl-C has not ended may be in a long call of C, or stuck."""


class Reader(Protocol):
    """Where a script's input comes from."""

    async def read(self, size: int) -> bytes:
        """At least one byte and at most `size`, when there are some; none at the end."""


class Writer(Protocol):
    """Where a script's output goes."""

    def write(self, stream: str, data: bytes) -> None:
        """Take a piece of "stdout" or "stderr"."""

    async def written(self) -> None:
        """Wait until all of it is written."""


class TraceWriter(Protocol):
    """Where the trace goes. Both raise CommandError if it can't be written."""

    def write(self, text: str) -> None:
        """Take a piece of the trace."""

    def finish(self, dropped: int) -> str:
        """End the trace: it is complete, but for so many events. Returns what to tell the user."""


class FileTaker(Protocol):
    """Where files go that were written in the browser."""

    def take(self, path: str, worker: int | None, data: bytes | None) -> None:
        """Take a file of a worker's, or of the script's (None); its contents if they came."""

    def finish(self) -> str:
        """All have come. Returns what to tell the user: some lines, or none."""


class Session:
    """One run, seen from the command.

    Args:
        start: The script.
        files: Its folder, as an archive.
        writer: Takes its output.
        reader: Gives its input.
        settle: Called with the script's exit status, or with an error if the page or its
            connection failed; possibly more than once, of which the first call counts.
        trace: Takes the trace, if there is to be one.
        written: Takes the files that were written, if they are of interest.
    """

    def __init__(
        self,
        start: Start,
        files: bytes,
        writer: Writer,
        reader: Reader,
        settle: Callable[[Outcome], None],
        trace: TraceWriter | None = None,
        written: FileTaker | None = None,
    ) -> None:
        self.token = secrets.token_urlsafe(16)
        self.connected = asyncio.Event()
        """Set once the page is there."""
        self._start = start
        self._files = files
        self._writer = writer
        self._reader = reader
        self._helpers: set[asyncio.Task[None]] = set()
        """Those that read input, and the one that sends."""
        self._settle = settle
        self._trace = trace
        self._written = written
        self._file: tuple[str, int | None] | None = None
        """That whose contents come next."""
        self._asked = False
        self._ended = False
        self._socket: web.WebSocketResponse | None = None
        self._interrupted: int | None = None
        self._outgoing: asyncio.Queue[dict[str, str] | bytes] = asyncio.Queue()

    def interrupt(self, status: int) -> float:
        """Have the page end the script: the first Ctrl-C as in a terminal, all else at once.

        In the latter case the page still sends the trace, with which the session settles.

        Args:
            status: The exit status.

        Returns:
            How long the script may take, in seconds: a KeyboardInterrupt is its own affair. 0 if
            there is nothing to wait for, or it is being waited for already.
        """
        if self._socket is None:
            return 0
        if status == EX_INTERRUPTED + signal.SIGINT and not self._asked:
            self._asked = True
            self._outgoing.put_nowait({"type": "interrupt"})
            asyncio.get_running_loop().call_later(HINT_AFTER, self._hint)
            return math.inf
        if self._trace is None or self._interrupted is not None:
            return 0
        self._interrupted = status
        self._outgoing.put_nowait({"type": "stop"})
        return LAST_WORDS

    def _hint(self) -> None:
        if not self._ended:
            self._writer.write(
                "stderr", b"penny: the script goes on; Ctrl-C again ends it at once\n"
            )

    async def _send(self, socket: web.WebSocketResponse) -> None:
        """Send what is to be sent, in the order in which it came up."""
        with contextlib.suppress(ConnectionError):  # said elsewhere
            while True:
                message = await self._outgoing.get()
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_json(message)

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
            self._helpers.add(asyncio.ensure_future(self._send(socket)))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
                elif message.type is WSMsgType.BINARY:
                    self._take_output(message.data)
        for task in self._helpers:
            task.cancel()
        await self._writer.written()
        self._settle(CommandError(LOST, EX_SOFTWARE))
        return socket

    def _take_output(self, message: bytes) -> None:
        kind = message[0] if message else 0
        if stream := STREAMS.get(kind):
            self._writer.write(stream, message[1:])
        elif kind == CONTENTS and self._file is not None and self._written is not None:
            self._written.take(*self._file, message[1:])
            self._file = None
        else:
            self._settle(CommandError(f"the page sent an unknown message: {message[:20]!r}"))

    async def _take(self, message: dict[str, Any]) -> None:
        try:
            await self._take_one(message)
        except CommandError as error:
            self._settle(error)

    async def _end(self, outcome: Outcome) -> None:
        self._ended = True
        if self._written is not None and (said := self._written.finish()):
            lines = "".join(f"penny: {line}\n" for line in said.splitlines())
            self._writer.write("stderr", lines.encode())
        await self._writer.written()
        self._settle(outcome)

    async def _read(self, size: int) -> None:
        data = await self._reader.read(size)
        # What was written after Ctrl-C must not reach a read that Ctrl-C is to end.
        await signals.heard()
        self._outgoing.put_nowait(data)

    async def _take_one(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "input", "size": int(size)}:
                task = asyncio.ensure_future(self._read(size))
                self._helpers.add(task)
                task.add_done_callback(self._helpers.discard)
            case {"type": "trace", "text": str(text)} if self._trace is not None:
                self._trace.write(text)
            case {"type": "traced", "dropped": int(dropped)} if self._trace is not None:
                self._writer.write("stderr", f"penny: {self._trace.finish(dropped)}\n".encode())
                if self._interrupted is not None:
                    await self._end(self._interrupted)
            case {
                "type": "written",
                "path": str(path),
                "worker": int() | None as worker,
                "kept": bool(kept),
            } if self._written is not None:
                if kept:
                    self._file = path, worker
                else:
                    self._written.take(path, worker, None)
            case {"type": "exit", "status": int(status)}:
                await self._end(status)
            case {"type": "error", "message": str(text)}:
                await self._end(CommandError(text))
            case _:
                self._settle(CommandError(f"the page sent an unknown message: {message!r}"))
