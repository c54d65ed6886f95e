"""The seam to JavaScript: the only module of Penny that imports anything from there.

The page registers a module `_penny_bridge` in its own Pyodide and in host workers
(`web/penny/bridge.js`). Nothing is imported before it is needed, since a memory snapshot holds this
module, and no snapshot may hold a JavaScript object.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from penny.errors import IsolationError

__all__ = [
    "ClientPort",
    "WorkerPort",
    "can_run_sync",
    "once",
    "open_client",
    "proxy",
    "role",
    "run_sync",
]


class ClientPort(Protocol):
    """`web/penny/client_port.js`: submits calls and collects outcomes."""

    def submit(self, function: int, flags: int, size: int) -> int: ...
    def submit_large(self, function: int, flags: int, data: bytes) -> int: ...
    def add_function(self, data: bytes) -> int: ...
    def drop_function(self, function: int) -> None: ...
    def cancel(self, ticket: int) -> bool: ...
    def running(self, ticket: int) -> bool: ...
    def collect(self) -> int: ...
    def collect_large(self, buffer: bytearray) -> None: ...
    def wait(self, milliseconds: float) -> None: ...
    def next_completions(self, milliseconds: float) -> Any: ...
    def on_completions(self, callback: Any) -> None: ...
    def off_completions(self) -> None: ...
    def stats(self) -> str: ...
    def closed(self) -> bool: ...
    def close(self) -> Any: ...

    @property
    def workers(self) -> int: ...
    @property
    def heap_limit(self) -> int: ...


class WorkerPort(Protocol):
    """`web/penny/worker_port.js`: gets tasks and ends them."""

    def start(self) -> int: ...
    def step(self, raised: int, size: int) -> int: ...
    def step_large(self, raised: int, data: bytes) -> int: ...
    def arguments_size(self) -> int: ...
    def read_arguments(self, buffer: bytearray) -> None: ...
    def function(self) -> Any: ...

    @property
    def heap_limit(self) -> int: ...


def _bridge() -> Any:
    try:
        import _penny_bridge
    except ImportError:
        pass
    else:
        return _penny_bridge
    from js import globalThis

    if not globalThis.crossOriginIsolated:
        raise IsolationError(
            "this page is not cross-origin isolated, so it has no shared memory: serve it with the "
            "headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: "
            "require-corp', or add data-isolate to the script tag of penny.js, or use `penny serve`"
        )
    raise RuntimeError(
        "penny.Scheduler needs the page's help here, since the page alone can start workers. On "
        "the page, load penny.js and call `await Penny.install(pyodide)`; or run this code in a "
        '<script type="text/python" data-penny> element, or with `penny run`. Inside a task there '
        "is no Scheduler to open: the task runs on one"
    )


def role() -> str:
    """Where this code runs: `page` or `host`."""
    name: str = _bridge().role
    return name


def open_client(
    workers: int | None,
    memory: int | None,
    packages: Sequence[str],
    inbox: bytearray,
    outbox: bytearray,
) -> ClientPort:
    """Open a pool and the port to submit to it. Returns at once; see `bridge.js`."""
    bridge = _bridge()
    if workers is not None and workers > bridge.workers_max:
        raise ValueError(f"workers must be at most {bridge.workers_max}")
    port: ClientPort = bridge.open(workers, memory, list(packages), inbox, outbox)
    return port


def proxy(callback: Callable[..., Any]) -> Any:
    """The callback in a form that JavaScript may keep, until it is destroyed."""
    from pyodide.ffi import create_proxy

    return create_proxy(callback)


def once(callback: Callable[..., Any]) -> Any:
    """The callback in a form that JavaScript calls once, and then lets go."""
    from pyodide.ffi import create_once_callable

    return create_once_callable(callback)


def can_run_sync() -> bool:
    """Whether this page can be suspended here and now (JSPI, entered through runPythonAsync)."""
    from pyodide.ffi import can_run_sync

    return bool(can_run_sync())


def run_sync(awaitable: Coroutine[Any, Any, Any] | Any) -> Any:
    """Suspend the page until the awaitable is done."""
    from pyodide.ffi import run_sync

    return run_sync(awaitable)
