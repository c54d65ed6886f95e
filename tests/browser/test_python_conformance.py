"""The scenarios of tests/conformance in a browser: blocking in a host worker, awaited there
and on a page."""

from __future__ import annotations

from pathlib import Path

import conformance
import pytest
from support.pages import Page

SCENARIOS = Path(__file__).parents[1] / "conformance"

FILES = {
    f"conformance/{name}.py": (SCENARIOS / f"{name}.py").read_bytes()
    for name in ("__init__", conformance.AWAITED, *conformance.MODULES)
}

FILES["environment.py"] = b'''
import inspect
import traceback

import conformance
import penny
from gates import Gate
from js import XMLHttpRequest


class BlockingGate(Gate):
    def reached(self):
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
    for name, check in conformance.scenarios(module).items():
        try:
            with conformance.watched(environment, check):
                if inspect.isawaitable(result := check(environment)):
                    await result
            held += 1
        except BaseException:
            print(f"\\n{name}\\n{traceback.format_exc()}")
    await environment.scheduler.aclose()
    print(held, "held")
'''

BLOCKING = conformance.MODULES


def check(page: Page, module: str, on: str) -> None:
    run = page.run(f"import environment; await environment.run({module!r})", on=on, files=FILES)
    count = (SCENARIOS / f"{module}.py").read_text().count("\ndef check_")
    count += (SCENARIOS / f"{module}.py").read_text().count("\nasync def check_")
    assert run.ok() == f"{count} held\n", run.stdout


@pytest.mark.parametrize("module", BLOCKING)
def test_in_a_host_worker(shared_page: Page, module: str) -> None:
    check(shared_page, module, "host")


@pytest.mark.parametrize("on", ["host", "page"])
def test_awaited(shared_page: Page, on: str) -> None:
    check(shared_page, "awaiting", on)
