"""The scenarios of tests/conformance in a browser: blocking in a host worker, awaited there
and on a page; on the pool, and, where no memory is shared, by messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import conformance
import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server

from penny.engines.messages.abilities import ABILITIES as MESSAGES
from penny.engines.pool.abilities import ABILITIES as POOL

SCENARIOS = Path(__file__).parents[1] / "conformance"

FILES = {
    f"conformance/{name}.py": (SCENARIOS / f"{name}.py").read_bytes()
    for name in ("__init__", conformance.AWAITED, *conformance.MODULES)
}

FILES["environment.py"] = b'''
import inspect
import traceback

import conformance
import js
import penny
from gates import Gate
from js import XMLHttpRequest
from pyodide.ffi import run_sync


class BlockingGate(Gate):
    def reached(self):
        if not js.crossOriginIsolated:  # messages come while Python is suspended
            run_sync(super().reached())
            return
        request = XMLHttpRequest.new()
        request.open("GET", f"{self.url}/reached", False)  # synchronous
        request.send()


class Environment:
    def __init__(self):
        self.opened = []
        self.scheduler = self.open(workers=2)

    def open(self, **options):
        self.opened.append(penny.Scheduler(**options))
        return self.opened[-1]

    def gate(self):
        return BlockingGate()


async def run(module):
    """Prints how many scenarios held, and tracebacks of those that did not."""
    environment = Environment()
    held = 0
    abilities = environment.scheduler._engine.abilities
    for name, check in conformance.scenarios(module).items():
        if not conformance.can_play(check, abilities):
            continue
        try:
            with conformance.watched(environment, check):
                if inspect.isawaitable(result := check(environment)):
                    await result
            held += 1
        except BaseException:
            print(f"\\n{name}\\n{traceback.format_exc()}")
    name = environment.scheduler._engine.name
    await environment.scheduler.aclose()
    print(held, "held by", name)
'''

BLOCKING = conformance.MODULES


@pytest.fixture(scope="module")
def plain_page(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page that is not isolated."""
    page = Page(driver, plain_server).open()
    yield page
    page.close()


def check(page: Page, module: str, on: str, engine: str = "pool") -> None:
    run = page.run(f"import environment; await environment.run({module!r})", on=on, files=FILES)
    can = POOL if engine == "pool" else MESSAGES
    count = sum(conformance.can_play(c, can) for c in conformance.scenarios(module).values())
    assert run.ok() == f"{count} held by {engine}\n", run.stdout


@pytest.mark.parametrize("module", BLOCKING)
def test_in_a_host_worker(shared_page: Page, module: str) -> None:
    check(shared_page, module, "host")


@pytest.mark.parametrize("on", ["host", "page"])
def test_awaited(shared_page: Page, on: str) -> None:
    check(shared_page, "awaiting", on)


@pytest.mark.parametrize("module", BLOCKING)
def test_by_messages(plain_page: Page, module: str) -> None:
    check(plain_page, module, "host", "messages")


@pytest.mark.parametrize("on", ["host", "page"])
def test_awaited_by_messages(plain_page: Page, on: str) -> None:
    check(plain_page, "awaiting", on, "messages")
