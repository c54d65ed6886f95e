"""Pickling by value, for what the other side could not import: functions, classes, what they hold.

A function travels as its code and the *name* of its module: on the other side it runs with the
dictionary of the module of that name, as it does here. A class travels as its attributes, and is
put together without running any of the program's code: no metaclass's `__new__`, no
`__init_subclass__`, no `__set_name__`, all of which have run where it was defined. For the rest of
what plain pickle can't do there is cloudpickle.

Who pickles may know modules that stand for each other here and there (`Names`): then functions and
classes that have names in such modules travel as references. `penny.mirror.originals` is for the
side that has the originals, `penny.mirror.mirror` for the side that stands for it.
"""

from __future__ import annotations

import _collections_abc
import abc
import ast
import contextlib
import copyreg
import enum
import functools
import gc
import importlib
import io
import itertools
import pickle
import struct
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, Protocol, cast

import cloudpickle

from penny.by_value import rebuilding
from penny.by_value.code_names import global_names, submodules_used
from penny.by_value.exception_values import Exceptions
from penny.by_value.identities import (
    cell_identity,
    cell_numbered,
    cell_registered,
    cells_used,
    identity_of,
)
from penny.by_value.random_streams import reduce_generator
from penny.by_value.watching import is_filled

__all__ = [
    "PROTOCOL",
    "ByValuePickler",
    "CachedFunction",
    "Names",
    "Pickling",
    "dumps_by_value",
    "header_of",
    "set_names",
    "those_known",
    "try_out",
]

PROTOCOL = 5

CachedFunction = type(functools.lru_cache(lambda: None))

UNNAMED_FILE = "<dynamic-code>"


class Pickling(Protocol):
    """What knows modules, during one pickling."""

    def reference(self, value: Any) -> Any:
        """How to pickle a function or class by its name; None: it goes by value.

        NotImplemented: as plain pickle does it.
        """

    def module_of(self, function: FunctionType) -> Any:
        """The name by which the other side finds what are the function's globals here.

        Or what pickles as these. None: they are nobody's, and go along.
        """

    def by_value(self, value: Any, uses: Iterable[str], hard: bool) -> None:
        """Note that a function or class goes by value.

        Args:
            value: The function or class.
            uses: Names that its code looks up in its globals, whether they are there or not.
            hard: False: of these names, what can't travel may stay behind.
        """

    def named(self, value: Any, name: str) -> Any:
        """How to pickle what says that its pickle is a name; None: its own way."""

    def imports(self, module: ModuleType) -> bool:
        """Whether the other side can import the module."""

    def header(self) -> bytes:
        """Opcodes that come before the pickle, and see to it that what it refers to is there."""


class Names(Protocol):
    """What knows modules that stand for each other here and there."""

    def begin(self) -> Pickling:
        """Begin a pickling."""

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to a module that the other side lacks; or seems to."""


_names: Names | None = None


def those_known() -> Names | None:
    """Who knows the modules of the side that is pickled for now; None: nobody in particular."""
    return _names


def set_names(names: Names | None) -> Names | None:
    """Pickle for another side from now on. Returns what was before, to be set again.

    A worker calls it once; the engine of a page or host for as long as it pickles for its workers.
    """
    global _names
    before, _names = _names, names
    return before


def dumps_by_value(value: object) -> bytes:
    """The pickled form, for `pickle.loads`, in one piece. Raises whatever pickling raises."""
    pickling = None if _names is None else _names.begin()
    with io.BytesIO() as file:
        ByValuePickler(file, PROTOCOL, pickling).dump(value)
        return header_of(pickling) + file.getvalue()


def header_of(pickling: Pickling | None) -> bytes:
    """What to put before a pickle. Raises PickleError if something it refers to can't travel."""
    return b"" if pickling is None else pickling.header()


class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, which takes functions and classes in Penny's way.

    Args:
        file: Where the pickle goes, an object with `write`.
        protocol: Of pickle.
        pickling: What knows modules; None: those that can be imported are, all else goes by value.
        top: A function or class that is to be pickled itself, although it has a name.
        kept: A function that keeps what it has there when it is pickled again: only what has
            changed here is new.
        state: Whether what is pickled is the state of a module. Then locks in it, which can't
            travel, are made anew there, as in a process that runs the module.
    """

    def __init__(
        self,
        file: Any,
        protocol: int = PROTOCOL,
        pickling: Pickling | None = None,
        *,
        top: Any = None,
        kept: Any = None,
        state: bool = False,
    ) -> None:
        super().__init__(file, protocol)
        self._kept = kept
        self._pickling = pickling
        self._state = state
        self._top = top
        # Namespaces of classes, by identity: annotations look names up in them.
        self._namespaces: dict[int, type] = {}
        self._cells: set[int] = set()
        self._exceptions = Exceptions(try_out)
        # Type parameters of aliases that go by value, by identity.
        self._parameters: dict[int, tuple[Any, int]] = {}

    def reducer_override(self, obj: Any) -> Any:
        """How to pickle `obj`; asked for each object but those of simple builtin types."""
        kind = type(obj)
        if kind is FunctionType:
            return self._function(obj)
        if issubclass(kind, type):
            return self._class(obj)
        if kind is CachedFunction:
            return self._cached(obj)
        special = _REDUCERS.get(kind)
        if special is not None:
            return special(self, obj)
        if issubclass(kind, enum.Enum):
            return self._member(obj)
        if issubclass(kind, BaseException):
            reduced = self._exception(obj)
            if not isinstance(reduced, str):
                return reduced
        if kind.__name__ == "JsProxy" or _is_proxy(kind):
            path = path_of_proxy(obj)
            if path is not None:
                return rebuilding.from_js, (path,)
        if obj is sys.stdout or obj is sys.stderr or obj is sys.stdin:  # each side has its own
            return getattr, (sys, next(n for n in _STREAMS if getattr(sys, n) is obj))
        generator = reduce_generator(obj)
        if generator is not NotImplemented:
            return generator
        if self._state:
            fresh = _FRESH.get(kind)
            if fresh is not None:
                return fresh(obj)
            if kind is itertools.count:
                return _count(obj)
            plain = _plain_subclass(kind, obj)
            if plain is not None:
                return plain
        if self._pickling is not None and may_be_name(kind):
            return self._singleton(obj)
        found = _name_in_library(kind, obj, self._state)
        if found is not None:
            return getattr, found
        return super().reducer_override(obj)

    def _exception(self, error: BaseException) -> Any:
        return self._exceptions.reduce(error)

    # -- Functions -------------------------------------------------------------------------------

    def _function(self, function: FunctionType) -> Any:
        reference = self._reference(function)
        if reference is not None:
            return reference
        if function.__code__ is _GENERIC_CODE:
            return self._generic(function)
        return self._function_by_value(function, hard=True)

    def _reference(self, value: Any) -> Any:
        if value is self._top:
            return None
        if self._pickling is not None:
            return self._pickling.reference(value)
        return NotImplemented if is_importable(value) else None

    def _function_by_value(self, function: FunctionType, hard: bool) -> Any:
        pickling, code = self._pickling, function.__code__
        used = global_names(code)
        home: Any = None if pickling is None else pickling.module_of(function)
        along: dict[str, Any] = {}
        if home is None:
            home, along = self._globals_of(function, used)
        if pickling is not None:
            pickling.by_value(function, used if isinstance(home, str) else (), hard)
        cells = function.__closure__ or ()
        self._cells.update(map(id, cells))
        parts: dict[str, Any] = {
            "__code__": code,
            "__name__": function.__name__,
            "__qualname__": function.__qualname__,
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
        }
        for i, cell in enumerate(cells):
            if not _is_empty(cell):
                parts[f"({i}"] = cell.cell_contents
        annotate = getattr(function, "__annotate__", None)  # Python 3.14: evaluated on demand
        if annotate is not None:
            parts["__annotate__"] = annotate
        elif function.__annotations__:
            parts["__annotations__"] = function.__annotations__
        if getattr(function, "__type_params__", ()):
            parts["__type_params__"] = function.__type_params__  # type: ignore[attr-defined]
        for name, value in function.__dict__.items():
            parts["." + name] = value
        uid = identity = None
        if function is self._top or function is self._kept:
            identity = identity_of(function)
            uid = identity.uid
        numbered = identity.numbered(parts) if identity else {n: (1, v) for n, v in parts.items()}
        if self._state and cells:
            for i, name in enumerate(code.co_freevars):
                part = f"({i}"
                if part in parts and name not in ("__class__", "__classdict__"):
                    # Other names' functions may have the cell, too: it has a number of its own.
                    common = cell_identity(cells[i])
                    numbered[part] = common.numbered({"": parts[part]})[""]
            cells_used(function)
        for i, name in enumerate(code.co_freevars):
            if name == "__classdict__" and f"({i}" in parts:
                owner = self._namespaces.get(id(parts[f"({i}"]))
                numbered[f"({i}"] = 1, {} if owner is None else _Namespace(owner)
        if type(annotate) is FunctionType:
            numbered["__annotate__"] = numbered["__annotate__"][0], _Annotator(annotate)
        imports = submodules_used(function, used)
        return (
            rebuilding.make_function,
            (uid, code, home, function.__name__, cells),
            (numbered, imports, along),
            None,
            None,
            rebuilding.set_function,
        )

    def _globals_of(
        self, function: FunctionType, used: Iterable[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Globals that go along: a dictionary, the same for all functions of one pickle; its names.

        Each function brings those that it uses: others come to it while it is pickled.
        """
        own = function.__globals__
        shared: dict[str, Any] = self.globals_ref.setdefault(id(own), {})
        if own.get("__builtins__") == {}:  # a named tuple's
            shared["__builtins__"] = {}
        names = ("__name__", "__package__", "__path__", "__file__", *used)
        return shared, {name: own[name] for name in names if name in own}

    def _annotator(self, annotator: _Annotator) -> Any:
        return self._function_by_value(annotator.function, hard=False)

    def _cell(self, cell: CellType) -> Any:
        common = cell_registered(cell) if self._state and id(cell) in self._cells else None
        if common is not None:
            return cell_numbered, (common.uid,)
        if id(cell) in self._cells or _is_empty(cell):
            return rebuilding.empty_cell, ()
        return rebuilding.empty_cell, (), cell.cell_contents, None, None, rebuilding.fill_cell

    def _generic(self, function: FunctionType) -> Any:
        """A function of `functools.singledispatch`."""
        if self._pickling is not None:
            self._pickling.by_value(function, (), True)
        own = {k: v for k, v in function.__dict__.items() if k not in _GENERIC_OWN}
        names = {
            name: getattr(function, name)
            for name in ("__name__", "__qualname__", "__module__", "__doc__")
        }
        uid = identity_of(function).uid if function is self._top else None
        registry = dict(function.registry)  # type: ignore[attr-defined]
        return (
            rebuilding.make_generic,
            (uid,),
            (names, own, registry),
            None,
            None,
            rebuilding.set_generic,
        )

    def _cached(self, function: Any) -> Any:
        # Such a function would pickle as a reference to its name, wherever that is.
        reference = self._reference(function)
        if reference is not None:
            return reference
        uid = identity_of(function).uid if function is self._top else None
        parameters = function.cache_parameters()
        return rebuilding.cached_function, (uid, function.__wrapped__, parameters)

    def _code(self, code: CodeType) -> Any:
        # As cloudpickle reduces it, but with its file, by which tracebacks show lines: from 3.1.3
        # on cloudpickle puts a constant there, so that equal functions have equal pickles.
        make, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
        return make, tuple(code.co_filename if a == UNNAMED_FILE else a for a in arguments)

    def _forward_reference(self, reference: Any) -> Any:
        # What it keeps beside its text (globals, cells, the class) is found by its module.
        text, module = reference.__forward_arg__, reference.__forward_module__
        if module is None and (globals_ := getattr(reference, "__globals__", None)):
            module = globals_.get("__name__")
        if module is None and (owner := getattr(reference, "__owner__", None)):
            module = owner.__module__
        is_class = reference.__forward_is_class__
        return rebuilding.forward_reference, (text, getattr(module, "__name__", module), is_class)

    # -- Classes ---------------------------------------------------------------------------------

    def _class(self, cls: type) -> Any:
        plain = super().reducer_override(cls)
        if plain is not NotImplemented and plain[0] in (type, _BUILTIN_TYPE):
            return plain
        reference = self._reference(cls)
        if reference is not None:
            return reference
        if not cls.__flags__ & _HEAP_TYPE:  # C's: it is what it is, under another name or none
            return _type_of_c(cls)
        if self._pickling is not None:
            self._pickling.by_value(cls, (), True)
        identity = identity_of(cls)
        attributes = class_attributes(cls)
        self._note_namespaces(cls, attributes)
        members = _members_of(cls)
        for name in members:
            attributes.pop(name, None)
        body = {k: attributes.pop(k) for k in _BODY if k in attributes}
        body["__qualname__"] = cls.__qualname__
        # Not among a class's attributes, though they can be set.
        attributes |= {"(bases": cls.__bases__, "(name": cls.__name__}
        numbered = identity.numbered(attributes)
        annotate = attributes.get(_ANNOTATE)
        if type(annotate) is FunctionType:
            numbered[_ANNOTATE] = numbered[_ANNOTATE][0], _Annotator(annotate)
        plain = {name: _plain_value(cls, member) for name, member in members.items()}
        states = {name: dict(vars(member)) for name, member in members.items()}
        return (
            rebuilding.make_class,
            (identity.uid, type(cls), cls.__name__, cls.__bases__, body, plain),
            (numbered, states, _registered(cls), copyreg.dispatch_table.get(cls), _knowing(cls)),
            None,
            None,
            rebuilding.set_class,
        )

    def _note_namespaces(self, cls: type, attributes: dict[str, Any]) -> None:
        for value in attributes.values():
            value = getattr(value, "__func__", value)
            for function in value, getattr(value, "__annotate__", None):
                if type(function) is FunctionType and function.__closure__:
                    names = function.__code__.co_freevars
                    for name, cell in zip(names, function.__closure__, strict=True):
                        if name == "__classdict__" and not _is_empty(cell):
                            self._namespaces[id(cell.cell_contents)] = cls

    def _namespace(self, namespace: _Namespace) -> Any:
        return rebuilding.namespace_of, (namespace.cls,)

    def _member(self, member: enum.Enum) -> Any:
        cls = type(member)
        name = getattr(member, "_name_", None)
        found = cls.__dict__.get("_member_map_", {}).get(name) is member
        if found and self._reference(cls) is not NotImplemented:
            return rebuilding.enum_member, (cls, name)
        return super().reducer_override(member)

    # -- What is there by its name ---------------------------------------------------------------

    def _singleton(self, obj: Any) -> Any:
        """What a program's class has pickled its own way: perhaps by a name."""
        assert self._pickling is not None
        reduced = obj.__reduce_ex__(PROTOCOL)
        if not isinstance(reduced, str):
            return reduced
        named = self._pickling.named(obj, reduced)
        if named is not None:
            return named
        return copyreg.__newobj__, (type(obj),), getattr(obj, "__dict__", None)  # type: ignore[attr-defined]

    def _module(self, module: ModuleType) -> Any:
        if self._pickling is None:
            return super().reducer_override(module)
        if self._pickling.imports(module):
            name = module.__name__
            if sys.modules.get(name) is not module:  # as that of `_collections_abc`
                name = getattr(module.__spec__, "name", name)
            return importlib.import_module, (name,)
        return rebuilding.module_named, (module.__name__,)

    def _descriptor(self, descriptor: Any) -> Any:
        return rebuilding.attribute_of, (descriptor.__objclass__, descriptor.__name__)

    def _abc_data(self, _: Any) -> Any:
        # Got into an object's attributes by functools.update_wrapper(object, abstract class).
        return rebuilding.nothing, ()

    def _by_name(self, value: Any, name: str) -> Any:
        """How to pickle by its name what is no function and no class; None: that has no such name.

        It is one and the same on each side, which is all that some of them are for.
        """
        named: Any = name
        if self._pickling is not None:
            named = self._pickling.named(value, name)
        elif value.__module__ == "__main__":
            return None
        if isinstance(named, str):
            found = getattr(sys.modules.get(value.__module__), name, None)
            return named if found is value else None
        return named

    def _type_alias(self, alias: Any) -> Any:
        named = self._by_name(alias, alias.__name__)
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
            self._parameters[id(parameter)] = alias, i
        return (
            rebuilding.lazy_alias,
            (name, module, [_form_of_parameter(each) for each in parameters]),
            (_Annotator(evaluate), [self._evaluators(each) for each in parameters]),
            None,
            None,
            rebuilding.set_lazy_alias,
        )

    def _type_parameter(self, parameter: Any) -> Any:
        owner = self._parameters.get(id(parameter))
        if owner is not None:
            return rebuilding.parameter_of, owner
        named = self._by_name(parameter, parameter.__name__)
        if named is not None:
            return named
        if not hasattr(parameter, "evaluate_default"):  # before Python 3.14
            return super().reducer_override(parameter)
        if not getattr(parameter, "__infer_variance__", True) or parameter.__module__ != "typing":
            return rebuilding.made_parameter, (*_made_by(parameter), parameter.__module__)
        return (
            rebuilding.type_parameter,
            (_form_of_parameter(parameter),),
            self._evaluators(parameter),
            None,
            None,
            rebuilding.set_type_parameter,
        )

    def _evaluators(self, parameter: Any) -> dict[str, Any]:
        found = {name: getattr(parameter, "evaluate_" + name, None) for name in _EVALUATED}
        return {
            # C's own evaluator has but the value.
            name: _Annotator(each) if type(each) is FunctionType else (each(1),)
            for name, each in found.items()
            if each is not None
        }

    def _new_type(self, kind: Any) -> Any:
        named = self._by_name(kind, kind.__name__)
        if named is not None:
            return named
        return rebuilding.new_type, (kind.__name__, kind.__supertype__, kind.__module__)

    def _partial_method(self, method: Any) -> Any:
        arguments = (method.func, *method.args), method.keywords
        return rebuilding.partial_method, arguments

    def _sorting_key(self, key: Any) -> Any:
        # What `functools.cmp_to_key` gives: nothing but the garbage collector tells of what.
        compare, *of = (each for each in gc.get_referents(key) if each is not type(key))
        return rebuilding.sorting_key, (compare, *of)

    def _property(self, value: property) -> Any:
        # Of a class that is there by its module the very property: what it is made of may not
        # travel.
        getter = value.fget or value.fset or value.fdel
        found = _owner_of(getter, value)
        if found is not None and self._reference(found[0]) is NotImplemented:
            return getattr, found
        return super().reducer_override(value)

    def _weak_dictionary(self, dictionary: Any) -> Any:
        return type(dictionary), (dict(dictionary),)


class _TryingOut(ByValuePickler):
    """For one part of an exception: others in it see to their own parts."""

    def _exception(self, error: BaseException) -> Any:
        return Exception, ()


def try_out(value: Any) -> Any:
    """What a value is once it has travelled, but for exceptions in it.

    Raises whatever pickling and unpickling raise.
    """
    pickling = None if _names is None else _names.begin()
    with io.BytesIO() as file:
        _TryingOut(file, PROTOCOL, pickling).dump(value)
        # Without a header: here is what it refers to.
        return pickle.loads(file.getvalue())


# -- Helpers ---------------------------------------------------------------------------------------


class _Annotator:
    """Pickles as a function that gives annotations: names that it uses may be nowhere."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function


def _name_in_library(kind: type, obj: Any, state: bool) -> tuple[ModuleType, str] | None:
    """Where the module of an object's class has it; None: that has no such object.

    That is what a script means that takes an object from a module: one that is nothing but itself,
    as `dataclasses.MISSING`, and of Python's own, where they are not copied, also others, as
    `os.environ`.
    """
    module = sys.modules.get(kind.__module__)
    if (
        module is None
        or kind is object
        or kind.__module__ == "__main__"
        or cast(Any, kind).__reduce__ is not object.__reduce__
        or cast(Any, kind).__reduce_ex__ is not object.__reduce_ex__
    ):
        return None
    if kind.__basicsize__ > _SMALLEST or getattr(obj, "__dict__", None):
        if not state or kind.__module__ not in sys.stdlib_module_names:
            return None
    elif not is_importable(kind):
        return None
    for name, value in vars(module).items():
        if value is obj:
            return module, name
    return None


class _Smallest: ...


_SMALLEST = _Smallest.__basicsize__


def _plain_subclass(kind: Any, obj: Any) -> Any:
    """How to pickle an object of a program's class of numbers, texts, lists, … without its methods.

    It has been made where it is, by a constructor with whatever arguments, and item by item. None:
    the usual way, also if the class has a way of its own.
    """
    base = next((each for each in _PLAIN_BASES if issubclass(kind, each)), None)
    if (
        base is None
        or kind is base
        or kind.__reduce_ex__ is not object.__reduce_ex__
        or kind.__reduce__ is not object.__reduce__
        or getattr(kind, "__getnewargs__", None) is not getattr(base, "__getnewargs__", None)
        or hasattr(kind, "__getnewargs_ex__")
        or issubclass(kind, enum.Enum)
    ):
        return None
    state = obj.__reduce_ex__(PROTOCOL)[2]
    if base in (list, dict):
        items = base(base.__iter__(obj)) if base is list else dict(dict.items(obj))
        content = items, state
        return rebuilding.plain_object, (base, kind), content, None, None, rebuilding.set_plain
    return rebuilding.plain_object, (base, kind, _PLAIN[base](obj)), state


_PLAIN_BASES = (int, float, str, bytes, tuple, list, dict)


def _generator_context(manager: Any) -> Any:
    """What `contextlib.contextmanager` gives, before it is entered: a decorator keeps one."""
    import inspect

    of = {"generator": "getgeneratorstate", "async_generator": "getasyncgenstate"}
    state = getattr(inspect, of.get(type(manager.gen).__name__, ""), lambda _: "")(manager.gen)
    if not state.endswith("_CREATED") or not hasattr(manager, "func"):
        return NotImplemented
    return type(manager), (manager.func, manager.args, manager.kwds)


def _count(counter: Any) -> Any:
    """An `itertools.count` as it is now. Only its text tells where that is."""
    arguments = ast.literal_eval(repr(counter).removeprefix("count").replace(")", ",)"))
    return itertools.count, arguments


_STREAMS = ("stdout", "stderr", "stdin")
_EVALUATED = ("bound", "constraints", "default")


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


class _Namespace:
    """Pickles as the namespace of a class."""

    def __init__(self, cls: type) -> None:
        self.cls = cls


@functools.singledispatch
def _example(_: Any) -> None: ...


_GENERIC_CODE: CodeType = cast(Any, _example).__code__
_GENERIC_OWN = frozenset({"register", "dispatch", "registry", "_clear_cache"})
_BUILTIN_TYPE = cloudpickle.cloudpickle._builtin_type
_ANNOTATE = "__annotate_func__"
_BODY = ("__module__", "__slots__", "__doc__", "__orig_bases__")

_REDUCERS: dict[type, Callable[[ByValuePickler, Any], Any]] = {
    CodeType: ByValuePickler._code,
    CellType: ByValuePickler._cell,
    ModuleType: ByValuePickler._module,
    property: ByValuePickler._property,
    contextlib._GeneratorContextManager: lambda _, manager: _generator_context(manager),
    contextlib._AsyncGeneratorContextManager: lambda _, manager: _generator_context(manager),
    struct.Struct: lambda _, made: (struct.Struct, (made.format,)),
    types.MemberDescriptorType: ByValuePickler._descriptor,
    types.GetSetDescriptorType: ByValuePickler._descriptor,
    types.ClassMethodDescriptorType: ByValuePickler._descriptor,
    typing.NewType: ByValuePickler._new_type,
    functools.partialmethod: ByValuePickler._partial_method,
    type(functools.cmp_to_key(lambda a, b: 0)): ByValuePickler._sorting_key,
    type(vars(abc.ABC)["_abc_impl"]): ByValuePickler._abc_data,
    weakref.WeakKeyDictionary: ByValuePickler._weak_dictionary,
    weakref.WeakValueDictionary: ByValuePickler._weak_dictionary,
    typing.ForwardRef: ByValuePickler._forward_reference,
    _Annotator: ByValuePickler._annotator,
    _Namespace: ByValuePickler._namespace,
}

for _name in "TypeVar", "ParamSpec", "TypeVarTuple":
    if hasattr(typing, _name):
        _REDUCERS[getattr(typing, _name)] = ByValuePickler._type_parameter
if hasattr(typing, "TypeAliasType"):
    _REDUCERS[typing.TypeAliasType] = ByValuePickler._type_alias

_FRESH: dict[type, Callable[[Any], Any]] = {
    type(threading.Lock()): lambda _: (threading.Lock, ()),
    type(threading.RLock()): lambda _: (threading.RLock, ()),
    threading.local: lambda _: (threading.local, ()),
    ContextVar: lambda variable: (
        rebuilding.context_variable,
        (variable.name, *_default(variable)),
    ),
}
"""State of a module that is made anew there: what cannot travel, and belongs to one process."""


def _default(variable: ContextVar[Any]) -> tuple[Any, ...]:
    import contextvars

    try:
        return (contextvars.Context().run(variable.get),)
    except LookupError:
        return ()


def _is_empty(cell: CellType) -> bool:
    return not is_filled(cell)


def is_importable(value: Any) -> bool:
    """Whether a function or class is what its module has under its name, and that is no program."""
    module_name = getattr(value, "__module__", None)
    if module_name == "__main__" or not isinstance(module_name, str):
        return False
    found: Any = sys.modules.get(module_name)
    for name in getattr(value, "__qualname__", "<none>").split("."):
        found = getattr(found, name, None)
    return found is value


def may_be_name(kind: type) -> bool:
    """Whether objects of a program's class may say that their pickle is a name."""
    return kind.__module__ not in sys.stdlib_module_names and not {
        "__reduce__",
        "__reduce_ex__",
    }.isdisjoint(vars(kind))


def class_attributes(cls: type) -> dict[str, Any]:
    """Attributes of a class that travel: those that Python did not make for it by itself."""
    attributes = dict(vars(cls))
    for name in ("__dict__", "__weakref__", "_abc_impl", "__annotations_cache__"):
        attributes.pop(name, None)
    if "__annotations_cache__" in vars(cls) and attributes.get(_ANNOTATE) is None:
        attributes["__annotations__"] = vars(cls)["__annotations_cache__"]  # somebody set them
        attributes.pop(_ANNOTATE, None)
    for name, value in list(attributes.items()):
        if type(value) is types.MemberDescriptorType and value.__objclass__ is cls:
            del attributes[name]  # a slot
    return attributes


def _members_of(cls: type) -> dict[str, Any]:
    """Members of an enumeration by their names, aliases not among them, in their order."""
    if not issubclass(cls, enum.Enum):
        return {}
    return {name: each for name, each in cls._member_map_.items() if each._name_ == name}


def _plain_value(cls: type[enum.Enum], member: Any) -> Any:
    """What a member is as a number, a text, …; None: it is nothing but a member."""
    kind = cls._member_type_  # type: ignore[attr-defined]
    if kind is object:
        return None
    plain = _PLAIN.get(kind)
    return member._value_ if plain is None else plain(member)


# Without the member's own methods.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
}


def _registered(cls: type) -> list[type]:
    """Classes that were registered with an abstract one."""
    if not isinstance(cls, abc.ABCMeta):
        return []
    found = (reference() for reference in abc._get_dump(cls)[0])  # type: ignore[attr-defined]
    return [each for each in found if each is not None]


_knowing_token: Any = None
_knowing_found: dict[int, list[type]] = {}


def _knowing(cls: type) -> list[type]:
    """Abstract classes of modules that workers have with which the class was registered."""
    global _knowing_token
    token = abc.get_cache_token()
    if token != _knowing_token:
        _knowing_token = token
        _knowing_found.clear()
        todo, seen = [object], set[int]()
        while todo:
            for each in type.__subclasses__(todo.pop()):
                if id(each) in seen or issubclass(each, type):
                    continue
                seen.add(id(each))
                todo.append(each)
                if isinstance(each, abc.ABCMeta) and is_importable(each):
                    for registered in _registered(each):
                        if not is_importable(registered):
                            _knowing_found.setdefault(id(registered), []).append(each)
    return _knowing_found.get(id(cls), [])


_HEAP_TYPE = 1 << 9


def _type_of_c(cls: type) -> Any:
    """How to pickle a type of the interpreter's that its own name does not lead to."""
    for module in _collections_abc, types:
        for name, value in vars(module).items():
            if value is cls:
                return getattr, (module, name)
    raise pickle.PicklingError(f"{cls} has no name: get it from an object in the task")


def _owner_of(function: Any, value: Any) -> tuple[type, str] | None:
    """The class that has `value` as an attribute under the name of the function, and that name."""
    qualname = getattr(function, "__qualname__", "")
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    owner: Any = module
    *path, name = qualname.split(".")
    for part in path:
        owner = getattr(owner, part, None)
    if isinstance(owner, type) and vars(owner).get(name) is value:
        return owner, name
    return None


def _is_proxy(kind: type) -> bool:
    return kind.__module__ == "pyodide.ffi"


def path_of_proxy(proxy: Any) -> str | None:
    """Where JavaScript's object is found in every worker: `Math.sqrt`; None: nowhere by name."""
    js = sys.modules.get("js")
    if js is None:
        return None
    if proxy is js:
        return ""
    for name, module in (("pyodide_js", sys.modules.get("pyodide_js")),):
        if module is not None and proxy is module:
            return f"!{name}"
    try:
        return _search_js(js, proxy)
    except Exception:
        return None


def _search_js(js: Any, proxy: Any) -> str | None:
    if proxy == js.globalThis:
        return "globalThis"
    names = list(js.Object.getOwnPropertyNames(js.globalThis))
    # Functions and namespaces of the standard library, then what these have.
    for name in names:
        if _is(js.Reflect.get(js.globalThis, name), proxy):
            return str(name)
    for name in names:
        holder = js.Reflect.get(js.globalThis, name)
        if not name[0].isupper() or not hasattr(holder, "js_id"):
            continue
        for inner in js.Object.getOwnPropertyNames(holder):
            if inner not in ("prototype", "caller", "arguments", "callee") and _is(
                js.Reflect.get(holder, inner), proxy
            ):
                return f"{name}.{inner}"
    return None


def _is(found: Any, proxy: Any) -> bool:
    return hasattr(found, "js_id") and found.js_id == proxy.js_id
