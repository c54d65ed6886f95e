"""A page in a headless browser, opened by a command that waits for what comes of it."""

from __future__ import annotations

import asyncio
import functools
import math
import signal
from collections.abc import Callable
from typing import Protocol, TypeVar

from aiohttp import web

from penny.cli import signals
from penny.cli.browser import Browser, BrowserProcess
from penny.cli.errors import EX_INTERRUPTED, EX_SOFTWARE, CommandError
from penny.cli.server import application, serving
from penny.cli.site import Site

CONNECTING = 60.0
"""Seconds within which the page must have connected; a cold start takes about one."""

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


class Conversation(Protocol):
    """What is said between command and page."""

    token: str
    """Secret that the page's URL carries: WebSockets know no same-origin rule."""

    connected: asyncio.Event
    """Set once the page is there."""

    def routes(self) -> list[web.RouteDef]:
        """Return what the server must answer for it."""

    def interrupt(self, status: int) -> float:
        """Take note of a signal. Returns how long it may take to settle by itself, in seconds."""


async def visit(
    site: Site,
    browser: Browser,
    path: str,
    converse: Callable[[Callable[[T | CommandError], None]], Conversation],
) -> T:
    """Open a page of `site` and return what the conversation with it settles on.

    The browser is gone when this returns or raises.

    Args:
        site: What is served.
        browser: What opens the page.
        path: The page's, without the leading `/`.
        converse: Begins the conversation. It is given a function to settle how the visit ends: by
            a value, or an error. It may be called more than once, of which the first call counts.

    Raises:
        CommandError: the conversation failed, a signal came, or the browser broke down.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T | CommandError] = loop.create_future()

    def settle(value: T | CommandError) -> None:
        if not outcome.done():
            outcome.set_result(value)

    def on_browser_exit(status: int) -> None:
        said = f":\n{process.last_words}" if process.last_words else ""
        settle(CommandError(f"the browser ended with status {status}{said}", EX_SOFTWARE))

    def give_up_connecting() -> None:
        if not conversation.connected.is_set():
            said = f"{browser.executable} did not open the page within {CONNECTING:.0f} s"
            settle(CommandError(said, EX_SOFTWARE))

    def interrupt(status: int) -> None:
        stopped = CommandError("", status)
        patience = conversation.interrupt(status)
        if not patience:
            settle(stopped)
        elif patience < math.inf:
            loop.call_later(patience, settle, stopped)

    for number in STOPPING_SIGNALS:
        signals.hear(number, functools.partial(interrupt, EX_INTERRUPTED + number))
    conversation = converse(settle)
    async with serving(application(site, routes=conversation.routes()), port=0) as url:
        address = f"{url}{path}?token={conversation.token}"
        process = BrowserProcess(browser, address, on_browser_exit)
        async with process:
            patience = loop.call_later(CONNECTING, give_up_connecting)
            result = await outcome
            patience.cancel()
    if isinstance(result, CommandError):
        raise result
    return result
