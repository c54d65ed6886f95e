"""Pickling by value, for what the other side could not import: functions, classes, what they hold.

The pickler asks, object by object, whoever knows how its kind is reduced: functions, classes,
objects, exceptions, annotations, references by name have a file each. For the rest of what plain
pickle can't do there is cloudpickle. `penny.by_value.rebuilding` puts together on the other side.

Who pickles may know modules that stand for each other here and there (`penny.by_value.names`): then
functions and classes that have names in such modules travel as references. `penny.mirror.originals`
is for the side that has the originals, `penny.mirror.mirror` for the side that stands for it.
"""

from __future__ import annotations

import abc
import contextlib
import enum
import functools
import io
import itertools
import pickle
import struct
import sys
import types
import typing
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from penny.by_value import rebuilding
from penny.by_value.classes import (
    reduce_abc_data,
    reduce_class,
    reduce_descriptor,
    reduce_member,
    reduce_property,
)
from penny.by_value.exception_values import Exceptions
from penny.by_value.functions import (
    Annotator,
    CachedFunction,
    Namespace,
    reduce_annotator,
    reduce_cached,
    reduce_cell,
    reduce_code,
    reduce_function,
    reduce_namespace,
)
from penny.by_value.names import Pickling, header_of, may_be_name, those_known
from penny.by_value.objects import (
    FRESH,
    plain_subclass,
    reduce_count,
    reduce_generator_context,
    reduce_partial_method,
    reduce_sorting_key,
    reduce_weak_dictionary,
)
from penny.by_value.proxies import is_proxy, path_of_proxy
from penny.by_value.random_streams import reduce_generator
from penny.by_value.reducing import PROTOCOL, Reducer
from penny.by_value.references import (
    name_in_library,
    reduce_module,
    reduce_singleton,
    reduce_stream,
)
from penny.by_value.type_hints import (
    reduce_forward_reference,
    reduce_new_type,
    reduce_type_alias,
    reduce_type_parameter,
)

__all__ = ["ByValuePickler", "dumps_by_value", "try_out"]


def dumps_by_value(value: object) -> bytes:
    """The pickled form, for `pickle.loads`, in one piece. Raises whatever pickling raises."""
    pickling = _begun()
    with io.BytesIO() as file:
        ByValuePickler(file, PROTOCOL, pickling).dump(value)
        return header_of(pickling) + file.getvalue()


def _begun() -> Pickling | None:
    names = those_known()
    return None if names is None else names.begin()


class ByValuePickler(Reducer):
    """cloudpickle's, which takes functions and classes in Penny's way. See `Reducer`."""

    @functools.cached_property
    def _exceptions(self) -> Exceptions:
        return Exceptions(try_out)

    def reducer_override(self, obj: Any) -> Any:
        """How to pickle `obj`; asked for each object but those of simple builtin types."""
        kind = type(obj)
        if kind is FunctionType:
            return reduce_function(self, obj)
        if issubclass(kind, type):
            return reduce_class(self, obj)
        if kind is CachedFunction:
            return reduce_cached(self, obj)
        special = _REDUCERS.get(kind)
        if special is not None:
            return special(self, obj)
        if issubclass(kind, enum.Enum):
            return reduce_member(self, obj)
        if issubclass(kind, ModuleType):  # a worker's, that stands for another one
            return reduce_module(self, obj)
        if issubclass(kind, BaseException):
            reduced = self._exception(obj)
            if not isinstance(reduced, str):
                return reduced
        if kind.__name__ == "JsProxy" or is_proxy(kind):
            path = path_of_proxy(obj)
            if path is not None:
                return rebuilding.from_js, (path,)
        if obj is sys.stdout or obj is sys.stderr or obj is sys.stdin:  # each side has its own
            return reduce_stream(obj)
        generator = reduce_generator(obj)
        if generator is not NotImplemented:
            return generator
        if self.state:
            fresh = FRESH.get(kind)
            if fresh is not None:
                return fresh(obj)
            if kind is itertools.count:
                return reduce_count(obj)
            plain = plain_subclass(kind, obj)
            if plain is not None:
                return plain
        if self.pickling is not None and may_be_name(kind):
            return reduce_singleton(self, obj)
        found = name_in_library(kind, obj, self.state)
        if found is not None and (self.pickling is None or self.pickling.finds(found[0])):
            return getattr, found
        return super().reducer_override(obj)

    def _exception(self, error: BaseException) -> Any:
        return self._exceptions.reduce(error)


class _TryingOut(ByValuePickler):
    """For one part of an exception: others in it see to their own parts."""

    def _exception(self, error: BaseException) -> Any:
        return Exception, ()


def try_out(value: Any) -> Any:
    """What a value is once it has travelled, but for exceptions in it.

    Raises whatever pickling and unpickling raise.
    """
    pickling = _begun()
    with io.BytesIO() as file:
        _TryingOut(file, PROTOCOL, pickling).dump(value)
        # Without a header: here is what it refers to.
        return pickle.loads(file.getvalue())


_REDUCERS: dict[type, Callable[[ByValuePickler, Any], Any]] = {
    CodeType: reduce_code,
    CellType: reduce_cell,
    ModuleType: reduce_module,
    property: reduce_property,
    contextlib._GeneratorContextManager: lambda _, manager: reduce_generator_context(manager),
    contextlib._AsyncGeneratorContextManager: lambda _, manager: reduce_generator_context(manager),
    struct.Struct: lambda _, made: (struct.Struct, (made.format,)),
    types.MemberDescriptorType: reduce_descriptor,
    types.GetSetDescriptorType: reduce_descriptor,
    types.ClassMethodDescriptorType: reduce_descriptor,
    typing.NewType: reduce_new_type,
    functools.partialmethod: reduce_partial_method,
    type(functools.cmp_to_key(lambda a, b: 0)): reduce_sorting_key,
    type(vars(abc.ABC)["_abc_impl"]): reduce_abc_data,
    weakref.WeakKeyDictionary: reduce_weak_dictionary,
    weakref.WeakValueDictionary: reduce_weak_dictionary,
    typing.ForwardRef: reduce_forward_reference,
    Annotator: reduce_annotator,
    Namespace: reduce_namespace,
}

for _name in "TypeVar", "ParamSpec", "TypeVarTuple":
    if hasattr(typing, _name):
        _REDUCERS[getattr(typing, _name)] = reduce_type_parameter
if hasattr(typing, "TypeAliasType"):
    _REDUCERS[typing.TypeAliasType] = reduce_type_alias
