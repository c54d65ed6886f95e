"""Random numbers in workers: each worker draws its own, however a script came by its generator.

The functions of the module `random` are methods of a generator that it hides, and travel by name:
each worker has a hidden generator of its own, which is seeded when the worker starts. A generator
that functions and classes refer to (a global, a default, in a closure, in an attribute) is made
anew in each worker that they arrive at, seeded by the system, whatever it was seeded with. One
among arguments or results is data: it arrives in the state that it has.
"""

from __future__ import annotations

import copyreg
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["generators_anew", "reduce_generator", "register_numpy"]

# The one whose methods are random.random, random.randint, …
_hidden: random.Random = random._inst

_anew: ContextVar[bool] = ContextVar("penny.generators_anew", default=False)


@contextmanager
def generators_anew() -> Iterator[None]:
    """While functions and what they refer to are pickled: generators go without their state."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


def reduce_generator(value: Any) -> Any:
    """For a pickler's `reducer_override`: how to pickle a generator without its state.

    Returns:
        What `__reduce__` would; NotImplemented if it is no generator, or outside of
        `generators_anew`.
    """
    if not _anew.get():
        return NotImplemented
    kind = type(value)
    if issubclass(kind, random.Random):
        # One that has its own idea of what it is made of is left to that.
        if value is _hidden or kind.__reduce__ is not random.Random.__reduce__:
            return NotImplemented
        return kind, ()
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        if issubclass(kind, numpy.BitGenerator):
            return kind, ()
        if issubclass(kind, numpy.Generator):
            return kind, (value.bit_generator,)
        if issubclass(kind, numpy.RandomState) and value is not _hidden_of_numpy():
            return kind, ()
    return NotImplemented


def _reduce(value: random.Random) -> Any:
    # A text is the name of a global of the class's module.
    return "_inst" if value is _hidden else value.__reduce__()


def _reduce_system_random(value: random.SystemRandom) -> Any:
    return type(value), ()  # it has no state, and Random's method asks for it


copyreg.pickle(random.Random, _reduce)
copyreg.pickle(random.SystemRandom, _reduce_system_random)


# -- NumPy -----------------------------------------------------------------------------------------


def register_numpy() -> None:
    """Have NumPy's hidden generator travel by name, too, once NumPy is imported."""
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None and numpy.RandomState not in copyreg.dispatch_table:
        copyreg.pickle(numpy.RandomState, _reduce_random_state)


def _hidden_of_numpy() -> Any:
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _reduce_random_state(value: Any) -> Any:
    return "_rand" if value is _hidden_of_numpy() else value.__reduce__()
