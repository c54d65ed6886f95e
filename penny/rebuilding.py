"""Putting functions and classes together that have travelled by value (`penny.by_value`).

Called by pickles. Whatever is made here is registered by its number before its state is set, so
that what it refers to may refer to it; what is here already is taken as it is, and only those of
its attributes change that are new at the other side. What was made here never changes.
"""

from __future__ import annotations

import abc
import builtins
import contextlib
import enum
import functools
import importlib
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, cast

from penny.identities import identity_of, known, registered

__all__ = [
    "cached_function",
    "context_variable",
    "empty_cell",
    "enum_member",
    "fill_cell",
    "forward_reference",
    "from_js",
    "make_class",
    "make_function",
    "make_generic",
    "module_named",
    "namespace_of",
    "set_class",
    "set_function",
    "set_generic",
]


def imported_namespace(name: str) -> dict[str, Any]:
    """The globals of the module of that name."""
    return importlib.import_module(name).__dict__


namespaces: Callable[[str], dict[str, Any]] = imported_namespace
"""The globals of functions of a module, by the name that the other side gave it."""


# -- Functions -------------------------------------------------------------------------------------


def make_function(
    uid: int | None, code: CodeType, home: Any, name: str, cells: tuple[CellType, ...]
) -> FunctionType:
    """A function without its state.

    Args:
        uid: Its number, if it has a name in a module; None: it is a new one each time.
        code: Its code.
        home: The name of its module, or a dictionary that came along.
        name: Its `__name__`.
        cells: Of its closure, empty yet.
    """
    if uid is not None and (here := known(uid)) is not None:
        return cast(FunctionType, here)
    if isinstance(home, str):
        home = namespaces(home)
    home.setdefault("__builtins__", builtins)
    function = FunctionType(code, home, name, None, cells or None)
    if uid is not None:
        identity_of(function, uid)
    return function


_SETTABLE = frozenset(
    {
        "__code__",
        "__name__",
        "__qualname__",
        "__module__",
        "__doc__",
        "__defaults__",
        "__kwdefaults__",
        "__annotations__",
        "__annotate__",
        "__type_params__",
    }
)


def set_function(
    function: FunctionType, state: tuple[dict[str, tuple[int, Any]], list[str], dict[str, Any]]
) -> None:
    """Set what is new of a function's parts, and bring globals that came along."""
    numbered, imports, along = state
    function.__globals__.update(along)
    for name in imports:
        with contextlib.suppress(ImportError):  # it may never be used
            importlib.import_module(name)
    # A function without a number is new: so is all of it.
    identity = registered(function)
    if identity is None:
        new, gone = {name: value for name, (_, value) in numbered.items()}, set[str]()
    else:
        new, gone = identity.renewed(numbered)
    for name, value in new.items():
        if name in _SETTABLE:
            if name == "__code__" and value.co_freevars != function.__code__.co_freevars:
                continue
            setattr(function, name, value)
        elif name[0] == "(":
            assert function.__closure__ is not None
            function.__closure__[int(name[1:])].cell_contents = value
        else:
            function.__dict__[name[1:]] = value
    for name in gone:
        if name[0] == ".":
            function.__dict__.pop(name[1:], None)


def empty_cell() -> CellType:
    """A closure's cell, which is filled when its function has been made."""
    return CellType()


def fill_cell(cell: CellType, value: Any) -> None:
    """Fill the cell."""
    cell.cell_contents = value


def cached_function(
    uid: int | None, function: Callable[..., Any], parameters: dict[str, Any]
) -> Any:
    """A function of `functools.lru_cache`, whose cache is this worker's own."""
    if uid is not None and (here := known(uid)) is not None:
        return here
    made = functools.lru_cache(**parameters)(function)
    if uid is not None:
        identity_of(made, uid)
    return made


def make_generic(uid: int | None) -> Any:
    """A function of `functools.singledispatch`, without what it is generic in."""
    if uid is not None and (here := known(uid)) is not None:
        return here
    made = functools.singledispatch(lambda _: None)
    if uid is not None:
        identity_of(made, uid)
    return made


def set_generic(
    function: Any, state: tuple[dict[str, str], dict[str, Any], dict[type, Callable[..., Any]]]
) -> None:
    """Set its names, attributes and implementations."""
    identity = registered(function)
    if identity is not None and identity.own:
        return
    names, attributes, registry = state
    for name, value in names.items():
        setattr(function, name, value)
    function.__dict__.update(attributes)
    cells = dict(
        zip(function.dispatch.__code__.co_freevars, function.dispatch.__closure__, strict=True)
    )
    own = cells["registry"].cell_contents
    own.clear()
    own.update(registry)
    function._clear_cache()


def forward_reference(text: str, module: str | None, is_class: bool) -> typing.ForwardRef:
    """What an annotation says that names what is not there."""
    if sys.version_info >= (3, 14):
        return typing.ForwardRef(text, module=module, is_class=is_class)
    return typing.ForwardRef(text, False, module, is_class=is_class)


def context_variable(name: str, *default: Any) -> ContextVar[Any]:
    """A context variable of a module."""
    return ContextVar(name, default=default[0]) if default else ContextVar(name)


# -- Classes ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _untold(bases: tuple[type, ...]) -> Iterator[None]:
    """Keep the bases of a class from being told of it: they have been, where it was defined."""
    owners = (each for base in bases for each in base.__mro__ if each is not object)
    owner = next((each for each in owners if "__init_subclass__" in vars(each)), None)
    if owner is None:
        yield
        return
    hook = vars(owner)["__init_subclass__"]
    try:
        type.__setattr__(owner, "__init_subclass__", classmethod(lambda cls, **_: None))
    except TypeError:  # C's: it has no state of the program's
        yield
        return
    try:
        yield
    finally:
        type.__setattr__(owner, "__init_subclass__", hook)


def make_class(
    uid: int,
    meta: type,
    name: str,
    bases: tuple[type, ...],
    body: dict[str, Any],
    members: dict[str, Any],
) -> type:
    """A class without its attributes. None of the program's code runs.

    Args:
        uid: Its number.
        meta: Its type.
        name: Its `__name__`.
        bases: Its bases.
        body: What `type.__new__` has to know: slots, module, qualified name, docstring.
        members: Of an enumeration, the members' names, and what each is as a number, a text, …;
            None: it is nothing but a member.
    """
    here = known(uid)
    if here is not None:
        return cast(type, here)
    cls: Any
    with _untold(bases):
        try:
            cls = type.__new__(meta, name, bases, dict(body))
        except TypeError:  # a metaclass in C that will have it its own way
            cls = meta(name, bases, dict(body))
    if isinstance(cls, abc.ABCMeta):
        # Another one's that is new: `_abc_init` would run the metaclass's `__setattr__`.
        type.__setattr__(cls, "_abc_impl", vars(abc.ABCMeta("new", (), {}))["_abc_impl"])
    if members:
        _make_members(cast(type[enum.Enum], cls), members)
    identity_of(cls, uid)
    return cast(type, cls)


def set_class(
    cls: type,
    state: tuple[dict[str, tuple[int, Any]], dict[str, dict[str, Any]], list[type]],
) -> None:
    """Set what is new of a class's attributes."""
    numbered, members, registered = state
    identity = identity_of(cls)
    if identity.own:
        return
    for name, attributes in members.items():
        member = cast(Any, cls)._member_map_[name]
        object.__getattribute__(member, "__dict__").update(attributes)
    new, gone = identity.renewed(numbered)
    for name, value in new.items():
        _set_attribute(cls, name, value)
    if "__firstlineno__" in new:  # other attributes take it away
        type.__setattr__(cls, "__firstlineno__", new["__firstlineno__"])
    for name in gone:
        if name in vars(cls):
            type.__delattr__(cls, name)
    for each in registered:
        abc.ABCMeta.register(cast(abc.ABCMeta, cls), each)


def _set_attribute(cls: type, name: str, value: Any) -> None:
    if name == "__annotate_func__":
        name = "__annotate__"
    elif name in ("_member_map_", "_value2member_map_") and name in vars(cls):
        vars(cls)[name].update(value)
        return
    type.__setattr__(cls, name, value)


def _make_members(cls: type[enum.Enum], members: dict[str, Any]) -> None:
    """The members of an enumeration, before anything that may refer to them."""
    found: dict[str, Any] = {}
    for name, plain in members.items():
        kind: Any = object if plain is None else type(plain)
        member = kind.__new__(cls) if plain is None else kind.__new__(cls, plain)
        found[name] = member
        type.__setattr__(cls, name, member)
    type.__setattr__(cls, "_member_map_", found)
    type.__setattr__(cls, "_value2member_map_", {})


def enum_member(cls: type[enum.Enum], name: str) -> Any:
    """A member of an enumeration."""
    return cls._member_map_[name]


def namespace_of(cls: type) -> Mapping[str, Any]:
    """The attributes of a class, as annotations look them up."""
    return cls.__dict__


def type_alias(name: str, value: Any, parameters: tuple[Any, ...]) -> Any:
    """What a `type` statement names."""
    return typing.TypeAliasType(name, value, type_params=parameters)  # type: ignore[attr-defined]


def new_type(name: str, supertype: Any, module: str) -> Any:
    """What `typing.NewType` gives."""
    made = typing.NewType(name, supertype)  # type: ignore[misc]
    made.__module__ = module
    return made


def nothing() -> None:
    """In place of what has no meaning here."""


# -- What is here by its name ----------------------------------------------------------------------


def attribute_of(cls: type, name: str) -> Any:
    """What a class has under that name, as it is in its namespace."""
    return vars(cls)[name]


def module_named(name: str) -> ModuleType:
    """The module that stands for the other side's of that name."""
    namespaces(name)
    return sys.modules[name]


def from_js(path: str) -> Any:
    """What JavaScript has under that name.

    Raises:
        AttributeError: It is not in workers, as `document` is not.
    """
    if path.startswith("!"):
        return importlib.import_module(path[1:])
    found: Any = importlib.import_module("js")
    for name in filter(None, path.split(".")):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise AttributeError(
                f"js.{path} does not exist in a worker: what belongs to the page can only be used "
                "there"
            ) from None
    return found
