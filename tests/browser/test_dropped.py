"""Schedulers that nobody has shut down leave no worker behind, once they are garbage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support import browsers
from support.pages import BLANK, Page
from support.processes import live_workers, wait_until
from support.servers import Server
from support.tasks import HOLD

# Each in a function of its own: what a frame has held may stay on the stack.
DROPS = {
    "idle": """
        const s = await Penny.scheduler({workers: 1});
        s.addEventListener('progress', ({detail}) => told.push(detail.done));
        return await s.submit('penny.current_worker');
    """,
    "idle, by messages": """
        const s = await Penny.scheduler({workers: 1, engine: 'messages'});
        s.addEventListener('progress', ({detail}) => told.push(detail.done));
        return await s.submit('penny.current_worker');
    """,
    "before its workers are up": """
        await Penny.scheduler({workers: 1});
        return 0;
    """,
    **{
        f"while it computes{how}": f"""
            const s = await Penny.scheduler({{workers: 1{engine}}});
            s.define('late', `def late():
              import time, penny
              time.sleep(0.5)
              return penny.current_worker()`);
            s.submit('late').then(worker => told.push(worker));
            for (let n = 0; n < 3; n++) gc();
            return 0;
        """
        for how, engine in {"": "", ", by messages": ", engine: 'messages'"}.items()
    },
}


@pytest.fixture(scope="module")
def droppers_page(driver: Chrome, server: Server) -> Iterator[Page]:
    """On the page that all tests share, other tests' Schedulers live on."""
    page = Page(driver, server).open()
    yield page
    page.close()


def wait_for_collection(page: Page) -> None:
    def gone() -> bool:
        page.js("gc()")
        return not live_workers(page)

    wait_until(page, gone, "workers are left")


@pytest.mark.skipif(browsers.NAME == "firefox", reason="gc() is there for Chromium only")
@pytest.mark.parametrize("drop", DROPS)
def test_dropped_from_javascript(droppers_page: Page, drop: str) -> None:
    page = droppers_page
    page.js("globalThis.told = []")
    worker = page.js(f"const drop = async () => {{ {DROPS[drop]} }}; return await drop();")
    assert worker == 0
    wait_for_collection(page)
    told = page.js("return told")
    assert not drop.startswith("idle") or told == [1]
    assert not drop.startswith("while it computes") or told == [0]


@pytest.mark.scene("""
    const told = [];
    {
      await using s = await Penny.scheduler({workers: 1});
      s.addEventListener('worker', ({detail}) => told.push(detail.state));
      s.submit('penny.current_worker').then(worker => told.push(worker));
    }
    const other = await Penny.scheduler({workers: 1});
    const here = other.submit('penny.current_worker');
    await other[Symbol.asyncDispose]();
    const error = await other.submit('len', 'x').catch(error => error.message);
    return [told, await here, error];
""")
def test_await_using(outcome: Any) -> None:
    told, here, error = outcome
    assert told == ["starting", "ready", 0, "stopped"] and here == 0
    assert "shut down" in error


@pytest.mark.skipif(browsers.NAME == "firefox", reason="gc() is there for Chromium only")
def test_who_awaits_an_event_gets_it(page: Page) -> None:
    """Even if that is all that knows of the scheduler."""
    told = page.js("""
        const busy = setInterval(gc, 10);
        const s = await Penny.scheduler({workers: 1});
        const told = await new Promise(ready => {
          s.addEventListener('worker', ({detail}) => detail.state === 'ready' && ready(detail));
        });
        clearInterval(busy);
        await s.shutdown();
        return told.state;
    """)
    assert told == "ready"


HELD = "return (await navigator.locks.query()).held.map(({name}) => name)"


@pytest.mark.skipif(browsers.NAME == "firefox", reason="nobody goes back by BiDi here")
def test_a_page_that_is_left_takes_its_workers_along(page: Page) -> None:
    """Browsers keep no such page for the way back: its workers hold locks."""
    others = set(page.js(HELD))
    page.js(f"""
        const begun = Promise.withResolvers();
        const options = {{workers: 2, output: begun.resolve}};
        globalThis.s = await Penny.scheduler(options);
        s.define('hold', `{HOLD}`);
        s.submit('hold', 'busy');
        await begun.promise;
    """)
    its = set(page.js(HELD)) - others
    assert its
    page.open(BLANK + "?elsewhere")
    wait_until(page, lambda: not its & set(page.js(HELD)), "its workers go on")
    page.driver.back()
    assert page.js("""
        const isNew = globalThis.s === undefined;
        await using again = await Penny.scheduler({workers: 1});
        return [isNew, await again.submit('penny.current_worker')];
    """) == [True, 0]
