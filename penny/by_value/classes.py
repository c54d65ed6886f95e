"""Classes by value: a class travels as its attributes.

It is put together without running any of the program's code: no metaclass's `__new__`, no
`__init_subclass__`, no `__set_name__`, all of which have run where it was defined. Members of an
enumeration, and properties, are here, since they may be there with their class.
"""

from __future__ import annotations

import _collections_abc
import abc
import copyreg
import enum
import pickle
import sys
import types
from types import FunctionType
from typing import Any

import cloudpickle

from penny.by_value import rebuilding
from penny.by_value.functions import Annotator, is_empty
from penny.by_value.identities import identity_of
from penny.by_value.names import is_importable
from penny.by_value.objects import PLAIN
from penny.by_value.reducing import Reducer

__all__ = [
    "class_attributes",
    "reduce_abc_data",
    "reduce_class",
    "reduce_descriptor",
    "reduce_member",
    "reduce_property",
]

_BUILTIN_TYPE = cloudpickle.cloudpickle._builtin_type
_ANNOTATE = "__annotate_func__"
_BODY = ("__module__", "__slots__", "__doc__", "__orig_bases__")


def reduce_class(pickler: Reducer, cls: type) -> Any:
    """By its name, or by value: its attributes, each with its version."""
    plain = pickler.usual(cls)
    if plain is not NotImplemented and plain[0] in (type, _BUILTIN_TYPE):
        return plain
    reference = pickler.reference(cls)
    if reference is not None:
        return reference
    if not cls.__flags__ & _HEAP_TYPE:  # C's: it is what it is, under another name or none
        return _type_of_c(cls)
    if pickler.pickling is not None:
        pickler.pickling.by_value(cls, (), True)
    identity = identity_of(cls)
    attributes = class_attributes(cls)
    _note_namespaces(pickler, cls, attributes)
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
        numbered[_ANNOTATE] = numbered[_ANNOTATE][0], Annotator(annotate)
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


def _note_namespaces(pickler: Reducer, cls: type, attributes: dict[str, Any]) -> None:
    for value in attributes.values():
        value = getattr(value, "__func__", value)
        for function in value, getattr(value, "__annotate__", None):
            if type(function) is FunctionType and function.__closure__:
                names = function.__code__.co_freevars
                for name, cell in zip(names, function.__closure__, strict=True):
                    if name == "__classdict__" and not is_empty(cell):
                        pickler.namespaces[id(cell.cell_contents)] = cls


def reduce_member(pickler: Reducer, member: enum.Enum) -> Any:
    """A member of an enumeration: by its class, wherever that is."""
    cls = type(member)
    name = getattr(member, "_name_", None)
    found = cls.__dict__.get("_member_map_", {}).get(name) is member
    if found and pickler.reference(cls) is not NotImplemented:
        return rebuilding.enum_member, (cls, name)
    return pickler.usual(member)


def reduce_descriptor(pickler: Reducer, descriptor: Any) -> Any:
    """An attribute that C code, or `__slots__`, gives a class: by class and name."""
    return rebuilding.attribute_of, (descriptor.__objclass__, descriptor.__name__)


def reduce_abc_data(pickler: Reducer, _: Any) -> Any:
    """What an abstract class keeps of its own: nothing of it travels."""
    # Got into an object's attributes by functools.update_wrapper(object, abstract class).
    return rebuilding.nothing, ()


def reduce_property(pickler: Reducer, value: property) -> Any:
    """A property that is an attribute of a class which is there: by its name."""
    # Of a class that is there by its module the very property: what it is made of may not
    # travel.
    getter = value.fget or value.fset or value.fdel
    found = _owner_of(getter, value)
    if found is not None and pickler.reference(found[0]) is NotImplemented:
        return getattr, found
    return pickler.usual(value)


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
    plain = PLAIN.get(kind)
    return member._value_ if plain is None else plain(member)


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
"""CPython's `Py_TPFLAGS_HEAPTYPE`: a class that was made while the program runs."""


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
