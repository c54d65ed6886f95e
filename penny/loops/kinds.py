"""The kinds of parallel loops: what each does with its items, and with the outcome of a part.

A kind says how items are computed (`do`), how the outcome of a thief's part is taken over (`add`),
what all of it has come to (`outcome`), and what a thief would send back for some items (`sample`),
by which transport is measured. Sharing is the same for all: `penny.loops.loop`.
"""

from __future__ import annotations

from array import array
from functools import reduce
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any

from penny.kernels.kernel import Kernel
from penny.loops.loop import Call, Loop

__all__ = [
    "CallLoop",
    "Calls",
    "ForLoop",
    "KernelLoop",
    "MapLoop",
    "OrderLoop",
    "ReduceLoop",
    "SortLoop",
]


class ForLoop(Loop):
    """Results are dropped."""

    def do(self, low: int, high: int) -> None:
        """Call the function for each of some items."""
        function = self.call.function
        for item in self.slice(low, high):
            function(item)

    def add(self, low: int, high: int, outcome: None) -> None:
        """Nothing comes back from a thief."""

    def outcome(self) -> None:
        """Nothing."""

    def sample(self, count: int) -> None:
        """Nothing, whatever the items."""


class Calls:
    """Items, and what each call is given beside its item: a thief gets both."""

    __slots__ = ("args", "items")

    def __init__(self, items: Any, args: tuple[Any, ...]) -> None:
        self.items = items
        self.args = args

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, part: slice) -> Calls:
        return Calls(self.items[part], self.args)

    def __reduce__(self) -> Any:
        return Calls, (self.items, self.args)


class CallLoop(ForLoop):
    """Each item is an argument of several."""

    def do(self, low: int, high: int) -> None:
        """Call the function for each of some items, with the other arguments."""
        function, args = self.call.function, self.items.args
        for item in self.items.items[low:high]:
            function(item, *args)


class KernelLoop(ForLoop):
    """Kernels are called for whole chunks, which must be contiguous."""

    def do(self, low: int, high: int) -> None:
        """Call the kernel once for some numbers, or, where they have gaps, for each."""
        kernel, args = self.call.function, self.items.args
        assert isinstance(kernel, Kernel)
        part = self.items.items[low:high]
        if abs(part.step) == 1:
            if part:
                kernel.run_range(min(part[0], part[-1]), max(part[0], part[-1]) + 1, args)
        else:
            for i in part:
                kernel.run_range(i, i + 1, args)


class MapLoop(Loop):
    """Results make a list."""

    def __init__(self, call: Call, items: Any, grain: int | None) -> None:
        super().__init__(call, items, grain)
        self.results: list[Any] = []

    def do(self, low: int, high: int) -> None:
        """Compute some results, and append them."""
        function = self.call.function
        if isinstance(function, _BUILTIN_TYPES):
            results = list(map(function, self.slice(low, high)))
        else:
            # As fast as any loop in Python can be, and without a C frame below the function.
            results = [function(item) for item in self.slice(low, high)]
        if len(results) > len(self.results):
            # To move pointers is cheap. To append them touches each object twice.
            results[:0] = self.results
            self.results = results
        else:
            self.results += results

    def add(self, low: int, high: int, outcome: list[Any]) -> None:
        """Append a thief's results."""
        self.results += outcome

    def outcome(self) -> list[Any]:
        """The results in a list, in the order of the items."""
        return self.results

    def sample(self, count: int) -> list[Any]:
        """The first results."""
        return self.results[:count]


_BUILTIN_TYPES = (BuiltinFunctionType, MethodDescriptorType)


class ReduceLoop(Loop):
    """Results are combined: the total is a list of one value, or of none before the first item.

    `call.argument` is the operation.
    """

    def __init__(self, call: Call, items: Any, grain: int | None, *initial: Any) -> None:
        super().__init__(call, items, grain)
        self.total = list(initial)

    def do(self, low: int, high: int) -> None:
        """Combine the results of some items with the total."""
        function, op = self.call.function, self.call.argument
        if low < high and not self.total:
            self.total = [function(self.items[low])]
            low += 1
        if low < high:
            results = [function(item) for item in self.items[low:high]]
            self.total = [reduce(op, results, self.total[0])]

    def add(self, low: int, high: int, outcome: list[Any]) -> None:
        """Combine a thief's total, if it had items, with the one here."""
        if self.total and outcome:
            self.total = [self.call.argument(self.total[0], outcome[0])]
        else:
            self.total += outcome

    def outcome(self) -> list[Any]:
        """The total in a list; without items and an initial value, an empty one."""
        return self.total

    def sample(self, count: int) -> None:
        """Nothing: a part has but one total."""


class SortLoop(Loop):
    """Chunks are sorted, and then merged into a run: a sorted list of the items so far.

    Merging is list.sort's: it finds the runs that are there already, and is stable. A thief hands
    back the order of its items, by which this worker picks them from its own.

    `call.argument` is whether the order is reversed.
    """

    few = 0

    def __init__(self, call: Call, items: Any, grain: int | None) -> None:
        super().__init__(call, items, grain)
        self.run: list[Any] = []

    def do(self, low: int, high: int) -> None:
        """Append some items, sorted, as a run of their own."""
        self.run += sorted(self.items[low:high], reverse=self.call.argument)

    def add(self, low: int, high: int, outcome: array[int]) -> None:
        """Pick items in the order that a thief has found, and merge them."""
        items = self.items[low:high]
        self.run += [items[i] for i in outcome]
        self.settle()

    def settle(self) -> None:
        """Merge the runs that there are."""
        self.run.sort(reverse=self.call.argument)

    def outcome(self) -> Any:
        """The items in order."""
        return self.run

    def sample(self, count: int) -> array[int]:
        """An order of as many items."""
        return array("I", range(count))


class OrderLoop(SortLoop):
    """Indices of items are sorted by the items: a run tells which item comes first, which next."""

    def do(self, low: int, high: int) -> None:
        """Append the indices of some items, sorted by those, as a run of their own."""
        key = self.items.__getitem__
        self.run += sorted(range(low, high), key=key, reverse=self.call.argument)

    def add(self, low: int, high: int, outcome: array[int]) -> None:
        """Merge a thief's order, whose indices count from its first item."""
        self.run += [low + i for i in outcome]
        self.settle()

    def settle(self) -> None:
        """Merge the runs that there are."""
        self.run.sort(key=self.items.__getitem__, reverse=self.call.argument)

    def outcome(self) -> array[int]:
        """The indices in order, in as few bytes as pickles take."""
        return array("I", self.run)
