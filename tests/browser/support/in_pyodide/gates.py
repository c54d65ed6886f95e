"""Gates: a task waits at one until somebody opens it. That orders events without sleeping.

The test server (support/servers.py) keeps them, and whoever waits does it in a request: page, host
and pool workers have nothing else in common on which Python could wait.
"""

from __future__ import annotations

import uuid

from pyodide.http import pyfetch


class Gate:
    """One gate, closed at first. Pickles as itself."""

    def __init__(self) -> None:
        self.url = f"/gates/{uuid.uuid4().hex}"

    def wait(self) -> None:
        """Block until it is open. For workers."""
        self._request("GET")

    async def reached(self) -> None:
        """Until somebody waits at it, or it is open."""
        await pyfetch(f"{self.url}/reached")

    def open(self) -> None:
        self._request("POST")

    def _request(self, method: str) -> None:
        from js import XMLHttpRequest

        request = XMLHttpRequest.new()
        request.open(method, self.url, False)  # synchronous
        request.send()


def pass_through(gate: Gate, value: object = None) -> object:
    """A task that waits at a gate and returns `value`."""
    gate.wait()
    return value
