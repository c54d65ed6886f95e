"""Functions that JavaScript names: by import path, by source, or as a kernel of a module.

Called when such a function is unpickled in a worker; `web/penny/wire/functions.js` writes the
pickles.
"""

from __future__ import annotations

import builtins
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from penny.kernels.kernel import Kernel, kernel_at
from penny.mirror.defined import DEFINED, define
from penny.wire.pickles import qualified_name

__all__ = ["define", "find", "kernel", "shown_name"]


def find(name: str) -> Callable[..., Any]:
    """The callable of that name: `operator.add`, `package.module.Class.method`, a builtin.

    Raises:
        LookupError: There is none.
        TypeError: It is a coroutine function: which it is, JavaScript sees of what it defines only.
    """
    found: Any = getattr(builtins, name, None)
    if found is None:
        try:
            found = pkgutil.resolve_name(name)
        except (ImportError, AttributeError, ValueError) as error:
            raise LookupError(
                f"no Python function is called {name!r}: name it by its import path "
                "('module.function'), or define it first (scheduler.define)"
            ) from error
    if not callable(found):
        raise LookupError(f"{name!r} is not a function but a {type(found).__name__}")
    if inspect.iscoroutinefunction(found):
        raise TypeError(
            f"{name!r} is a coroutine function: define an `async def` that awaits it "
            "(scheduler.define), and submit that"
        )
    return found  # type: ignore[no-any-return]


def kernel(module: tuple[int, bytes], name: str, signature: str) -> Kernel:
    """A kernel of a module that the scheduler of this worker has.

    Args:
        module: Its number there, and the first 16 bytes of its SHA-256.
        name: The kernel's name.
        signature: What it takes: `(f32 a, f32[] x)`.
    """
    number, digest = module
    return kernel_at(number, digest, name, signature)


def shown_name(function: Callable[..., Any]) -> str:
    """What a trace calls a function: a kernel by its name, JavaScript's by what it defined."""
    if isinstance(function, Kernel):
        return function.name
    return _defined_name(function) or qualified_name(function)


def _defined_name(function: Callable[..., Any]) -> str | None:
    """What a function was defined as, and for a helper beside it that and its name; else None."""
    module = getattr(function, "__module__", None)
    if not isinstance(module, str) or not module.startswith(DEFINED):
        return None
    name = module.removeprefix(DEFINED)
    own = getattr(function, "__qualname__", name)
    return name if own in (name, "<lambda>") else f"{name}.{own}"
