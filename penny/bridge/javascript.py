"""The seam to JavaScript: no other room of Penny imports anything from there.

The page registers a module `_penny_bridge` in its own Pyodide and in host workers
(`web/penny/ports/bridge.js`); where none has, Penny does so itself (`embedded.py`). Nothing is
imported before it is needed, since a memory snapshot holds this module, and no snapshot may hold a
JavaScript object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from penny.where import IN_BROWSER

__all__ = [
    "ArraysPort",
    "ClientPort",
    "CoroutinePort",
    "KernelCaller",
    "WorkerPort",
    "can_run_sync",
    "nap",
    "once",
    "open_client",
    "proxy",
    "role",
    "run_sync",
    "thrown",
]


class ArraysPort(Protocol):
    """`web/penny/ports/arrays_port.js`: holds of shared arrays, and copies of their elements.

    Addresses are of the shared memory; types are by number, see `array_types`.
    """

    # `make` gives a number, or 0: there is no room. `hold`: whether it still lives.
    def make(self, size: int) -> int: ...
    def hold(self, number: int, serial: int) -> bool: ...
    def drop(self, number: int) -> None: ...
    def serial(self, number: int) -> int: ...
    def address(self, number: int) -> int: ...
    def size(self, number: int) -> int: ...

    def bytes(self, address: int, size: int) -> Any: ...
    def write(self, address: int, buffer: Any) -> None: ...
    def gather(
        self, address: int, strides: list[int], shape: list[int], size: int, buffer: Any
    ) -> None: ...
    def scatter(
        self, address: int, strides: list[int], shape: list[int], size: int, buffer: Any
    ) -> None: ...
    def copy(
        self,
        source: int,
        source_strides: list[int],
        target: int,
        target_strides: list[int],
        shape: list[int],
        size: int,
    ) -> None: ...

    def get(self, type: int, address: int) -> Any: ...
    def set(self, type: int, address: int, value: Any) -> None: ...
    def load(self, type: int, address: int) -> int: ...
    def update(self, operation: str, type: int, address: int, value: int) -> int: ...
    def compare_exchange(self, type: int, address: int, expected: int, value: int) -> int: ...

    @property
    def identity(self) -> int: ...
    @property
    def limit(self) -> float: ...
    @property
    def used(self) -> float: ...


class ClientPort(Protocol):
    """`web/penny/ports/client_port.js`: submits calls and collects outcomes."""

    # A *ticket* names a call; the same number is never given twice. False: the heap could never
    # hold the arguments, and nothing was queued.
    def submit(
        self,
        ticket: int,
        function: int,
        flags: int,
        size: int,
        interactive: bool,
        timeout_ms: int,
    ) -> bool: ...
    def submit_large(
        self,
        ticket: int,
        function: int,
        flags: int,
        pieces: list[Any],
        arrays: list[int],
        interactive: bool,
        timeout_ms: int,
    ) -> bool: ...

    # Whose tasks those are that are submitted from now on: a coroutine task's handle; -1: nobody's.
    def below(self, parent: int) -> None: ...
    def add_function(self, data: bytes) -> int: ...
    def drop_function(self, function: int) -> None: ...

    # Puts definitions into the function table: their place; or Refusal.NO_ROOM.
    def add_bundle(self, data: bytes) -> int: ...
    def drop_bundle(self, place: int) -> None: ...

    # Adds a module of kernels: its number, from 1; or Refusal.NO_ROOM.
    def add_kernels(self, data: bytes) -> int: ...
    def cancel(self, ticket: int) -> bool: ...
    def ask_cancel(self, ticket: int) -> bool: ...
    def running(self, ticket: int) -> bool: ...

    # Bytes of the next batch of outcomes in the inbox, 0: none; or of the last one again, if the
    # number of batches that have been taken says that it has not been.
    def collect(self, taken: int) -> int: ...
    def read_outcome(self, large: int, offset: int, buffer: Any) -> None: ...
    def release(self, large: int) -> None: ...
    def wait(self, milliseconds: float) -> None: ...
    def next_told(self, milliseconds: float) -> Any: ...
    def tell(self) -> None: ...
    def on_completions(self, callback: Any) -> None: ...
    def off_completions(self) -> None: ...
    def stats(self) -> str: ...

    # A Chrome trace as JSON; empty: nothing was recorded.
    def trace(self) -> str: ...
    def closed(self) -> bool: ...
    def close(self) -> Any: ...

    @property
    def workers(self) -> int: ...
    @property
    def heap_limit(self) -> int: ...
    @property
    def arrays(self) -> ArraysPort: ...


class WorkerPort(Protocol):
    """`web/penny/ports/worker_port.js`: gets tasks, runs them on a stack, and makes jobs public.

    A task's *code* is the function's serial << Code.SHIFT, with bits of Code. A *handle* names a
    task for as long as its slot is not used again. Numbers with a name are in
    penny/bridge/numbers.py; what they mean in wasm_core/numbers.h.
    """

    # The loop. `step` ends the innermost task, whose outcome is in the outbox, and waits for the
    # next; `finish` only ends it. Wait.STOPPED: the scheduler stops.
    def start(self) -> int: ...
    def step(self, raised: int, size: int) -> int: ...
    def finish(self, raised: int, size: int) -> None: ...
    def finish_large(self, raised: int, pieces: list[Any], arrays: list[int]) -> None: ...

    # The innermost task.
    def task(self) -> int: ...
    def entry(self) -> int: ...
    def arguments_size(self) -> int: ...
    def read_arguments(self, offset: int, buffer: Any) -> None: ...
    def arguments_read(self) -> None: ...
    def function(self) -> Any: ...

    # What is at a place of the function table; None: it is there no more.
    def bundle(self, place: int) -> Any: ...

    # The doorbell. `reasons` gives them once. `hungry`: how many workers are hungry for jobs of a
    # task on the stack.
    # `urgent`: the code of a task to be run at once; or less than 0. `cancel_asked`, of a task on
    # the stack: one of CancelReason.
    def reasons(self) -> int: ...
    def hungry(self, handle: int) -> int: ...
    def urgent(self) -> int: ...
    def cancel_asked(self, handle: int) -> int: ...

    # Promotion of a job whose arguments are in the parcel. Its handle; or one of Refusal.
    # `limit`: milliseconds that it may run; 0: no limit.
    # `parent`: handle of the task whose job it is. `alone`: whether what is promoted later may have
    # been spawned before.
    # `add_function` gives serial << Place.BITS | entry, or Refusal.NO_ROOM.
    def promote(
        self,
        entry: int,
        serial: int,
        flags: int,
        size: int,
        interactive: bool,
        limit: int,
        parent: int,
        alone: bool,
    ) -> int: ...
    def promote_large(
        self,
        entry: int,
        serial: int,
        flags: int,
        pieces: list[Any],
        arrays: list[int],
        interactive: bool,
        limit: int,
        parent: int,
        alone: bool,
    ) -> int: ...
    def add_function(self, data: bytes) -> int: ...
    def drop_function(self, entry: int) -> None: ...

    # Promoted jobs. `join` gives the code of a task to run before the next call, or what became of
    # the job, one of Joined: with outcome_size() bytes in the inbox, or to be read if that is too
    # small, until it is released; INTERRUPTED: there is a reason, CANCEL or one of those that it
    # `hears`; NOTHING: the time is over. With `help` it takes tasks that belong to the join: see
    # wasm_core/tables/belonging.c.
    def take_back(self, handle: int) -> bool: ...
    def join(self, handle: int, help: bool, hears: int, milliseconds: float) -> int: ...
    def outcome_size(self) -> int: ...
    def read_outcome(self, offset: int, buffer: Any) -> None: ...
    def outcome_worker(self) -> int: ...
    def outcome_asked(self) -> int: ...
    def release(self, handle: int) -> None: ...
    def begun(self, handle: int) -> bool: ...
    def ended(self, handle: int) -> bool: ...
    def ask_cancel(self, handle: int) -> bool: ...

    # Kernels. `add_kernels` gives a module's number, or Refusal.NO_ROOM. The next two call
    # an exported function, see KernelCaller: once; or for each i from low to high - 1, 32 bits,
    # with i before the arguments. A call that did not return is a
    # JavaScript error, named KernelTrap, KernelCancelled, KernelLost or KernelMisuse. `on_task`
    # says what runs a task that a kernel's join has found, which `begin` then puts on the stack,
    # giving its code.
    def add_kernels(self, data: bytes) -> int: ...
    def kernel_signatures(self, module: int) -> str: ...
    def call_kernel(self, module: int, name: str, args: Any) -> Any: ...
    def kernel_range(self, module: int, name: str, low: int, high: int, args: Any) -> None: ...
    def on_task(self, run: Any) -> None: ...
    def begin(self, task: int) -> int: ...

    def stats(self) -> str: ...

    # `trace`: a Chrome trace as JSON; empty: nothing is recorded, as `traced` says.
    def trace(self) -> str: ...
    def name_function(self, serial: int, name: str) -> None: ...

    @property
    def traced(self) -> bool: ...

    @property
    def heap_limit(self) -> int: ...
    @property
    def workers(self) -> int: ...
    @property
    def arrays(self) -> ArraysPort: ...


class CoroutinePort(Protocol):
    """`web/penny/ports/coroutine_port.js`: gets coroutine tasks and ends them, many at once."""

    def attend(self, look: Any) -> Any: ...
    def take(self) -> int: ...
    def serial(self, handle: int) -> int: ...
    def has_kwargs(self, handle: int) -> bool: ...
    def function(self, handle: int) -> Any: ...
    def bundle(self, place: int) -> Any: ...
    def arguments_size(self, handle: int) -> int: ...
    def read_arguments(self, handle: int, offset: int, buffer: Any) -> None: ...
    def arguments_read(self, handle: int) -> None: ...
    def finish(self, handle: int, raised: int, size: int) -> None: ...
    def finish_large(
        self, handle: int, raised: int, pieces: list[Any], arrays: list[int]
    ) -> None: ...
    def reasons(self) -> int: ...
    def cancel_asked(self, handle: int) -> int: ...
    def name_function(self, serial: int, name: str) -> None: ...

    @property
    def traced(self) -> bool: ...
    @property
    def heap_limit(self) -> int: ...


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


def role() -> str:
    """Where this code runs: `page` or `host`."""
    name: str = _bridge().role
    return name


def open_client(
    workers: int | None,
    memory: int | None,
    packages: Sequence[str],
    check: bool,
    trace: bool | None,
    inbox: bytearray,
    outbox: bytearray,
) -> ClientPort:
    """Open a pool and the port to submit to it. Returns at once; see `bridge.js`."""
    bridge = _bridge()
    if workers is not None and workers > bridge.workers_max:
        raise ValueError(f"workers must be at most {bridge.workers_max}")
    port: ClientPort = bridge.open(workers, memory, list(packages), check, trace, inbox, outbox)
    return port


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
        """See WorkerPort."""
        self.range = port.kernel_range
        """See WorkerPort."""
        self.arguments: Callable[[list[Any]], Any] = list
        """A list of numbers as an array of JavaScript's."""
        self.wide: Callable[[int], int] = int
        """A number of 64 bits, which JavaScript takes and gives as a bigint."""
        if IN_BROWSER:
            from pyodide.ffi import JsBigInt, to_js

            self.arguments = to_js
            self.wide = JsBigInt


def thrown(error: BaseException) -> tuple[str, str] | None:
    """Name and message of an error that JavaScript threw; None if it comes from elsewhere."""
    if not IN_BROWSER:
        return None
    from pyodide.ffi import JsException

    return (error.name, error.message) if isinstance(error, JsException) else None


def can_run_sync() -> bool:
    """Whether this page can be suspended here and now (JSPI, entered through runPythonAsync)."""
    from pyodide.ffi import can_run_sync

    return bool(can_run_sync())


def run_sync(awaitable: Coroutine[Any, Any, Any] | Any) -> Any:
    """Suspend the page until the awaitable is done."""
    from pyodide.ffi import run_sync

    return run_sync(awaitable)


_nap: Callable[[float], Any] | None = None


def nap(seconds: float) -> None:
    """Sleep, in a worker: there `time.sleep` keeps a processor busy."""
    global _nap
    if not IN_BROWSER:
        time.sleep(seconds)
        return
    if _nap is None:
        from js import Atomics, Int32Array, SharedArrayBuffer

        word, wait = Int32Array.new(SharedArrayBuffer.new(4)), Atomics.wait
        _nap = lambda milliseconds: wait(word, 0, 0, milliseconds)  # noqa: E731
    _nap(seconds * 1000)
