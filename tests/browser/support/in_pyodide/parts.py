"""One program of many parts: sources that run in turn, each in a `__main__` of its own."""

from __future__ import annotations

import contextlib
import io
import json
import textwrap
import traceback

from pyodide.code import eval_code_async


async def play(sources: dict[str, str]) -> None:
    """Run each source, which may use top-level await, and print a line of JSON for it: its name,
    what it has printed, and its traceback or "".
    """
    for name, source in sources.items():
        printed, failure = io.StringIO(), ""
        with contextlib.redirect_stdout(printed):
            try:
                await eval_code_async(textwrap.dedent(source), {"__name__": "__main__"})
            except BaseException:
                failure = traceback.format_exc()
        print(json.dumps([name, printed.getvalue(), failure]))
