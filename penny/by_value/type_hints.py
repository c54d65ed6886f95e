"""Type hints by value: type aliases and parameters, new types, forward references.

Most are one and the same object for all, so where they have a name they travel by it. What is
evaluated only when somebody asks, since Python 3.12 and 3.14, is not evaluated here: it may contain
itself, and names that type checkers alone know.
"""

from __future__ import annotations

import sys
import typing
from types import FunctionType
from typing import Any

from penny.by_value import rebuilding
from penny.by_value.functions import Annotator
from penny.by_value.reducing import Reducer

__all__ = [
    "reduce_forward_reference",
    "reduce_new_type",
    "reduce_type_alias",
    "reduce_type_parameter",
]

_EVALUATED = ("bound", "constraints", "default")


def reduce_forward_reference(pickler: Reducer, reference: Any) -> Any:
    """A name that is not evaluated yet: its text, and its module."""
    # What it keeps beside its text (globals, cells, the class) is found by its module.
    text, module = reference.__forward_arg__, reference.__forward_module__
    if module is None and (globals_ := getattr(reference, "__globals__", None)):
        module = globals_.get("__name__")
    if module is None and (owner := getattr(reference, "__owner__", None)):
        module = owner.__module__
    is_class = reference.__forward_is_class__
    return rebuilding.forward_reference, (text, getattr(module, "__name__", module), is_class)


def _by_name(pickler: Reducer, value: Any, name: str) -> Any:
    """How to pickle by its name what is no function and no class; None: that has no such name.

    It is one and the same on each side, which is all that some of them are for.
    """
    named: Any = name
    if pickler.pickling is not None:
        named = pickler.pickling.named(value, name)
    elif value.__module__ == "__main__":
        return None
    if isinstance(named, str):
        found = getattr(sys.modules.get(value.__module__), name, None)
        return named if found is value else None
    return named


def reduce_type_alias(pickler: Reducer, alias: Any) -> Any:
    """A `type` statement's alias: by its name, or by value, not evaluated."""
    named = _by_name(pickler, alias, alias.__name__)
    if named is not None:
        return named
    name, module, parameters = alias.__name__, alias.__module__, alias.__type_params__
    evaluate = getattr(alias, "evaluate_value", None)
    if type(evaluate) is not FunctionType:  # made by a call, with its value
        try:
            value = alias.__value__
        except NameError as error:  # known to type checkers alone
            value = typing.ForwardRef(str(error.name))
        return rebuilding.type_alias, (name, value, parameters)
    # Nothing is evaluated: it may contain itself, and names that type checkers alone know.
    for i, parameter in enumerate(parameters):
        pickler.parameters[id(parameter)] = alias, i
    return (
        rebuilding.lazy_alias,
        (name, module, [_form_of_parameter(each) for each in parameters]),
        (Annotator(evaluate), [_evaluators(pickler, each) for each in parameters]),
        None,
        None,
        rebuilding.set_lazy_alias,
    )


def reduce_type_parameter(pickler: Reducer, parameter: Any) -> Any:
    """A type parameter: by its name, with its alias, or by value."""
    owner = pickler.parameters.get(id(parameter))
    if owner is not None:
        return rebuilding.parameter_of, owner
    named = _by_name(pickler, parameter, parameter.__name__)
    if named is not None:
        return named
    if not hasattr(parameter, "evaluate_default"):  # before Python 3.14
        return pickler.usual(parameter)
    if not getattr(parameter, "__infer_variance__", True) or parameter.__module__ != "typing":
        return rebuilding.made_parameter, (*_made_by(parameter), parameter.__module__)
    return (
        rebuilding.type_parameter,
        (_form_of_parameter(parameter),),
        _evaluators(pickler, parameter),
        None,
        None,
        rebuilding.set_type_parameter,
    )


def _evaluators(pickler: Reducer, parameter: Any) -> dict[str, Any]:
    found = {name: getattr(parameter, "evaluate_" + name, None) for name in _EVALUATED}
    return {
        # C's own evaluator has but the value.
        name: Annotator(each) if type(each) is FunctionType else (each(1),)
        for name, each in found.items()
        if each is not None
    }


def reduce_new_type(pickler: Reducer, kind: Any) -> Any:
    """A `typing.NewType`: by its name, or by value."""
    named = _by_name(pickler, kind, kind.__name__)
    if named is not None:
        return named
    return rebuilding.new_type, (kind.__name__, kind.__supertype__, kind.__module__)


def _form_of_parameter(parameter: Any) -> tuple[str, str, tuple[str, ...]]:
    """Its kind, as a type parameter's syntax has it, its name, and what is said of it."""
    kind = {"TypeVarTuple": "*", "ParamSpec": "**"}.get(type(parameter).__name__, "")
    said = tuple(n for n in _EVALUATED if getattr(parameter, "evaluate_" + n, None) is not None)
    return kind, parameter.__name__, said


def _made_by(parameter: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The call that makes a type parameter: kind, positional and keyword arguments."""
    keywords = {}
    for name in ("covariant", "contravariant", "infer_variance"):
        if getattr(parameter, f"__{name}__", False):
            keywords[name] = True
    if getattr(parameter, "__bound__", None) is not None:
        keywords["bound"] = parameter.__bound__
    if parameter.has_default():
        keywords["default"] = parameter.__default__
    constraints = getattr(parameter, "__constraints__", ())
    return type(parameter).__name__, (parameter.__name__, *constraints), keywords
