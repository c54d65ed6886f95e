"""A worker's cache of functions: each is fetched from the function table and unpickled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penny.functions.forms import loads_function
from penny.mirror import mirror

__all__ = ["FunctionCache"]

AnyFunction = Callable[..., Any]


class FunctionCache(dict[int, AnyFunction]):
    """Functions that a worker keeps unpickled, by their serials.

    What is in the dictionary can be called as it is: names of the submitter's modules that it uses
    have the values with which it was submitted. When such a name gets another value all are set
    aside, until each has been looked at.
    """

    SIZE = 1024
    """A program that makes a new one for each task would else fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self._headers: dict[int, bytes] = {}
        self._aside: dict[int, AnyFunction] = {}

    def load(self, serial: int, form: Callable[[], bytes]) -> AnyFunction:
        """The function, as it can be called now. The one that was kept longest makes room.

        Args:
            serial: Its number.
            form: Gives its pickled form, if that is needed.
        """
        here = mirror.here
        function = self._aside.pop(serial, None)
        if function is None:
            if here is not None:
                here.last = b""
            function = loads_function(form())
            self._headers[serial] = b"" if here is None else here.last
        elif here is not None and (header := self._headers[serial]):
            here.install(header)
        self[serial] = function
        if len(self) + len(self._aside) > self.SIZE:
            kept = self._aside or self
            oldest = next(iter(kept))
            del self._headers[oldest]
            self.forgotten(kept.pop(oldest))
        return function

    def header(self, serial: int) -> bytes:
        """What a function needs of the submitter's modules: the header of its pickled form."""
        return self._headers.get(serial, b"")

    def set_aside(self) -> None:
        """Look at each before its next call: names have other values than before."""
        self._aside.update(self)
        self.clear()

    def forgotten(self, function: AnyFunction) -> None:
        """Called with a function that is kept no more."""
