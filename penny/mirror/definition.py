"""A definition: the value of a name as it was sent, and what it needs of other names."""

from __future__ import annotations

from typing import Any

from penny.by_value.watching import Watch
from penny.mirror.headers import GONE, Item

__all__ = ["Definition", "Key", "Uses", "never"]


Key = tuple[str, str]
"""Of a name: that of its module, and it."""


class Uses:
    """What a pickle uses of the submitter's modules.

    Attributes:
        refers: Definitions that it refers to, by number.
        names: Names that its functions look up; whether they are lost without them.
        absent: Names that were not there.
        modules: Keys of modules that it refers to as such.
        wide: Keys of modules whose names it asks for by text, and the names that they had.
    """

    __slots__ = ("absent", "modules", "names", "refers", "wide")

    def __init__(self) -> None:
        self.refers: dict[int, Definition] = {}
        self.names: dict[Key, bool] = {}
        self.absent: dict[Key, None] = {}
        self.modules: dict[str, None] = {}
        self.wide: dict[str, frozenset[str]] = {}

    def update(self, others: Uses) -> None:
        """Use what the others use, too."""
        for each in self.__slots__:
            getattr(self, each).update(getattr(others, each))


class Definition:
    """The value of a name, as it was sent.

    Attributes:
        item: What headers say of it.
        value: The value; kept, so that nothing else can have its identity.
        uses: What it uses.
        watch: Whether it has changed within; None: it can't.
        doubtful: Whether it may have changed unnoticed.
        digest: Of its pickled form.
        holds: What keeps it in the function table.
    """

    __slots__ = (
        "digest",
        "doubtful",
        "form",
        "holds",
        "item",
        "uses",
        "value",
        "watch",
    )

    def __init__(self, item: Item, value: Any) -> None:
        self.item = item
        self.value = value
        self.uses = Uses()
        self.watch: Watch | None = None
        self.doubtful = False
        self.digest = b""
        self.form = b""
        self.holds: list[Any] = []

    def is_fresh(self) -> bool:
        """Whether the value is, within, what was sent."""
        return not self.doubtful and (self.watch is None or not self.watch.changed())


def never(key: str, name: str) -> Item:
    """The item of a name that the submitter has not had so far."""
    return Item(key, name, 0, 0, 0, GONE)
