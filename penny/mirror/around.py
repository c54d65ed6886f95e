"""What surrounds functions of the submitter's, as definitions: surroundings and settings.

They come with each function of the table: where modules are found is to be known before these are
imported. A setting may be an object of the program's classes, which it then needs as any value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penny.by_value import identities
from penny.by_value.random_streams import generators_anew
from penny.mirror.closure import Closure
from penny.mirror.definition import Definition
from penny.mirror.definitions import Definitions
from penny.mirror.headers import SETTINGS, SURROUNDINGS, Item
from penny.wire.payload import dump_definition

__all__ = ["Around", "Surroundings"]


class Surroundings(Protocol):
    """What an interpreter's surroundings are: `penny.mirror.surroundings`."""

    def version(self) -> int:
        """A number for what they are now, from 1."""

    def form(self) -> bytes:
        """What they are now, for a worker."""

    def settings_form(self, dump: Callable[[object], bytes]) -> bytes:
        """What is set in modules of the standard library, of which `dump` pickles each value."""


class Around:
    """Surroundings and settings, for the workers of one scheduler.

    Args:
        surroundings: The interpreter's; None: they do not travel.
        definitions: What settings need.
    """

    def __init__(self, surroundings: Surroundings | None, definitions: Definitions) -> None:
        self._surroundings = surroundings
        self._definitions = definitions
        self._made: list[Definition] = []

    def version(self) -> int:
        """A number for what the surroundings are now; 0: they do not travel."""
        return 0 if self._surroundings is None else self._surroundings.version()

    def now(self, version: int) -> list[Definition]:
        """The definitions of the surroundings and of the settings, in that version."""
        before = self._made
        if not before or before[0].item.version != version:
            assert self._surroundings is not None
            around, settings = made = [
                Definition(
                    Item(
                        module,
                        "",
                        before[i].item.uid if before else identities.next_uid(),
                        version,
                        0,
                        b"",
                    ),
                    None,
                )
                for i, module in enumerate((SURROUNDINGS, SETTINGS))
            ]
            around.form = self._surroundings.form()
            settings.form = self._surroundings.settings_form(
                lambda value: self._setting(value, settings)
            )
            self._definitions.keep(around)
            self._definitions.keep(settings)
            self._made = made
        return self._made

    def _setting(self, value: object, settings: Definition) -> bytes:
        """The pickled form of a part of the settings; they need what it refers to.

        Raises:
            Exception: It can't travel, or something that it needs.
        """
        sending = self._definitions.begin()
        with generators_anew():
            form, arrays = dump_definition(
                value, sending, top=False, names={}, refer=sending.refer_to, busy={}
            )
        made = Definition(settings.item, None)
        made.uses = sending.uses
        Closure(self._definitions).add_around(made)
        settings.holds += arrays
        settings.uses.update(made.uses)
        return form
