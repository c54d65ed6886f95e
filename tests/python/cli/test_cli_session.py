from __future__ import annotations

import functools
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from penny.cli import signals
from penny.cli.errors import EX_INTERRUPTED, CommandError
from penny.cli.server import serving
from penny.cli.session import Outcome, Session, Start

LATE = 7
"""Of a read: Ctrl-C comes before what it gets."""

START = Start("print()", "s.py", ["s.py"], None, "host")


class Recorder:
    """A writer that keeps what it gets, and the outcomes of a session; a reader at its end."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bytes]] = []
        self.outcomes: list[Outcome] = []

    def write(self, stream: str, data: bytes) -> None:
        self.pieces.append((stream, data))

    async def written(self) -> None:
        pass

    async def read(self, size: int) -> bytes:
        if size == LATE:
            signal.raise_signal(signal.SIGINT)
            return b"written after it"
        return b""


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def page(recorder: Recorder) -> AsyncIterator[tuple[Session, aiohttp.ClientSession]]:
    """A session, and a client that reaches its server by relative addresses."""
    session = Session(START, b"files", recorder, recorder, recorder.outcomes.append)
    app = web.Application()
    app.add_routes(session.routes())
    async with serving(app, port=0) as url, aiohttp.ClientSession(url) as client:
        yield session, client


async def test_other_pages_are_kept_out(
    page: tuple[Session, aiohttp.ClientSession], recorder: Recorder
) -> None:
    session, client = page
    for query in ("", "?token=", "?token=guess", f"?token={session.token}x"):
        async with client.get(f"/run/session{query}") as answer:
            assert answer.status == 403
    assert not session.connected.is_set()
    async with client.ws_connect(f"/run/session?token={session.token}") as socket:
        assert (await socket.receive_json())["type"] == "start"
        assert session.connected.is_set()
        async with client.get(f"/run/session?token={session.token}") as answer:
            assert answer.status == 409
    assert isinstance(recorder.outcomes[0], CommandError)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "dance"},
        {"type": "exit"},
        {"type": "exit", "status": "0"},
        {"type": "input", "size": "3"},
        b"",
        b"\3text",
    ],
)
async def test_unknown_message_ends_the_run(
    page: tuple[Session, aiohttp.ClientSession], recorder: Recorder, message: object
) -> None:
    session, client = page
    async with client.ws_connect(f"/run/session?token={session.token}") as socket:
        await socket.receive_json()
        assert await socket.receive_bytes() == b"files"
        await (socket.send_bytes if isinstance(message, bytes) else socket.send_json)(message)
        await socket.send_json({"type": "exit", "status": 0})
    assert "unknown message" in str(recorder.outcomes[0])


async def test_order_of_output_and_exit(
    page: tuple[Session, aiohttp.ClientSession], recorder: Recorder
) -> None:
    session, client = page
    pieces = [("stdout", b"1"), ("stderr", b"\xff"), ("stdout", b"3")]
    async with client.ws_connect(f"/run/session?token={session.token}") as socket:
        for stream, data in pieces:
            await socket.send_bytes((b"\1" if stream == "stdout" else b"\2") + data)
        await socket.send_json({"type": "exit", "status": 4})
    assert recorder.pieces == pieces
    assert recorder.outcomes[0] == 4


async def test_ctrl_c_comes_before_what_was_written_after_it(
    page: tuple[Session, aiohttp.ClientSession],
) -> None:
    session, client = page
    number = signal.SIGINT
    signals.hear(number, functools.partial(session.interrupt, EX_INTERRUPTED + number))
    async with client.ws_connect(f"/run/session?token={session.token}") as socket:
        assert (await socket.receive_json())["type"] == "start"
        assert await socket.receive_bytes() == b"files"
        await socket.send_json({"type": "input", "size": LATE})
        assert await socket.receive_json(timeout=10) == {"type": "interrupt"}
        assert await socket.receive_bytes(timeout=10) == b"written after it"
