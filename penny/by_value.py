"""Pickling by value, for what the other side could not import: functions, classes, what they hold.

A function travels as its code and the *name* of its module: on the other side it runs with the
dictionary of the module of that name, as it does here. A class travels as its attributes, and is
put together without running any of the program's code: no metaclass's `__new__`, no
`__init_subclass__`, no `__set_name__`, all of which have run where it was defined. For the rest of
what plain pickle can't do there is cloudpickle.

Who pickles may know modules that stand for each other here and there (`Names`): then functions and
classes that have names in such modules travel as references. `penny.originals` is for the side that
has the originals, `penny.mirror` for the side that stands for it.
"""

from __future__ import annotations

import abc
import copyreg
import enum
import functools
import importlib
import io
import pickle
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

from penny import rebuilding
from penny.code_names import global_names, submodules_used
from penny.exception_values import Exceptions
from penny.identities import identity_of
from penny.random_streams import reduce_generator
from penny.watching import is_filled

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
        generator = reduce_generator(obj)
        if generator is not NotImplemented:
            return generator
        if self._state:
            fresh = _FRESH.get(kind)
            if fresh is not None:
                return fresh(obj)
        if self._pickling is not None and may_be_name(kind):
            return self._singleton(obj)
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
        if self._pickling is not None:
            self._pickling.by_value(cls, (), True)
        identity = identity_of(cls)
        attributes = class_attributes(cls)
        self._note_namespaces(cls, attributes)
        members = _members_of(cls)
        for name in members:
            attributes.pop(name, None)
        body = {k: attributes.pop(k) for k in _BODY if k in attributes}
        numbered = identity.numbered(attributes)
        annotate = attributes.get(_ANNOTATE)
        if type(annotate) is FunctionType:
            numbered[_ANNOTATE] = numbered[_ANNOTATE][0], _Annotator(annotate)
        plain = {name: _plain_value(cls, member) for name, member in members.items()}
        states = {name: dict(vars(member)) for name, member in members.items()}
        return (
            rebuilding.make_class,
            (identity.uid, type(cls), cls.__name__, cls.__bases__, body, plain),
            (numbered, states, _registered(cls)),
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
            return importlib.import_module, (module.__name__,)
        return rebuilding.module_named, (module.__name__,)

    def _descriptor(self, descriptor: Any) -> Any:
        return rebuilding.attribute_of, (descriptor.__objclass__, descriptor.__name__)

    def _abc_data(self, _: Any) -> Any:
        # Got into an object's attributes by functools.update_wrapper(object, abstract class).
        return rebuilding.nothing, ()

    def _type_alias(self, alias: Any) -> Any:
        try:
            value = alias.__value__
        except NameError as error:  # known to type checkers alone
            value = typing.ForwardRef(str(error.name))
        return rebuilding.type_alias, (alias.__name__, value, alias.__type_params__)

    def _new_type(self, kind: Any) -> Any:
        if self._reference(kind) is NotImplemented:
            return NotImplemented
        return rebuilding.new_type, (kind.__name__, kind.__supertype__, kind.__module__)

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
_BODY = ("__module__", "__qualname__", "__slots__", "__doc__", "__orig_bases__")

_REDUCERS: dict[type, Callable[[ByValuePickler, Any], Any]] = {
    CodeType: ByValuePickler._code,
    CellType: ByValuePickler._cell,
    ModuleType: ByValuePickler._module,
    property: ByValuePickler._property,
    types.MemberDescriptorType: ByValuePickler._descriptor,
    types.GetSetDescriptorType: ByValuePickler._descriptor,
    types.ClassMethodDescriptorType: ByValuePickler._descriptor,
    typing.NewType: ByValuePickler._new_type,
    type(vars(abc.ABC)["_abc_impl"]): ByValuePickler._abc_data,
    weakref.WeakKeyDictionary: ByValuePickler._weak_dictionary,
    weakref.WeakValueDictionary: ByValuePickler._weak_dictionary,
    typing.ForwardRef: ByValuePickler._forward_reference,
    _Annotator: ByValuePickler._annotator,
    _Namespace: ByValuePickler._namespace,
}

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
