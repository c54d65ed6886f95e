"""What all ways to reduce have in common: a pickling's state, while it goes through a value.

To *reduce* an object is pickle's word for saying how it is put together: a callable, its arguments,
and a state. Functions, classes, objects and what annotations consist of have a file each; each
takes the `Reducer` that asks.
"""

from __future__ import annotations

from typing import Any

import cloudpickle

from penny.by_value.names import Pickling, is_importable

__all__ = ["PROTOCOL", "Reducer"]

PROTOCOL = 5


class Reducer(cloudpickle.Pickler):  # type: ignore[misc]
    """One pickling by value.

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
        self.kept = kept
        self.pickling = pickling
        self.state = state
        self.top = top
        self.namespaces: dict[int, type] = {}
        """Namespaces of classes, by identity: annotations look names up in them."""
        self.cells: set[int] = set()
        """Identities of the cells of functions that go by value: these fill them."""
        self.parameters: dict[int, tuple[Any, int]] = {}
        """Type parameters of aliases that go by value, by identity."""

    def usual(self, obj: Any) -> Any:
        """How cloudpickle reduces an object; NotImplemented: as plain pickle does it."""
        return super().reducer_override(obj)

    def reference(self, value: Any) -> Any:
        """How to pickle a function or class by its name: see `Pickling`; None: it goes by value."""
        if value is self.top:
            return None
        if self.pickling is not None:
            return self.pickling.reference(value)
        return NotImplemented if is_importable(value) else None
