"""Idle workers sleep: there is no spinning, and no timer."""

from __future__ import annotations

import time

from support.pages import Page
from support.processes import Renderer

SECONDS = 3.0

POOL = """
globalThis.s = await Penny.scheduler({workers: 4});
await new Promise(resolve => {
  let ready = 0;
  s.addEventListener('worker', ({detail}) => {
    if (detail.state === 'ready' && ++ready === 4) resolve();
  });
});
await Promise.all(Array.from({length: 100}, () => s.submit('time.sleep', 0.001)));
// Not what the start has left to do.
globalThis.gc?.();
await new Promise(resolve => requestIdleCallback(resolve));
"""


def test_an_idle_pool_uses_no_processor_time(page: Page) -> None:
    """Under 2 % of one core, for 4 workers and their page."""
    page.js(POOL)
    renderer = Renderer.of(page)
    before, start = renderer.script_seconds(), time.monotonic()
    time.sleep(SECONDS)  # what is measured
    share = (renderer.script_seconds() - before) / (time.monotonic() - start)
    print(f"{share:.2%} of one core")
    assert share < 0.02
    # The same measurement sees a worker that is busy, or it would not be worth much.
    before = renderer.script_seconds()
    page.js("s.define('spin', 'lambda n: sum(range(n))'); await s.submit('spin', 10_000_000)")
    assert renderer.script_seconds() - before > 0.05
