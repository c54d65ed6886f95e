"""Headless Firefox, driven by WebDriver BiDi, which it speaks itself: Debian has no geckodriver.

It has as much of Selenium's interface as `Page` uses. A test that asks for more, which only
Chromium has (its protocol for developers, its process, its log), is skipped and says so.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
from typing import Any

import pytest
import websocket
from selenium.common.exceptions import TimeoutException, WebDriverException

from penny.cli.browser import find_browser

PATIENCE = 60.0
"""Seconds that Firefox may take for what is no script."""

# In the realm of the page, so that its globals are the page's. Selenium's scripts find their
# arguments in `arguments`, and what they call when they are done as the last of these.
_ASYNC = """source_and_values => new Promise(done => {
  const [source, values] = JSON.parse(source_and_values);
  new Function(source)(...values, value => done(JSON.stringify(value ?? null)));
})"""
_SYNC = """source_and_values => {
  const [source, values] = JSON.parse(source_and_values);
  return JSON.stringify(new Function(source)(...values) ?? null);
}"""


class Firefox:
    """A browser of its own, with a profile that goes when it does."""

    def __init__(self) -> None:
        browser = find_browser("firefox")
        self._folder = browser.private_folder()
        command = [*browser.command("about:blank", self._folder), "--remote-debugging-port=0"]
        self._said = self._folder / "stderr"
        with self._said.open("w") as said:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        self._ids = itertools.count(1)
        self._script_timeout = PATIENCE
        self.switch_to = _SwitchTo(self)
        try:
            self._socket = websocket.create_connection(
                f"{self._address()}/session", suppress_origin=True
            )
            self._command("session.new", capabilities={})
        except BaseException:
            self.quit()
            raise
        self.current_window_handle = self.window_handles[0]

    def _address(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            said = self._said.read_text()
            if found := re.search(r"WebDriver BiDi listening on (\S+)\n", said):
                return found[1]
            time.sleep(0.05)
        raise WebDriverException("Firefox does not say where it listens")

    def _command(self, method: str, timeout: float = PATIENCE, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        deadline = time.monotonic() + timeout
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                answer = json.loads(self._socket.recv())
            except websocket.WebSocketTimeoutException:
                raise TimeoutException(f"{method} took longer than {timeout:g} s") from None
            if answer.get("id") != number:  # an event, or what came too late
                continue
            if answer["type"] == "error":
                raise WebDriverException(f"{answer['error']}: {answer['message']}")
            return answer["result"]

    # -- as Selenium's drivers have it -----------------------------------------------------------

    @property
    def window_handles(self) -> list[str]:
        tree = self._command("browsingContext.getTree", maxDepth=0)
        return [context["context"] for context in tree["contexts"]]

    def add_script(self, source: str) -> None:
        """Have a script run in each page of this tab before the page's own."""
        self._command(
            "script.addPreloadScript",
            functionDeclaration=f"() => {{ {source} }}",
            contexts=[self.current_window_handle],
        )

    def get(self, url: str) -> None:
        self._command(
            "browsingContext.navigate", context=self.current_window_handle, url=url, wait="complete"
        )

    def set_script_timeout(self, seconds: float) -> None:
        self._script_timeout = seconds

    def execute_async_script(self, source: str, *values: Any) -> Any:
        return self._call(_ASYNC, source, values)

    def execute_script(self, source: str, *values: Any) -> Any:
        return self._call(_SYNC, source, values)

    def _call(self, function: str, source: str, values: tuple[Any, ...]) -> Any:
        answer = self._command(
            "script.callFunction",
            timeout=self._script_timeout,
            functionDeclaration=function,
            arguments=[{"type": "string", "value": json.dumps([source, values])}],
            awaitPromise=True,
            target={"context": self.current_window_handle},
        )
        if answer["type"] == "exception":
            raise WebDriverException(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def __getattr__(self, name: str) -> Any:
        if name in ("execute_cdp_cmd", "get_log", "service"):
            pytest.skip(f"{name} is there for Chromium only")
        raise AttributeError(name)

    def close(self) -> None:
        self._command("browsingContext.close", context=self.current_window_handle)

    def quit(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class _SwitchTo:
    def __init__(self, firefox: Firefox) -> None:
        self._firefox = firefox

    def new_window(self, kind: str) -> None:
        context = self._firefox._command("browsingContext.create", type=kind)
        self._firefox.current_window_handle = context["context"]

    def window(self, handle: str) -> None:
        self._firefox.current_window_handle = handle
