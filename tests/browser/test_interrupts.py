"""Ctrl-C in a program, by the AbortSignal that Penny.run takes: web/penny/boot/interrupts.md."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import Page, Run

# Each time at the next of the points at which CPython looks for signals; if it is held off there,
# then at the first one after it where it is not.
AT_EVERY_POINT = """
    import asyncio, signal, sys
    from sys import monitoring
    from penny.event_loops.interrupts import holds_off

    left = -1

    def look(code, *_):
        global left
        if left < 0 or code in ours:
            return
        left = max(left - 1, 0)
        frame = sys._getframe(1)
        if left == 0 and not holds_off(frame):
            left = -1
            signal.default_int_handler(signal.SIGINT, frame)

    async def sleep():
        await asyncio.sleep(0.001)
        await asyncio.sleep(0)

    def attempt(points):
        global left
        left = points
        monitoring.set_events(monitoring.PROFILER_ID, points_of_call)
        try:
            try:
                asyncio.run(sleep())
            finally:
                left = -1
                monitoring.set_events(monitoring.PROFILER_ID, 0)
        except KeyboardInterrupt:
            return True
        return False

    ours = look.__code__, attempt.__code__, sys._getframe().f_code
    events = monitoring.events
    points_of_call = events.PY_START | events.PY_RESUME | events.JUMP | events.CALL
    monitoring.use_tool_id(monitoring.PROFILER_ID, "test")
    for event in events.PY_START, events.PY_RESUME, events.JUMP, events.C_RETURN:
        monitoring.register_callback(monitoring.PROFILER_ID, event, look)
    monitoring.register_callback(monitoring.PROFILER_ID, events.CALL, lambda *_: None)
    points = 1
    while attempt(points):
        points += 1
    print("it came at", points)
"""


@pytest.mark.program(AT_EVERY_POINT)
def test_it_comes_at_every_point_of_asyncio_run(run: Run) -> None:
    """As KeyboardInterrupt, and nothing hangs."""
    assert int(run.ok().removeprefix("it came at ")) > 50


@pytest.mark.program("""
    import asyncio
    from penny.event_loops import executors

    async def main():
        task = asyncio.current_task()
        task.add_done_callback(lambda _: executors.exited(KeyboardInterrupt()))

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("it came")
""")
def test_it_comes_when_the_main_task_is_done(run: Run) -> None:
    assert run.ok() == "it came\n"


INTERRUPTED = """
const [begin, on] = args;
const source = `
import asyncio, time
import penny
def forever():
    while True:
        pass
try:
${begin}
except KeyboardInterrupt:
    print("it came")
print(input())
`;
let printed = '';
const interrupting = new AbortController();
let answer;
const status = await Penny.run(source, {
  on,
  interrupt: interrupting.signal,
  input: () => new Promise(resolve => {
    answer = resolve;
    if (printed.includes('it came')) answer('on\\n');
  }),
  output(stream, text) {
    printed += text;
    if (text.includes('up')) interrupting.abort();
    if (text.includes('it came')) answer?.('on\\n');
  },
});
return {status, printed};
"""


WAYS = {
    "input": "    input('up\\n')",
    "asyncio": "    print('up', flush=True); asyncio.run(asyncio.sleep(1000))",
    "result": (
        "    with penny.Scheduler(workers=1) as s:\n"
        "        print('up', flush=True)\n"
        "        s.submit(forever).result()"
    ),
    "messages": (
        "    with penny.Scheduler(workers=1, engine='messages') as s:\n"
        "        print('up', flush=True)\n"
        "        s.submit(forever).result()"
    ),
    "sleep": "    print('up', flush=True); time.sleep(1000)",
    "compute": "    print('up', flush=True); forever()",
}

CASES = [("host", way) for way in WAYS] + [("page", way) for way in list(WAYS)[:4]]


@pytest.mark.parametrize(
    ("on", "way"),
    [
        pytest.param(on, way, marks=pytest.mark.scene(INTERRUPTED, WAYS[way], on))
        for on, way in CASES
    ],
)
def test_it_comes_once(outcome: dict[str, Any], on: str, way: str) -> None:
    assert outcome == {"status": 0, "printed": "up\nit came\non\n"}


@pytest.mark.parametrize("on", ["host", "page"])
def test_before_the_program_begins(page: Page, on: str) -> None:
    """Also while its Python starts; and the next program is another."""
    assert page.js(
        """
        const [on] = args;
        const printed = [];
        const options = {on, output: (_, text) => printed.push(text)};
        const interrupting = new AbortController();
        const status = Penny.run('print("begun")', {...options, interrupt: interrupting.signal});
        await new Promise(later => setTimeout(later));
        interrupting.abort();
        return [await status, await Penny.run('print("next")', options), printed.join('')];
        """,
        on,
    ) == [130, 0, "next\n"]


def test_an_interrupt_of_a_program_that_has_ended_is_nobody_s(page: Page) -> None:
    assert page.js("""
        const interrupting = new AbortController();
        const {signal} = interrupting;
        const printed = [];
        const output = (_, text) => printed.push(text);
        await Penny.run('', {on: 'page', interrupt: signal});
        const next = Penny.run(
          'import asyncio; print("up", flush=True); await asyncio.sleep(0.1); print("on")',
          {on: 'page', output: (...piece) => { output(...piece); interrupting.abort(); }});
        return [await next, printed.join('')];
    """) == [0, "up\non\n"]
