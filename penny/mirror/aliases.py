"""Aliases: several names of one value, in one module or in several.

What is one object here is one in workers: a value that contains another name's refers to that name.
"""

from __future__ import annotations

from typing import Any

from penny.mirror.definition import Key
from penny.mirror.modules import Module, Modules
from penny.mirror.values import may_be_shared

__all__ = ["names_of_values"]


def names_of_values(
    modules: Modules, module: Module, within: set[str], building: list[Key]
) -> tuple[dict[int, Key], dict[int, Key]]:
    """Names of the module's other values, by identity: what contains one refers to it.

    Args:
        modules: All that workers lack.
        module: The module.
        within: Names whose values are being pickled in this pickle.
        building: Names whose values are being pickled, with their modules.

    Returns:
        Those that can be referred to, and those that are being pickled elsewhere.
    """
    unfinished = {other for key, other in building if key == module.key} - within
    first: dict[int, str] = {}
    for other, data in module.namespace.items():
        if may_be_shared(data):
            first.setdefault(id(data), other)
    for name in within:  # of several names of one value, the first has it
        if first.get(id(module.namespace[name])) in within:
            del first[id(module.namespace[name])]
    names: dict[int, Key] = {}
    busy: dict[int, Key] = {}
    for i, other in first.items():
        (busy if other in unfinished else names)[i] = module.key, other
    # What other modules have under a name of theirs, as after `from module import table`.
    for name in within:
        value = module.namespace[name]
        other_name = _elsewhere(modules, module, value) if may_be_shared(value) else None
        if other_name is not None:
            names[id(value)] = other_name
    return names, busy


def _elsewhere(modules: Modules, module: Module, value: Any) -> Key | None:
    """The name that a module which is known for longer has for the value."""
    for earlier in modules.values():
        if earlier is module:
            return None
        for name, other in earlier.namespace.items():
            if other is value:
                return earlier.key, name
    return None
