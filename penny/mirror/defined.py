"""Modules of what JavaScript defines from a source: each worker makes its own, one for a source.

Tasks refer to what is in them by the source, so a worker that has not run it yet makes the module
when a job needs it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

__all__ = ["DEFINED", "Globals", "define", "member", "namespace", "reference"]

DEFINED = "penny.mirror.defined."
"""Before the name, in the `__module__` of what was defined."""

SOURCES = 256
"""Sources whose modules are kept: a page may make a source for each call."""

_SOURCE = "__penny_source__"


def define(name: str, source: str) -> Callable[..., Any]:
    """The function `name` that `source` defines, or the value of `source` if it is an expression.

    Raises:
        SyntaxError: In the source.
        LookupError: The source defines no function of that name.
    """
    return _defined_by(name, source)[1]


def member(name: str, source: str, path: str) -> Any:
    """What a source defines beside the function that it is for, by its name. Called by pickles."""
    found: Any = _defined_by(name, source)[0]
    for each in path.split("."):
        found = getattr(found, each)
    return found


def namespace(name: str, source: str) -> dict[str, Any]:
    """The globals of a source. Called by pickles."""
    return _defined_by(name, source)[0].__dict__


# Modules of sources, and what each is for: jobs between workers may refer to older ones.
_defined: OrderedDict[tuple[str, str], tuple[ModuleType, Callable[..., Any]]] = OrderedDict()


def _defined_by(name: str, source: str) -> tuple[ModuleType, Callable[..., Any]]:
    entry = _defined.get((name, source))
    if entry is None:
        entry = _defined[name, source] = _evaluated(name, source)
        if len(_defined) > SOURCES:
            _defined.popitem(last=False)
    return entry


def _evaluated(name: str, source: str) -> tuple[ModuleType, Callable[..., Any]]:
    filename = f"<{name}>"
    # A module, as classes, annotations and pickles expect it. Not __main__: that is the page's.
    module = ModuleType(DEFINED + name)
    scope = module.__dict__
    scope["__penny_source__"] = name, source
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        try:
            expression = compile(source.strip(), filename, "eval")
        except SyntaxError:
            expression = None
        if expression is None:  # not in the handler, or its errors would show that one
            exec(compile(source, filename, "exec"), scope)
            found = scope.get(name)
        else:
            found = eval(expression, scope)
        if not callable(found):
            raise LookupError(f"the source defines no function {name!r}")
    except BaseException:
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before
        raise
    return module, found


# -- For those who pickle --------------------------------------------------------------------------


class Globals:
    """Pickles as the globals of what was defined from a source."""

    def __init__(self, name: str, source: str) -> None:
        self._arguments = name, source

    def __reduce__(self) -> tuple[Any, ...]:
        return namespace, self._arguments


def globals_of(function: FunctionType) -> Globals | None:
    """How to pickle the globals of a function; None: they are not of a defined source."""
    source = function.__globals__.get(_SOURCE)
    return None if source is None else Globals(*source)


def reference(value: Any) -> tuple[Any, ...] | None:
    """How to pickle a function or class by the source that defined it; None: none has."""
    name = getattr(value, "__module__", None)
    if not isinstance(name, str) or not name.startswith(DEFINED):
        return None
    if type(value) is FunctionType:
        scope = value.__globals__
    else:
        # Of an older source, too: its module is not in sys.modules any more.
        modules = [module for module, _ in _defined.values() if module.__name__ == name]
        root = value.__qualname__.partition(".")[0]
        scopes = [vars(module) for module in modules if root in vars(module)]
        scope = next((each for each in scopes if _found(each, value.__qualname__) is value), {})
    if _SOURCE not in scope or _found(scope, value.__qualname__) is not value:
        return None
    return member, (*scope[_SOURCE], value.__qualname__)


def _found(scope: dict[str, Any], path: str) -> Any:
    root, *inner = path.split(".")
    found = scope.get(root)
    for each in inner:
        found = getattr(found, each, None)
    return found
