"""Putting functions and classes together that have travelled by value (`penny.by_value.pickler`).

Called by pickles. Whatever is made here is registered by its number before its state is set, so
that what it refers to may refer to it; what is here already is taken as it is, and only those of
its attributes change that are new at the other side. What was made here never changes.
"""

from __future__ import annotations

import abc
import builtins
import contextlib
import copyreg
import enum
import functools
import importlib
import sys
import typing
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, cast

from penny.by_value.identities import cell_registered, cells_used, identity_of, known, registered

__all__ = [
    "cached_function",
    "context_variable",
    "empty_cell",
    "enum_member",
    "fill_cell",
    "forward_reference",
    "from_js",
    "lazy_alias",
    "made_parameter",
    "make_class",
    "make_function",
    "make_generic",
    "module_named",
    "namespace_of",
    "parameter_of",
    "partial_method",
    "plain_object",
    "set_class",
    "set_function",
    "set_generic",
    "set_lazy_alias",
    "set_plain",
    "set_type_parameter",
    "sorting_key",
    "type_parameter",
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
    cells_used(function)
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
    for i, cell in enumerate(function.__closure__ or ()):
        part = f"({i}"
        common = cell_registered(cell) if part in numbered else None
        if common is not None:  # of other functions, too
            new.pop(part, None)
            if common.renewed({"": numbered[part]})[0]:
                new[part] = numbered[part][1]
    for name, value in new.items():
        if name in _SETTABLE:
            if name == "__code__" and value.co_freevars != function.__code__.co_freevars:
                continue
            when_there(value, functools.partial(setattr, function, name))
        elif name[0] == "(":
            assert function.__closure__ is not None
            cell = function.__closure__[int(name[1:])]
            when_there(value, functools.partial(setattr, cell, "cell_contents"))
        else:
            when_there(value, functools.partial(function.__dict__.__setitem__, name[1:]))
    for name in gone:
        if name[0] == ".":
            function.__dict__.pop(name[1:], None)


class Pending:
    """In place of data that is being loaded, in a function or class that it contains."""

    def __init__(self) -> None:
        self._setters: list[Callable[[Any], None]] = []

    def then(self, setter: Callable[[Any], None]) -> None:
        """Have this called with the data, once it is there."""
        self._setters.append(setter)

    def settle(self, value: Any) -> bool:
        """Put the data where this stands for it. False: this is where nobody can replace it."""
        for setter in self._setters:
            setter(value)
        return bool(self._setters)


def _fill(items: list[Any], i: int, setter: Callable[[Any], None], value: Any) -> None:
    items[i] = value
    setter(tuple(items))


def when_there(value: Any, setter: Callable[[Any], None]) -> None:
    """Set a part of a function or class, once it is there."""
    if type(value) is Pending:
        value.then(setter)
        return
    setter(value)
    filled: list[Any] = []
    if type(value) is tuple:  # defaults, which are read when the function is called
        for i, each in enumerate(value):
            if type(each) is Pending:
                filled = filled or list(value)
                each.then(functools.partial(_fill, filled, i, setter))
    elif type(value) is dict:
        for key, each in value.items():
            if type(each) is Pending:
                each.then(functools.partial(value.__setitem__, key))


def empty_cell() -> CellType:
    """A closure's cell, which is filled when its function has been made."""
    return CellType()


def fill_cell(cell: CellType, value: Any) -> None:
    """Fill the cell."""
    when_there(value, functools.partial(setattr, cell, "cell_contents"))


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
    state: tuple[
        dict[str, tuple[int, Any]], dict[str, dict[str, Any]], list[type], Any, list[type]
    ],
) -> None:
    """Set what is new of a class's attributes, and make known what was registered."""
    numbered, members, registered, reducer, knowing = state
    identity = identity_of(cls)
    if identity.own:
        return
    for name, attributes in members.items():
        member = cast(Any, cls)._member_map_[name]
        object.__getattribute__(member, "__dict__").update(attributes)
    for each in registered:
        _register(cls, each)
    for each in knowing:
        _register(each, cls)
    if reducer is not None:
        copyreg.pickle(cast(Any, cls), reducer)
    elif cls in copyreg.dispatch_table:
        del copyreg.dispatch_table[cls]
    new, gone = identity.renewed(numbered)
    for name, value in new.items():
        when_there(value, functools.partial(_set_attribute, cls, name))
    if "__firstlineno__" in new:  # other attributes take it away
        type.__setattr__(cls, "__firstlineno__", new["__firstlineno__"])
    for name in gone:
        if name in vars(cls):
            type.__delattr__(cls, name)


# What a class has that is not among its attributes.
_APART = {"(name": vars(type)["__name__"], "(bases": vars(type)["__bases__"]}


def _register(abstract: Any, cls: type) -> None:
    """Register a class with an abstract one, without asking the program whether it is new there."""
    own = vars(abstract).get("__subclasshook__")
    hook = classmethod(lambda *_: NotImplemented)
    type.__setattr__(abstract, "__subclasshook__", hook)
    try:
        abc.ABCMeta.register(abstract, cls)
    finally:
        if own is None:
            type.__delattr__(abstract, "__subclasshook__")
        else:
            type.__setattr__(abstract, "__subclasshook__", own)


def _set_attribute(cls: type, name: str, value: Any) -> None:
    if name in _APART:
        before = _APART[name].__get__(cls)
        if before is not value and (
            name != "(bases" or list(map(id, before)) != list(map(id, value))
        ):
            _APART[name].__set__(cls, value)
        return
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


_FORMS = {"bound": ": {}()", "constraints": ": (*{}(),)", "default": " = {}()"}


def _parameter_source(form: tuple[str, str, tuple[str, ...]], number: int) -> str:
    kind, name, said = form
    return kind + name + "".join(_FORMS[each].format(f"{each}{number}") for each in said)


def lazy_alias(name: str, module: str, forms: list[tuple[str, str, tuple[str, ...]]]) -> Any:
    """What a `type` statement names, before it has a value: Python alone makes these."""
    namespace: dict[str, Any] = {"__name__": module}
    parameters = ", ".join(_parameter_source(form, i) for i, form in enumerate(forms))
    source = f"type {name}{parameters and f'[{parameters}]'} = value()"
    exec(source, namespace)
    return namespace[name]


def set_lazy_alias(alias: Any, state: tuple[Any, list[dict[str, Any]]]) -> None:
    """Set what evaluates it and its parameters."""
    evaluate, parameters = state
    namespace = alias.evaluate_value.__globals__
    namespace["value"] = _evaluation(evaluate)
    for i, evaluators in enumerate(parameters):
        _set_evaluators(namespace, i, evaluators)


def _set_evaluators(namespace: dict[str, Any], number: int, evaluators: dict[str, Any]) -> None:
    for name, evaluate in evaluators.items():
        namespace[f"{name}{number}"] = _evaluation(evaluate)


def _evaluation(evaluate: Any) -> Callable[[], Any]:
    # By a number: values, not their text.
    return (lambda: evaluate[0]) if isinstance(evaluate, tuple) else (lambda: evaluate(1))


def parameter_of(alias: Any, index: int) -> Any:
    """One of an alias's type parameters."""
    return alias.__type_params__[index]


def made_parameter(
    kind: str, arguments: tuple[Any, ...], keywords: dict[str, Any], module: str
) -> Any:
    """A type parameter that a call has made."""
    made = getattr(typing, kind)(*arguments, **keywords)
    made.__module__ = module
    return made


def type_parameter(form: tuple[str, str, tuple[str, ...]]) -> Any:
    """A type parameter of a function or class, before anything is said of it."""
    namespace: dict[str, Any] = {}
    exec(f"def made[{_parameter_source(form, 0)}](): ...", namespace)
    made = namespace["made"].__type_params__[0]
    _namespaces_of_parameters[made] = namespace
    return made


_namespaces_of_parameters: weakref.WeakKeyDictionary[Any, dict[str, Any]] = (
    weakref.WeakKeyDictionary()
)


def set_type_parameter(parameter: Any, evaluators: dict[str, Any]) -> None:
    """Set what evaluates its bound, constraints and default."""
    _set_evaluators(_namespaces_of_parameters.pop(parameter), 0, evaluators)


def plain_object(base: Any, cls: type, *value: Any) -> Any:
    """An object of a class of numbers, texts, lists, …, by none of the class's methods."""
    return base.__new__(cls, *value)


def set_plain(made: Any, content: tuple[Any, Any]) -> None:
    """Set a list's or dict's items, and what it has beside them."""
    items, state = content
    (list.extend if isinstance(made, list) else dict.update)(made, items)
    own, slots = state if isinstance(state, tuple) else (state, None)
    if hasattr(made, "__setstate__") and state is not None:
        made.__setstate__(state)
        return
    if own:
        made.__dict__.update(own)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def partial_method(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """What `functools.partialmethod` gives."""
    return functools.partialmethod(*arguments, **keywords)


def sorting_key(compare: Callable[[Any, Any], int], *of: Any) -> Any:
    """What `functools.cmp_to_key` gives; or what that gives for an object."""
    key: Any = functools.cmp_to_key(compare)
    return key(*of) if of else key


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
    from penny.bridge import javascript

    found = javascript.global_names()
    for name in filter(None, path.split(".")):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise AttributeError(
                f"js.{path} does not exist in a worker: what belongs to the page can only be used "
                "there"
            ) from None
    return found
