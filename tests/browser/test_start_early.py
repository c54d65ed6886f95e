"""Tasks that are submitted before any worker is up."""

from __future__ import annotations

from support.pages import Page
from support.processes import wait_until
from support.servers import Server


def test_javascript(page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js") as release:
        done = page.js("""
            globalThis.s = await Penny.scheduler({workers: 2});
            globalThis.promises = Array.from({length: 1000}, (_, i) => s.submit('abs', -i));
            return await Promise.race([promises[0], 'none yet']);
        """)
        release()
        results = page.js("return await Promise.all(promises)")
    assert done == "none yet"
    assert results == list(range(1000))


def test_more_than_there_is_room_for(page: Page, server: Server) -> None:
    """More than there are slots, and than the injector holds."""
    with server.holding("/penny/worker.js") as release:
        page.js("""
            globalThis.s = await Penny.scheduler({workers: 2});
            globalThis.promises = Array.from({length: 40_000}, (_, i) => s.submit('abs', -i));
        """)
        release()
        assert page.js("return (await Promise.all(promises)).every((result, i) => result === i)")


def test_python_on_the_page(page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js") as release:
        page.js("""
            globalThis.printed = '';
            globalThis.running = Penny.run(`if True:
                import penny
                async with penny.Scheduler(2) as s:
                    futures = [s.submit(abs, -i) for i in range(100)]
                    print("submitted", any(future.done() for future in futures))
                    print(sum([await future for future in futures]))
            `, {on: 'page', output: (_, text) => { printed += text; }});
        """)
        wait_until(page, lambda: page.js("return printed"), "nothing was submitted")
        assert page.js("return printed") == "submitted False\n"
        release()
        assert page.js("await running; return printed") == "submitted False\n4950\n"


def test_cancelled_before_any_worker_is_up(page: Page, server: Server) -> None:
    with server.holding("/penny/worker.js") as release:
        page.js("""
            globalThis.printed = '';
            globalThis.running = Penny.run(`if True:
                import penny
                async with penny.Scheduler(1) as s:
                    futures = [s.submit(print, i) for i in range(4)]
                    print([future.cancel() for future in futures[1:3]])
            `, {on: 'page', output: (_, text) => { printed += text; }});
        """)
        wait_until(page, lambda: page.js("return printed"), "nothing was cancelled")
        release()
        assert page.js("await running; return printed") == "[True, True]\n0\n3\n"
