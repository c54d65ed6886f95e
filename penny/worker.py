"""A pool worker's loop: take a task, run it, hand back its outcome, until the scheduler stops.

Where tasks come from, and sleep, is the core's (`wasm_core/stealing.c`). Here is what Python adds:
the function by its serial, arguments and outcomes as pickles.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from penny import _current
from penny._bridge import WorkerPort
from penny.functions import loads_function
from penny.wire import dumps, dumps_exception, dumps_result, loads, qualified_name

__all__ = ["main"]

INBOX_BYTES = 1 << 16
OUTBOX_BYTES = 1 << 16

# Functions that this worker keeps unpickled. A program that makes a new one for each task would
# else fill the memory; what was dropped is loaded again when it is needed.
FUNCTIONS_MAX = 1024

# Bits of the code that the port returns for a task; the rest is the function's serial.
HAS_KWARGS, IS_LARGE = 1, 2
SERIAL_SHIFT = 2


def main(worker: int, open_port: Callable[[bytearray, bytearray], WorkerPort]) -> None:
    """Run tasks until the scheduler stops.

    Args:
        worker: This worker's number.
        open_port: Makes the port to the core from an inbox and an outbox.
    """
    _current.worker = worker
    inbox = bytearray(INBOX_BYTES)
    outbox = bytearray(OUTBOX_BYTES)
    outbox_view = memoryview(outbox)
    port = open_port(inbox, outbox)
    step = port.step
    functions: dict[int, Callable[..., Any]] = {}

    code = port.start()
    while code >= 0:
        raised = 0
        try:
            function = functions.get(code >> SERIAL_SHIFT)
            if function is None:
                function = _load(port, functions, code >> SERIAL_SHIFT)
            arguments = loads(_read(port) if code & IS_LARGE else inbox)
        except BaseException as error:
            error.add_note("(while unpickling a task in a worker)")
            raised = 1
            data = dumps_exception(error)
        else:
            try:
                if code & HAS_KWARGS:
                    result = function(*arguments[0], **arguments[1])
                else:
                    result = function(*arguments)
                try:
                    data = dumps(result)
                except MemoryError:
                    raise
                except Exception:
                    data = dumps_result(qualified_name(function), result)
            except BaseException as error:  # also SystemExit and KeyboardInterrupt: its outcome
                raised = 1
                # Without this function's own frame, which tells the user nothing.
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                data = dumps_exception(error)
        # Nothing of the task is kept alive while the worker sleeps.
        arguments = result = None
        size = len(data)
        if size <= OUTBOX_BYTES:
            outbox_view[:size] = data
            code = step(raised, size)
        else:
            if size > port.heap_limit:
                raised, data = 1, dumps_exception(_too_large(function, size, port.heap_limit))
            code = port.step_large(raised, data)
    # What was printed without an end of line, too.
    for stream in sys.stdout, sys.stderr:
        stream.flush()
        os.fsync(stream.fileno())


def _load(port: WorkerPort, functions: dict[int, Callable[..., Any]], serial: int) -> Any:
    function = functions[serial] = loads_function(port.function().to_bytes())
    if len(functions) > FUNCTIONS_MAX:
        del functions[next(iter(functions))]
    return function


def _read(port: WorkerPort) -> bytearray:
    buffer = bytearray(port.arguments_size())
    port.read_arguments(buffer)
    return buffer


def _too_large(function: Callable[..., Any] | None, size: int, limit: int) -> MemoryError:
    return MemoryError(
        f"the result of {qualified_name(function)} takes {size} bytes, more than the scheduler's "
        f"shared heap of {limit} bytes can ever hold: give the Scheduler a larger memory="
    )
