"""Bundles: rows of the function table that map numbers of values to their pickled forms.

What a pickle needs is small and many: a row each would fill the table. So what has been pickled
since goes into one row, and a worker that needs something of it fetches the row. What is large has
a bundle of its own.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from penny.by_value.reducing import PROTOCOL
from penny.mirror.definition import Definition
from penny.mirror.headers import Item
from penny.wire.payload import LARGE

__all__ = ["Bundles", "FetchedBundles", "Stored"]

INLINE = 128
"""Bytes up to which a value goes within the header: a place in the function table takes more."""


class Stored(Protocol):
    """A bundle in the function table: it is there for as long as somebody has this."""

    @property
    def place(self) -> int:
        """Where workers find it."""


class Bundles:
    """The submitter's side: what has been pickled, on its way into the function table.

    Args:
        store: Puts a bundle into the function table; None: there is no room just now.
    """

    def __init__(self, store: Callable[[bytes], Stored | None]) -> None:
        self._store = store
        self._unstored: list[Definition] = []

    def add(self, made: Definition) -> None:
        """A definition that has been pickled: small ones go within headers."""
        if len(made.form) <= INLINE:
            made.item = made.item._replace(form=made.form)
        else:
            self._unstored.append(made)

    def store_all(self) -> None:
        """Put what has been pickled since into the function table, what is small in one bundle."""
        unstored, self._unstored = self._unstored, []
        self._store_together([each for each in unstored if len(each.form) < LARGE])
        for each in unstored:
            if len(each.form) >= LARGE:
                self._store_together([each])

    def _store_together(self, definitions: list[Definition]) -> None:
        if not definitions:
            return
        bundle = self._store(
            pickle.dumps({each.item.uid: each.form for each in definitions}, PROTOCOL)
        )
        for each in definitions:
            if bundle is None:  # each pickle takes it along
                each.item = each.item._replace(form=each.form)
            else:
                each.item = each.item._replace(place=bundle.place)
                each.holds.append(bundle)
            each.form = b""


class FetchedBundles:
    """A worker's side: the bundles that it has fetched last.

    Args:
        fetch: The bundle at a place of the function table; None: it is there no more.
    """

    KEPT = 8
    """Bundles that are kept: a task needs few, and what they held is loaded by then."""

    def __init__(self, fetch: Callable[[int], bytes | None]) -> None:
        self._fetch = fetch
        self._fetched: OrderedDict[int, dict[int, bytes]] = OrderedDict()

    def form_of(self, item: Item) -> bytes:
        """The pickled form of an item's value.

        Raises:
            LookupError: It is in the table no more.
        """
        if not item.place:
            return item.form
        bundle = self._fetched.get(item.place)
        if bundle is None:
            data = self._fetch(item.place)
            if data is None:
                raise LookupError(
                    f"{item.name or 'a value'} of {item.module} is in the scheduler's table no "
                    "more: the task that needs it was submitted by one that has ended"
                )
            bundle = pickle.loads(data)
            if len(bundle) > 1:  # what is large has one of its own, and is loaded now
                self._fetched[item.place] = bundle
                if len(self._fetched) > self.KEPT:
                    self._fetched.popitem(last=False)
        return bundle[item.uid]
