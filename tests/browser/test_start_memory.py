"""Schedulers that come and go: what they held is free."""

from __future__ import annotations

import pytest
from support.pages import Page, Run
from support.processes import Renderer, wait_for_no_workers
from support.tasks import HOLD

MEGABYTE = 10**6

# Opens schedulers, uses each, shuts it down. Weak references to what each held stay.
COME_AND_GO = (
    f"const HOLD = `{HOLD}`;"
    + """
const [count, workers, options] = args;
globalThis.held = [];
for (let i = 0; i < count; i++) {
  const s = await Penny.scheduler({workers});
  s.define('same', 'lambda b: b');
  await Promise.all([1, 2, 3, 4].map(() => s.submit('same', new Uint8Array(500_000))));
  if (options.now) s.submit(s.define('hold', HOLD)).catch(() => {});
  await s.shutdown(options);
  const {client} = s.engine;
  held.push(new WeakRef(s), new WeakRef(client), new WeakRef(client.core.memory));
}
"""
)


def test_a_worker_does_not_keep_its_copy_of_the_snapshot(page: Page) -> None:
    """Which is 31 MB: three workers more take some 60 MB each, with it 90."""
    page.timeout = 60
    page.js("await Penny.scheduler({workers: 1}).then(s => s.submit('len', 'abc'))")
    renderer = Renderer.of(page)
    one = renderer.memory_bytes()
    page.js("""
        const s = await Penny.scheduler({workers: 3});
        let ready = 0;
        await new Promise(resolve => s.addEventListener('worker', ({detail}) => {
          if (detail.state === 'ready' && ++ready === 3) resolve();
        }));
    """)
    each = (renderer.memory_bytes() - one) / 3
    print(f"{each / MEGABYTE:.0f} MB a worker")
    assert each < 78 * MEGABYTE


def alive(page: Page) -> int:
    """How many of the things in `held` have not been collected, after 10 s at most: workers that
    are ended hold on to them until their threads are gone, which takes time on a busy machine."""
    if not page.js("return 'gc' in globalThis"):
        pytest.skip("gc() is there for Chromium only")
    found: int = page.js("""
        const alive = () => held.filter(reference => reference.deref()).length;
        const end = performance.now() + 10_000;
        // Weak references are cleared between turns of the event loop.
        for (let i = 0; i < 3 || (alive() && performance.now() < end); i++) {
          gc();
          await new Promise(resolve => setTimeout(resolve, i < 3 ? 0 : 100));
        }
        return alive();
    """)
    return found


def test_memory_does_not_grow(page: Page) -> None:
    """20 Schedulers, each with a worker of some 60 MB."""
    page.timeout = 60
    page.js(COME_AND_GO, 5, 1, {})
    wait_for_no_workers(page)
    alive(page)
    renderer = Renderer.of(page)
    after_5 = renderer.memory_bytes()
    page.js(COME_AND_GO, 15, 1, {})
    wait_for_no_workers(page)
    alive(page)
    growth = renderer.memory_bytes() - after_5
    print(f"after 5: {after_5 / MEGABYTE:.0f} MB, after 20: {growth / MEGABYTE:+.0f} MB")
    assert growth < 60 * MEGABYTE


@pytest.mark.parametrize("now", [False, True])
def test_nothing_is_kept(page: Page, now: bool) -> None:
    page.js(COME_AND_GO, 1, 2, {"now": now})
    wait_for_no_workers(page)
    assert page.js("return held.length") == 3
    assert alive(page) == 0


def test_nothing_is_kept_of_a_broken_pool(shared_page: Page) -> None:
    shared_page.js("""
        globalThis.held = [];
        const s = await Penny.scheduler({workers: 1, packages: ['./missing-1-py3-none-any.whl']});
        await s.submit('len', 'abc').catch(() => {});
        await s.shutdown();
        const {client} = s.engine;
        held.push(new WeakRef(s), new WeakRef(client), new WeakRef(client.core.memory));
    """)
    assert alive(shared_page) == 0


@pytest.mark.usefixtures("on")
@pytest.mark.program("""
    import gc, weakref
    import penny

    engines = []
    for _ in range(3):
        async with penny.Scheduler(1) as s:
            await s.submit(len, bytes(500_000))
            engines.append(weakref.ref(s._engine))
    del s
    gc.collect()
    print(sum(engine() is not None for engine in engines))
""")
def test_nothing_is_kept_in_python(run: Run) -> None:
    assert run.ok() == "0\n"
