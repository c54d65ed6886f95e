"""The errors that are Penny's own. What a task raises comes back as itself, not as one of these."""

from __future__ import annotations

import pickle
from concurrent.futures import BrokenExecutor
from typing import Any

__all__ = [
    "BlockingError",
    "BrokenPool",
    "Cancelled",
    "IsolationError",
    "KernelError",
    "PickleError",
    "RemoteError",
    "RemoteTraceback",
    "WorkerLost",
]


class IsolationError(RuntimeError):
    """The page is not cross-origin isolated, so the browser gives it no shared memory.

    Raised by `Scheduler()`. The message names the header that is missing. Serve the page with
    `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`.
    """


class BlockingError(RuntimeError):
    """The call would have to wait where waiting is impossible: on a page that can't be suspended.

    Raised by `Future.result()`, `with Scheduler()`, `concurrent.futures.wait()` and all else that
    blocks. Use the form that is awaited instead: `await future`, `async with`, `async for`.
    """


class PickleError(pickle.PicklingError):
    """A function, an argument or a result can't be sent between workers.

    The message names the function and the path of the value, such as `args[1]['lock']` or
    `result.rows[3]`. A function or an argument raises it at `submit`, with nothing queued; a result
    fails its own future. Send what the value is made from, and make it inside the task.
    """


class Untravelled(PickleError):
    """A global that something needs can't travel.

    Attributes:
        path: Of names, from what needs it.
        value: The global's value.
        reason: What pickling it raised.
    """

    def __init__(self, path: str, value: Any, reason: Exception) -> None:
        super().__init__(f"{path} can't be sent: {reason}")
        self.path = path
        self.value = value
        self.reason = reason


class WorkerLost(RuntimeError):
    """The worker that ran the task is gone: a fatal error, out of memory, or terminated.

    Only the tasks that it was running fail so. A new worker takes its place and all other tasks
    run. Submit the task again if it may run twice.
    """


class KernelError(RuntimeError):
    """A kernel trapped: an access beyond the memory, a division by zero, `unreachable`, too deep.

    Also raised where it misuses `penny_spawn` and `penny_join`. All that it had spawned has ended;
    what it had written by then stays written. The worker goes on.

    Attributes:
        kernel: The kernel's name.
        reason: What the WebAssembly engine said, or Penny.
    """

    def __init__(self, kernel: str, reason: str) -> None:
        super().__init__(kernel, reason)
        self.kernel = kernel
        self.reason = reason

    def __str__(self) -> str:
        """Both."""
        return f"kernel {self.kernel}: {self.reason}"


class Cancelled(BaseException):
    """Raised in a task that was asked to end: cancelled while it ran, or its time was over.

    It comes at whatever line the task has reached, once, and is no `Exception`, so that `except
    Exception` lets it pass. A task that catches it and returns has returned. Joining a job that was
    withdrawn before it ran raises it, too.

    Like KeyboardInterrupt it passes by a `try` whose last statement is a loop that ends with an
    `if`, when it comes at the loop's jump back: CPython 3.14 leaves that jump out of the `try`. Put
    the loop into a function of its own where every `finally` counts.

    Attributes:
        timed_out: Whether a timeout is the reason.
    """

    _occasion: object = None

    def __init__(self, timed_out: bool = False) -> None:
        super().__init__(timed_out)
        self.timed_out = timed_out
        self._occasion = object()

    def bare(self) -> Cancelled:
        """A copy that is the `same`, without traceback, context and notes."""
        copy = Cancelled(self.timed_out)
        copy._occasion = self._occasion
        return copy

    def same(self, other: BaseException | None) -> bool:
        """Whether the other one is this one, or they are copies of each other."""
        return self is other or (
            self._occasion is not None
            and isinstance(other, Cancelled)
            and self._occasion is other._occasion
        )

    def __str__(self) -> str:
        """The reason."""
        return "timed out" if self.timed_out else "cancelled"


class BrokenPool(BrokenExecutor):
    """The workers could not be started, so no task will ever run. Carries the boot error's text.

    Raised by every pending future and by later submissions. Make a new Scheduler once its cause is
    removed: often a file that is not where the page looks for it, or a fetch that was blocked.
    """


class RemoteTraceback(Exception):
    """The traceback of an exception that was raised in a worker: the cause of that exception here.

    Attributes:
        text: The traceback as the worker would have printed it, chained exceptions included.
        worker: The worker's number, or None.
    """

    def __init__(self, text: str, worker: int | None, cause: BaseException | None = None) -> None:
        super().__init__(text, worker)
        self.text = text
        self.worker = worker
        # Kept where it travels with the exception, and isn't printed: the text shows it already.
        self.__context__ = cause
        self.__suppress_context__ = True

    @property
    def tb(self) -> str:
        """`text`, by the name that it has in the remote tracebacks of CPython's pools."""
        return self.text

    @property
    def cause(self) -> BaseException | None:
        """The `__cause__` which the exception had in the worker."""
        return self.__context__

    def __str__(self) -> str:
        """The worker's number and its traceback, quoted."""
        where = "" if self.worker is None else f"in worker {self.worker}"
        return f'{where}\n"""\n{self.text.rstrip()}\n"""'


class RemoteError(RuntimeError):
    """Stands for an exception whose class could not travel, or can't be imported here.

    A note says why.

    Attributes:
        type_name: The qualified name of the exception's class.
        message: What `str()` said of it.
    """

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        """The class and the message, as a traceback would end."""
        return f"{self.type_name}: {self.message}" if self.message else self.type_name
