"""What an engine can't be given, by its `Abilities`: refused where it is submitted, by its name.

Without this the call would fail in a worker, or, worse, a worker would find memory of its own where
the array of whoever submits was meant. A kernel is refused where a call is known to be one of it,
or has it among its arguments; deeper in a value it travels with its module, and calling it there
raises RuntimeError. An array is refused wherever the call refers to it, also from a closure: it
says no when it is pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from penny.engines.engine import Engine
from penny.kernels.kernel import Kernel, Kernels, kernel_given
from penny.memory import handles
from penny.where import IN_BROWSER

__all__ = ["Refusals", "arrays_stay"]


class Refusals:
    """What an engine is not given.

    Args:
        engine: Its name goes into the errors.
    """

    def __init__(self, engine: Engine) -> None:
        self._name = engine.name
        self._runs_kernels = engine.abilities.runs_kernels
        self._shares_arrays = engine.abilities.shares_arrays

    @classmethod
    def of(cls, engine: Engine) -> Refusals | None:
        """The refusals of an engine; None: it has both abilities, and nothing is looked at."""
        able = engine.abilities.runs_kernels and engine.abilities.shares_arrays
        return None if able else cls(engine)

    def check(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Refuse a call that the engine can't run.

        Raises:
            RuntimeError: It is given a kernel, and the engine runs none.
        """
        if not self._runs_kernels:
            kernel = kernel_given(function, args, kwargs)
            if kernel is not None:
                raise RuntimeError(_no_kernels(self._name, kernel))

    def sending(self) -> AbstractContextManager[None]:
        """A context in which the engine is handed what it is to send to its workers.

        In it a SharedArray that is pickled raises PickleError, if the engine shares none.
        """
        return nullcontext() if self._shares_arrays else arrays_stay(self._name)


def arrays_stay(engine: str) -> AbstractContextManager[None]:
    """A context in which no shared array can be pickled, since what is pickled leaves its memory.

    Args:
        engine: The name of the engine that carries the pickles.
    """
    return handles.refused(
        f"the workers of the engine {engine!r} share no memory: send a copy, as a.read(), or use "
        "an engine that shares arrays, 'pool' in a browser (`penny run`), 'serial' on plain Python"
    )


def _no_kernels(engine: str, kernel: Kernel | Kernels) -> str:
    what = f"kernel {kernel.name}" if isinstance(kernel, Kernel) else repr(kernel)
    instead = (
        "Open the Scheduler without engine="
        if IN_BROWSER
        else "Run the program with `penny run`; to test the kernel itself, compile its C file "
        "natively (see docs/kernels.md)"
    )
    return (
        f"{what} can't run on the engine {engine!r}: kernels are WebAssembly, run by the workers "
        f"of the engine 'pool' in a browser. {instead}"
    )
