"""Bundles: rows of the function table that map numbers of values to their pickled forms.

What a pickle needs is small and many: a row each would fill the table. So what has been pickled
since goes into one row, and a worker that needs something of it fetches the row. What is large has
a bundle of its own.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable

from penny.mirror.headers import Item

__all__ = ["FetchedBundles"]


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
