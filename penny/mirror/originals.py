"""The submitter's modules, as its workers are to have them: its `__main__`, and others they lack.

Whatever is pickled for workers is looked through for what it uses of such modules: functions and
classes that it refers to, names that functions look up among their globals, and what those use in
turn (`penny.mirror.sending`). Each is a *definition* (`penny.mirror.definitions`), and goes into
the function table when it is first needed, and again when it has changed here. A pickle's header
says which definitions it needs (`penny.mirror.closure`), so a task sees the values of the moment at
which it was submitted. `penny.mirror.mirror` is the workers' side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from penny.mirror.around import Around, Later, Surroundings
from penny.mirror.bundles import Bundles, Stored
from penny.mirror.closure import Closure
from penny.mirror.definition import Uses
from penny.mirror.definitions import Definitions
from penny.mirror.headers import AROUND, OFFERS
from penny.mirror.modules import Modules, stays_here
from penny.mirror.needs import Needs
from penny.mirror.offers import Offers
from penny.mirror.sending import Sending

__all__ = ["Originals", "Submission"]


REMEMBERED = 256
"""Combinations of definitions whose header is kept: each keeps its values in the function table."""


class Originals:
    """The modules of this interpreter that workers lack, for the workers of one scheduler.

    Args:
        store: Puts a bundle into the function table; None: there is no room just now.
        surroundings: The interpreter's, which tasks are to have, too.
        later: What is installed here and workers did not begin with.

    Attributes:
        modules: The modules.
        used: What was needed by pickles since somebody last took this list.
    """

    def __init__(
        self,
        store: Callable[[bytes], Stored | None],
        surroundings: Surroundings | None = None,
        later: Later | None = None,
    ) -> None:
        self.modules = Modules()
        self._bundles = Bundles(store)
        self._definitions = Definitions(self.modules, self._bundles)
        self._offers = Offers(self._definitions, self._bundles)
        self._around = Around(surroundings, self._definitions, later)
        self.used: list[Needs] = []
        self._remembered: OrderedDict[Any, Needs] = OrderedDict()

    def begin(self) -> Submission:
        """Begin a pickling for the workers."""
        self.modules.look_around()
        return Submission(self, self._definitions)

    def looks_foreign(self, data: bytes) -> bool:
        """Whether a plain pickle refers to a module that workers lack; or, seldom, seems to."""
        return self.modules.looks_foreign(data)

    def take_used(self) -> list[Needs]:
        """What was needed by the pickles since the last call."""
        used, self.used = self.used, []
        return used

    def look_again(self) -> None:
        """Look into values that are too large for each submission to do so."""
        self._definitions.look_again()

    def gather(self, sending: Submission, entry: bool) -> Needs:
        """What a pickle needs, all of it in its present version.

        Args:
            sending: The pickling.
            entry: Whether it is of a function for the table, which brings the surroundings.

        Raises:
            PickleError: Something of it can't travel; says what needs it.
        """
        uses = sending.uses
        roots = (
            tuple(uses.refers),
            tuple(uses.names.items()),
            tuple(uses.absent),
            tuple(uses.modules),
            tuple(uses.wide.items()),
            entry,
        )
        needs = self._remembered.get(roots)
        if needs is None or not needs.fresh():
            needs = self._gather(uses, entry)
            self._remembered[roots] = needs
            self._tidy()
        return needs

    def _tidy(self) -> None:
        """Keep nothing alive that the program has let go of: it may be large."""
        for _ in range(min(4, len(self._remembered))):
            roots, needs = self._remembered.popitem(last=False)
            if needs.fresh() and len(self._remembered) < REMEMBERED:
                self._remembered[roots] = needs
        self.modules.tidy()

    def _gather(self, uses: Uses, entry: bool) -> Needs:
        closure = Closure(self._definitions)
        for definition in uses.refers.values():
            closure.add(definition, "")
        for name, hard in uses.names.items():
            closure.add_name(name, hard, "")
        for absent in uses.absent:
            closure.add_absent(absent)
        closure.modules.update(uses.modules)
        closure.wide.update(uses.wide)
        own = {*(item.module for item, _ in closure.items.values()), *closure.modules}
        version = self._around.version() if entry else 0
        for around in self._around.now(version) if version else ():
            closure.add_around(around)
        needed = closure.items
        for key in dict.fromkeys([*(item.module for item, _ in needed.values()), *closure.modules]):
            if key in AROUND:
                continue
            module = self.modules[key]
            if key not in own and stays_here(module.namespace):
                continue  # a notebook's machinery, of which some setting has a class, and no task
            offers = self._offers.of(module)
            if offers is not None:
                needed[OFFERS, key, 0] = offers.item, offers
        self._bundles.store_all()
        # Places are known now.
        final = [
            (definition.item._replace(name=item.name), definition)
            for item, definition in needed.values()
        ]
        return Needs(self._definitions, final, closure, self._around, version if entry else None)


class Submission(Sending):
    """One pickling of what goes into a slot or the table. It begins with a header.

    Attributes:
        entry: Whether it is of a function for the table.
        needs: What it needs, once the header has been made.
    """

    def __init__(self, originals: Originals, definitions: Definitions) -> None:
        super().__init__(definitions.modules, definitions.definition, definitions.building)
        self._originals = originals
        self.entry = False
        self.needs: Needs | None = None

    def header(self) -> bytes:
        """See `by_value.names.Pickling`."""
        uses = self.uses
        if not (uses.refers or uses.names or uses.absent or uses.modules or self.entry):
            return b""
        self.needs = self._originals.gather(self, self.entry)
        self._originals.used.append(self.needs)
        return self.needs.header
