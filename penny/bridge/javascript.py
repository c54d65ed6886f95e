"""What Python calls of JavaScript: in Penny only this room imports anything from there.

The page registers a module `_penny_bridge` in its own Pyodide and in host workers
(`web/penny/ports/bridge.js`); where none has, Penny does so itself (`embedded.py`). Nothing is
imported before it is needed, since a memory snapshot holds this module, and no snapshot may hold a
JavaScript object. What the objects are that JavaScript gives is in `penny.bridge.ports`.
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

from penny.bridge.ports import ClientPort, WorkerPort
from penny.errors import IsolationError
from penny.where import IN_BROWSER

__all__ = [
    "KernelCaller",
    "begin",
    "can_run_sync",
    "contents",
    "end_suspension",
    "file_system",
    "files_in",
    "functions",
    "is_global",
    "is_page",
    "nap",
    "nap_by",
    "once",
    "open_client",
    "open_messages",
    "proxy",
    "role",
    "run_sync",
    "say_why",
    "shares_memory",
    "thrown",
]


def _bridge() -> Any:
    try:
        import _penny_bridge
    except ImportError:
        pass
    else:
        return _penny_bridge
    from penny.bridge import embedded

    embedded.install()
    import _penny_bridge

    return _penny_bridge


NOT_ISOLATED = (
    "this page is not cross-origin isolated, so it has no shared memory: serve it with the "
    "headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: "
    "require-corp', or add data-isolate to the script tag of penny.js, or use `penny serve`. In a "
    "notebook it is the notebook's server that has to send both headers, with all of its files: "
    "`jupyter lite serve` has a setting for that. Without them the engine 'messages' works"
)


def shares_memory() -> bool:
    """Whether this page, or worker, has shared memory."""
    return bool(_bridge().shares_memory)


def begin() -> None:
    """Where programs block, begin now with what has to run by then. At the import, in a browser."""
    import js

    if hasattr(js, "document") or hasattr(js.WebAssembly, "Suspending"):
        return  # a page never blocks, and what can be suspended need not
    from penny.bridge import embedded

    embedded.begin()


def role() -> str:
    """Where this code runs: `page`, `host`, or `kept`, a worker that another worker serves."""
    name: str = _bridge().role
    return name


class Beginning(Protocol):
    """What workers begin with: `penny.mirror.installed.Beginning`."""

    @property
    def packages(self) -> list[str]: ...
    @property
    def files(self) -> Iterable[str]: ...
    @property
    def left_out(self) -> list[str]: ...


def _crossing(beginning: Beginning) -> tuple[list[str], str, str]:
    files, left_out = json.dumps(list(beginning.files)), json.dumps(beginning.left_out)
    return beginning.packages, files, left_out


def _checked(workers: int | None) -> int | None:
    most = _bridge().workers_max
    if workers is not None and workers > most:
        raise ValueError(f"workers must be at most {most}")
    return workers


def open_client(
    workers: int | None,
    memory: int | None,
    beginning: Beginning,
    check: bool,
    trace: bool | None,
    inbox: bytearray,
    outbox: bytearray,
) -> ClientPort:
    """Open a pool and the port to submit to it. Returns at once; see `bridge.js`."""
    bridge = _bridge()
    if not bridge.shares_memory:
        raise IsolationError(NOT_ISOLATED)
    port: ClientPort = bridge.open(
        _checked(workers),
        memory,
        *_crossing(beginning),
        check,
        trace,
        inbox,
        outbox,
    )
    return port


def open_messages(
    workers: int | None,
    beginning: Beginning,
    check: bool,
    inbox: bytearray,
    outbox: bytearray,
) -> ClientPort:
    """Start workers that get messages, and open the port to submit to them. Returns at once."""
    bridge = _bridge()
    port: ClientPort = bridge.open_messages(
        _checked(workers),
        *_crossing(beginning),
        check,
        inbox,
        outbox,
    )
    return port


def functions(**each: Callable[..., Any]) -> Any:
    """An object of JavaScript's with functions that it may keep and call, for ever."""
    if not IN_BROWSER:
        return each
    from js import Object
    from pyodide.ffi import to_js

    proxies = {name: proxy(function) for name, function in each.items()}
    return to_js(proxies, dict_converter=Object.fromEntries)


def files_in(folders: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The files in these folders and below: size in bytes, and when changed in ms since 1970.

    To ask Python costs a tenth of a millisecond for each.
    """
    found = json.loads(_bridge().files_in(json.dumps(folders)))
    return {path: (size, changed) for path, size, changed in found}


def contents(paths: Sequence[str]) -> bytes:
    """What is in these files, one after the other."""
    found: bytes = _bridge().contents(json.dumps(paths)).to_bytes()
    return found


def file_system() -> Any:
    """Emscripten's file system, which is this interpreter's."""
    import pyodide_js

    return pyodide_js.FS


def proxy(callback: Callable[..., Any]) -> Any:
    """The callback in a form that JavaScript may keep, until it is destroyed."""
    if not IN_BROWSER:
        return callback
    from pyodide.ffi import create_proxy

    return create_proxy(callback)


def once(callback: Callable[..., Any]) -> Any:
    """The callback in a form that JavaScript calls once, and then lets go."""
    from pyodide.ffi import create_once_callable

    return create_once_callable(callback)


class KernelCaller:
    """How a pool worker calls kernels.

    Args:
        port: The worker's.
    """

    def __init__(self, port: WorkerPort) -> None:
        # Bound once: each look-up on a JavaScript object is a crossing of its own.
        self.call = port.call_kernel
        """Calls a kernel once: `WorkerPort.call_kernel`."""
        self.range = port.kernel_range
        """Calls a kernel for each number of a range: `WorkerPort.kernel_range`."""
        self.arguments: Callable[[list[Any]], Any] = list
        """A list of numbers as an array of JavaScript's."""
        self.wide: Callable[[int], int] = int
        """A number of 64 bits, which JavaScript takes and gives as a bigint."""
        if IN_BROWSER:
            from pyodide.ffi import to_js

            try:
                from pyodide.ffi import JsBigInt
            except ImportError:  # before Pyodide 314
                self.arguments = _with_bigints
                self.wide = _Wide
            else:
                self.arguments = to_js
                self.wide = JsBigInt


class _Wide(int):
    """What is to be a bigint in JavaScript."""


def _with_bigints(values: list[Any]) -> Any:
    """An array of JavaScript's. Only elements of a typed array become bigints whatever they are."""
    import js
    from pyodide.ffi import to_js

    flat = to_js([])
    for value in values:
        if isinstance(value, _Wide):
            wide = to_js(array("q" if value < 0 else "Q", [value]))
            flat = flat.concat(js.Array.from_(wide))
        else:
            flat.push(value)
    return flat


def thrown(error: BaseException) -> tuple[str, str] | None:
    """Name and message of an error that JavaScript threw; None if it comes from elsewhere."""
    if not IN_BROWSER:
        return None
    from pyodide.ffi import JsException

    return (error.name, error.message) if isinstance(error, JsException) else None


def global_names() -> Any:
    """What has JavaScript's global names as attributes."""
    import js

    return js


def say_why() -> None:
    """Say in the console, once, why tasks go by messages."""
    _bridge().say_why()


def is_page() -> bool:
    """Whether this interpreter runs on a page, whose document it may use; else in a worker."""
    import js

    return hasattr(js, "document")


def is_global(value: object) -> bool:
    """Whether the value is what JavaScript's global names are attributes of: `js`, `globalThis`."""
    import js
    from pyodide.ffi import JsProxy

    if value is js:
        return True
    return isinstance(value, JsProxy) and bool(value.js_id == js.globalThis.js_id)


def can_run_sync() -> bool:
    """Whether this page can be suspended here and now (JSPI, entered through runPythonAsync)."""
    from pyodide.ffi import can_run_sync

    return bool(can_run_sync())


def run_sync(
    awaitable: Coroutine[Any, Any, Any] | Any, interrupt: Callable[[], object] | None = None
) -> Any:
    """Suspend the page until the awaitable is done.

    Args:
        awaitable: What is waited for.
        interrupt: What ends it early, with any result, for Ctrl-C; None: Ctrl-C does not.

    Raises:
        BaseException: What `end_suspension` has ended it by.
    """
    from pyodide.ffi import run_sync

    if interrupt is None:
        return run_sync(awaitable)
    suspension = _Suspension(interrupt)
    _suspensions.append(suspension)
    try:
        value = run_sync(awaitable)
    finally:
        _suspensions.remove(suspension)
    if suspension.error is not None:
        raise suspension.error
    return value


class _Suspension:
    """Somebody who waits suspended, and can be interrupted."""

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self.interrupt = interrupt
        self.error: BaseException | None = None


_suspensions: list[_Suspension] = []


def end_suspension(error: BaseException) -> bool:
    """Let whoever was suspended last raise it. False: nobody is whom that could reach."""
    for suspension in reversed(_suspensions):
        if suspension.error is None:
            suspension.error = error
            suspension.interrupt()
            return True
    return False


_nap: Callable[[float], Any] | None = None


def nap(seconds: float) -> None:
    """Sleep, in a worker: there `time.sleep` keeps a processor busy."""
    global _nap
    if not IN_BROWSER:
        time.sleep(seconds)
        return
    if _nap is None and not hasattr(global_names(), "SharedArrayBuffer"):
        _nap = lambda milliseconds: time.sleep(milliseconds / 1000)  # noqa: E731
    if _nap is None:
        from js import Atomics, Int32Array, SharedArrayBuffer

        word, wait = Int32Array.new(SharedArrayBuffer.new(4)), Atomics.wait
        _nap = lambda milliseconds: wait(word, 0, 0, milliseconds)  # noqa: E731
    _nap(seconds * 1000)


def nap_by(wait: Callable[[float], Any]) -> None:
    """Let `nap` sleep by `wait`, which takes milliseconds."""
    global _nap
    _nap = wait
