"""One program of many parts: sources that run in turn, each in a `__main__` of its own."""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
import traceback
from collections.abc import Container

import watch
from pyodide.code import eval_code_async


async def play(sources: dict[str, str], idle: Container[str] = ()) -> None:
    """Run each source, which may use top-level await, and print a line of JSON for it: its name,
    what it has printed, and its traceback or "".

    One in which no worker has run a task fails, unless it is among the `idle`.
    """
    watch.install()
    for name, source in sources.items():
        printed, failure = io.StringIO(), ""
        before = watch.tasks_run()
        with contextlib.redirect_stdout(printed):
            try:
                await eval_code_async(textwrap.dedent(source), {"__name__": "__main__"})
            except BaseException:
                failure = traceback.format_exc()
        if not (failure or name in idle or watch.tasks_run() > before):
            failure = "no worker has run a task"
        print(json.dumps([name, printed.getvalue(), failure]))
