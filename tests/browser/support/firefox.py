"""Headless Firefox, driven by WebDriver BiDi, which it speaks itself: Debian has no geckodriver.

It has as much of Selenium's interface as `Page` uses. A test that asks for more, which only
Chromium has (its protocol for developers, its process, its log), is skipped and says so.
"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
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


# Starts the same, and does not wait for it: that is told to who listens at the URL.
_UNOBSERVED = """source_and_values => {
  const [source, values, told] = JSON.parse(source_and_values);
  globalThis.__answer = undefined;
  new Function(source)(...values, value => {
    globalThis.__answer = value ?? null;
    navigator.sendBeacon(told);
  });
  return 'null';
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
        self._renamed: dict[str, str] = {}
        self.switch_to = _SwitchTo(self)
        try:
            self._observe()
        except BaseException:
            self.quit()
            raise
        self.current_window_handle = self.window_handles[0]

    def _observe(self) -> None:
        self._socket = websocket.create_connection(
            f"{self._address()}/session", suppress_origin=True
        )
        self._command("session.new", capabilities={})

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

    def execute_unobserved_script(self, source: str, *values: Any) -> Any:
        """Like `execute_async_script`, of pages whose workers start workers.

        In Firefox 153 `new Worker` in a worker may not return while a driver observes: it waits for
        a condition variable on which the new worker waits as well, and one of them is woken. So the
        session ends until the page tells that it is done.
        """
        handles = self.window_handles
        with _listening() as (url, told):
            arguments = json.dumps([source, values, url])
            self._call_function(_UNOBSERVED, arguments, PATIENCE)
            self._command("session.end")
            self._socket.close()
            done = told.wait(self._script_timeout)
            self._observe()
        # Each session has names of its own for the tabs.
        self._renamed |= dict(zip(handles, self.window_handles, strict=True))
        self.switch_to.window(self.current_window_handle)
        if not done:
            raise TimeoutException(f"the page did not tell within {self._script_timeout:g} s")
        return self.execute_script("return globalThis.__answer")

    def execute_script(self, source: str, *values: Any) -> Any:
        return self._call(_SYNC, source, values)

    def _call(self, function: str, source: str, values: tuple[Any, ...]) -> Any:
        return self._call_function(function, json.dumps([source, values]), self._script_timeout)

    def _call_function(self, function: str, argument: str, timeout: float) -> Any:
        answer = self._command(
            "script.callFunction",
            timeout=timeout,
            functionDeclaration=function,
            arguments=[{"type": "string", "value": argument}],
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


@contextlib.contextmanager
def _listening() -> Iterator[tuple[str, threading.Event]]:
    """A URL, and what is set when somebody sends anything there."""
    told = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", told
        finally:
            server.shutdown()


class _SwitchTo:
    def __init__(self, firefox: Firefox) -> None:
        self._firefox = firefox

    def new_window(self, kind: str) -> None:
        context = self._firefox._command("browsingContext.create", type=kind)
        self._firefox.current_window_handle = context["context"]

    def window(self, handle: str) -> None:
        while handle in self._firefox._renamed:
            handle = self._firefox._renamed[handle]
        self._firefox.current_window_handle = handle
