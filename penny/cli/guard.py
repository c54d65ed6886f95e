"""Runs a browser that can't outlive the command that wanted it.

A process of its own between the two, started as ``python -I guard.py FOLDER COMMAND…`` with a pipe
as its stdin. When that pipe closes, the command is done or dead, by whatever signal: the guard ends
the browser with all its helper processes and removes FOLDER, the browser's private one. It exits as
the browser did. Only the standard library, and nothing of Penny, so that it starts fast.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

ORDERLY = 1.0
"""Seconds that the browser gets for ending by itself (it removes files and shared memory then)."""

REMOVAL = 3.0
"""Seconds within which FOLDER must be gone; dying helpers may still write to it."""


def main() -> int:
    """Run the browser until it or the command ends."""
    folder, *command = sys.argv[1:]
    # A group of its own, so that one signal reaches the helpers too.
    try:
        browser = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        remove(folder)
        return 126
    gone = threading.Event()

    def stop(*_: object) -> None:
        signal_group(browser.pid, signal.SIGTERM)
        gone.wait(ORDERLY)
        signal_group(browser.pid, signal.SIGKILL)

    def stop_at_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: threading.Thread(target=stop).start())
    threading.Thread(target=stop_at_end_of_input, daemon=True).start()

    # WNOWAIT leaves a zombie, so that the group's number can't be given to others in between.
    os.waitid(os.P_PID, browser.pid, os.WEXITED | os.WNOWAIT)
    gone.set()
    signal_group(browser.pid, signal.SIGKILL)
    status = browser.wait()
    remove(folder)
    return status if status >= 0 else 128 - status


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def remove(folder: str) -> None:
    """Remove a folder to which dying processes may still write."""
    deadline = time.monotonic() + REMOVAL
    while os.path.exists(folder):
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
