"""Ctrl-C in a program, by the AbortSignal that Penny.run takes: web/penny/boot/interrupts.md."""

from __future__ import annotations

from typing import Any

import pytest
from support.pages import Run

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
const [begin] = args;
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


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(begin, marks=pytest.mark.scene(INTERRUPTED, begin))
        for begin in (
            "    input('up\\n')",
            "    print('up', flush=True); time.sleep(1000)",
            "    print('up', flush=True); forever()",
            "    print('up', flush=True); asyncio.run(asyncio.sleep(1000))",
            "    with penny.Scheduler(workers=1) as s:\n"
            "        print('up', flush=True)\n"
            "        s.submit(time.sleep, 1000).result()",
        )
    ],
)
def test_it_comes_once(outcome: dict[str, Any], begin: str) -> None:
    assert outcome == {"status": 0, "printed": "up\nit came\non\n"}
