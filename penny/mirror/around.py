"""What surrounds functions of the submitter's, as definitions: packages, surroundings, settings.

They come with each function of the table: where modules are found is to be known before these are
imported. A setting may be an object of the program's classes, which it then needs as any value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penny.by_value import identities
from penny.by_value.random_streams import generators_anew
from penny.mirror.closure import Closure
from penny.mirror.counting import Counter
from penny.mirror.definition import Definition
from penny.mirror.definitions import Definitions
from penny.mirror.headers import INSTALLED, SETTINGS, SURROUNDINGS, Item
from penny.wire.payload import dump_definition

__all__ = ["Around", "Later", "Surroundings"]


class Surroundings(Protocol):
    """What an interpreter's surroundings are: `penny.mirror.surroundings`."""

    def version(self) -> int:
        """A number for what they are now, from 1."""

    def form(self) -> bytes:
        """What they are now, for a worker."""

    def settings_form(self, dump: Callable[[object], bytes]) -> bytes:
        """What is set in modules of the standard library, of which `dump` pickles each value."""


class Later(Protocol):
    """What is installed after a scheduler was opened: `penny.mirror.installed.Later`."""

    form: bytes
    installs: Counter
    """Counts what may lead to another version."""

    def version(self) -> int:
        """A number for what there is now; 0: what workers began with."""


class Around:
    """Packages, surroundings and settings, for the workers of one scheduler.

    Args:
        surroundings: The interpreter's; None: they do not travel.
        definitions: What settings need.
        later: What is installed here and workers did not begin with; None: it does not travel.
    """

    def __init__(
        self,
        surroundings: Surroundings | None,
        definitions: Definitions,
        later: Later | None = None,
    ) -> None:
        self._surroundings = surroundings
        self._definitions = definitions
        self._later = later
        self._installs = -1
        self._later_version = 0
        self._installed: Definition | None = None
        self._made: list[Definition] = []

    def version(self) -> int:
        """A number for what the surroundings are now; 0: they do not travel."""
        if self._surroundings is None:
            return 0
        later = self._later
        if later is not None and later.installs.count != self._installs:
            self._installs = later.installs.count
            self._later_version = later.version()
        # Both only go up: if one does, so does the sum.
        return self._surroundings.version() + self._later_version

    def now(self, version: int) -> list[Definition]:
        """The definitions of all that surrounds, in that version."""
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
        installed = self._now_installed()
        return self._made if installed is None else [installed, *self._made]

    def _now_installed(self) -> Definition | None:
        version = self._later_version
        if self._later is None or not version:
            return None
        made = self._installed
        if made is None or made.item.version != version:
            uid = identities.next_uid() if made is None else made.item.uid
            made = Definition(Item(INSTALLED, "", uid, version, 0, b""), None)
            made.form = self._later.form
            self._definitions.keep(made)
            self._installed = made
        return made

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
