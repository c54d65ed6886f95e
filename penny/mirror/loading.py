"""Loading: what of the submitter's is in a worker by its number, in which version.

Items say where to get what by number (`penny.mirror.headers`). A function or class that is here
stays the same object, whatever version is loaded; data of another version is another object.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from penny.by_value import rebuilding
from penny.by_value.identities import known, restore_versions, versions_of
from penny.mirror.bundles import FetchedBundles
from penny.mirror.headers import GONE, Item

__all__ = ["Loader", "Unfinished"]


class Unfinished(Exception):
    """Data is asked for by something that it contains."""


class _Unpickler(pickle.Unpickler):
    """Loads the state of a module: a value that has another name there is that name's."""

    def __init__(self, loader: Loader, form: bytes) -> None:
        super().__init__(io.BytesIO(form))
        self._loader = loader

    def persistent_load(self, pid: Any) -> Any:
        return self._loader.value_of(*pid)


class Loader:
    """What is here by number.

    Args:
        bundles: Those of the function table.
        named: Called when a value refers to another one by its name: with module and name, the
            latter's item, and it.
    """

    KEPT = 1024
    """Values that are kept by their numbers although names have others now: older tasks may need
    them, and a notebook that defines its functions anew would else fill the memory."""

    def __init__(
        self, bundles: FetchedBundles, named: Callable[[str, str, Item, Any], None]
    ) -> None:
        self._bundles = bundles
        self._named = named
        self.loaded: dict[int, tuple[int, Any]] = {}
        """By number: the version that is here, and the value."""
        self.items: dict[int, Item] = {}
        """Where to get what by number: the last item of each."""
        self.beside: dict[int, list[Item]] = {}
        """By number: all items that it came with last, what it uses among them."""
        # What is being loaded, outermost first, and what was here of it before.
        self._loading: dict[int, dict[str, Any]] = {}
        self._before: dict[int, dict[str, Any]] = {}
        self._pending: list[tuple[int, int, rebuilding.Pending]] = []

    def version(self, uid: int) -> int | None:
        """In which version the value of that number is here; None: in none."""
        entry = self.loaded.get(uid)
        return None if entry is None else entry[0]

    def load(self, uid: int) -> Any:
        """The value of that number, if anything that arrived has told of it; else None."""
        item = self.items.get(uid)
        return None if item is None else self.load_item(item)

    def load_apart(self, uid: int) -> Any:
        """Data, by its number. Raises Unfinished while that is being loaded."""
        if uid in self._loading:
            raise Unfinished
        return self.load(uid)

    def value_of(self, module: str, name: str, uid: int) -> Any:
        """What has that name, for another value that refers to it; or a `Pending`."""
        item = self.items[uid]
        if item.form == GONE:
            raise LookupError(f"{name} of {module} is no more")
        try:
            value = self.load_apart(uid)
        except Unfinished:
            # A function or class that the data contains, and that contains the data.
            owner = next(each for each in reversed(self._loading) if known(each) is not None)
            self._pending.append((uid, owner, pending := rebuilding.Pending()))
            return pending
        if item.name is not None:
            self._named(module, name, item, value)
        return value

    def load_item(self, item: Item) -> Any:
        """An item's value in its version."""
        entry = self.loaded.get(item.uid)
        if entry is not None and entry[0] == item.version:
            return entry[1]
        if item.uid in self._loading:
            found = known(item.uid)
            if found is not None:
                return found
        self._loading[item.uid] = versions_of(known(item.uid))
        try:
            value = _Unpickler(self, self._bundles.form_of(item)).load()
        finally:
            before = self._loading.pop(item.uid, {})
            if self._pending:
                self._before.setdefault(item.uid, before)
        self.loaded[item.uid] = item.version, value
        if self._pending and not self._loading:
            self._settle()
        return value

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        before, self._before = self._before, {}
        again = {owner for uid, owner, each in pending if not each.settle(self.load(uid))}
        for owner in again:  # deep within its parts: now that the data is there, once more
            restore_versions(known(owner), before[owner])
            del self.loaded[owner]
            self.load(owner)

    def forget(self, uid: int, current: Callable[[], set[int]]) -> None:
        """A value whose name has another one now. An older task may ask for it again.

        Args:
            uid: Its number.
            current: Gives the numbers of all that have a name now.
        """
        entry = self.loaded.get(uid)
        if entry is not None and known(uid) is None:  # data, which may be large
            self._let_go(uid)
        if len(self.loaded) > self.KEPT:
            named = current()
            for old in [uid for uid in self.loaded if uid not in named][: self.KEPT // 2]:
                self._let_go(old)

    def _let_go(self, uid: int) -> None:
        del self.loaded[uid]
        self.items.pop(uid, None)
        self.beside.pop(uid, None)
