"""Another interpreter, and a `__main__` that is none of pytest's."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def elsewhere(data: bytes, code: str) -> bytes:
    """Run `code` in another interpreter: from `data` it makes `answer`."""
    program = "import sys; data = sys.stdin.buffer.read()\n" + textwrap.dedent(code)
    program += "\nsys.stdout.buffer.write(answer)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, stdout=subprocess.PIPE, check=True
    )
    return done.stdout


def in_main(source: str, name: str):
    """What `name` is after `source` has run as if in __main__."""
    namespace: dict = {"__name__": "__main__"}
    exec(textwrap.dedent(source), namespace)
    return namespace[name]
