"""The engine `messages`: on pages without shared memory by itself, elsewhere by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.servers import Server

FIRST = """
import penny

factor = 3

def here(x):
    return penny.current_worker(), factor * x

async with penny.Scheduler(workers=2) as s:
    print(s._engine.name, await s.submit(pow, 2, 10))
    ran = [r async for r in s.imap(here, range(6))]
    assert [value for _, value in ran] == [0, 3, 6, 9, 12, 15], ran
    assert {worker for worker, _ in ran} <= {0, 1}, ran
    future = s.submit(lambda: {}["no such key"])
    try:
        await future
    except KeyError as error:
        print(error, "in __main__" in str(error.__cause__) or error.__cause__)
    print(s.submit(here, 7).result())
"""


@pytest.fixture(scope="module")
def plain(driver: Chrome, plain_server: Server) -> Iterator[Page]:
    """A page without the headers of isolation."""
    page = Page(driver, plain_server).open()
    yield page
    page.close()


@pytest.mark.parametrize("on", ["page", "host"])
def test_where_no_memory_is_shared(plain: Page, on: str) -> None:
    assert plain.js("return [crossOriginIsolated, typeof SharedArrayBuffer]") == [
        False,
        "undefined",
    ]
    run = plain.run(FIRST, on=on)
    lines = run.ok().splitlines()
    assert lines[0] == "messages 1024"
    assert (
        lines[1].startswith("'no such key' in worker ") and 'File "script.py", line ' in run.stdout
    )
    assert lines[-1] in ("(0, 21)", "(1, 21)")
    if on == "page":
        said = [text for level, text in plain.console() if level == "info"]
        assert len(said) == 1 and 'engine "messages"' in said[0], said
