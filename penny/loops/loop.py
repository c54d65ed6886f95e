"""A parallel loop: items, one after the other, which are split when and where another worker asks.

A worker runs its loop front to back, in chunks, and keeps one job spawned that stands for the rest.
That job names no items. What a thief gets is cut off the loop's end when the doorbell rings and the
job is pickled (`Offer.__reduce__`); the loop goes on with less, and makes its next offer. So there
is one job a steal, however many items there are, and nothing is copied, split or put together while
nobody asks. A thief runs its part as a loop of its own, which is split likewise.

This is the splitter of D. Traoré et al., "Deque-Free Work-Optimal Parallel STL Algorithms",
Euro-Par 2008. That a loop finds out while it runs whether anybody needs its work is from A. Tzannes
et al., "Lazy Binary-Splitting", PPoPP 2010, who look after every few items and split by halves.

What is offered has to be worth sending. Items travel as pickles, and results do, too, which may
take as long as computing them. So a loop measures what an item costs to compute, by its first
chunks, and what it costs to send, by pickling some of those. A thief gets as many items as make
both finish at the same time, and none where that saves nothing: `penny.loops.costs`.

What the loops for, map, reduce and sort differ in is in `penny.loops.kinds`. The order of results,
and which exception is raised, are those of the serial loop.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import perf_counter
from typing import Any, ClassVar

from penny.errors import WorkerLost
from penny.functions.chunks import ChunkCall
from penny.jobs import job as jobs
from penny.loops.costs import (
    CHUNK_SECONDS,
    CLOCK_SECONDS,
    FEW,
    GROWTH,
    LEAST_SECONDS,
    PROBE,
    RETURNED_MAX,
    Known,
    known_of,
    share,
)
from penny.wire.pickles import dumps, loads

__all__ = ["Call", "Loop", "Offer", "Part", "run", "sliceable"]


def run(loop: Loop) -> Any:
    """The outcome of a user's loop."""
    if not jobs.checking and jobs.public is None:  # there is no other worker
        loop.do(0, loop.end)
        return loop.outcome()
    if not loop.few:
        return loop.execute()
    known = known_of(loop.call.key)
    if loop.grain is None and not jobs.checking and known.too_cheap(loop.end):
        loop.run_cheap(known)
    outcome = loop.execute()
    known.learn(loop.seconds, loop.computed, loop.transport)
    return outcome


# What can be sliced: a slice has the items that iterating comes to, and pickles as compactly as the
# whole.
SLICEABLE = frozenset((list, tuple, range, str, bytes, bytearray, array))


def sliceable(seq: Iterable[Any]) -> Any:
    """The items in a form that can be sliced: what they are, if it can be, else a list."""
    kind = type(seq)
    if kind in SLICEABLE or (kind.__module__ == "numpy" and kind.__name__ == "ndarray"):
        return seq
    return list(seq)


class Call(ChunkCall[Any]):
    """A user's function as one for the function table, that a thief calls with a part of the loop.

    Args:
        kind: The loop that a thief runs.
        function: The user's function.
        argument: What else that loop needs.
    """

    def __init__(
        self, kind: type[Loop], function: Callable[..., Any], argument: Any = None
    ) -> None:
        if not callable(function):
            raise TypeError(f"{function!r} is not callable")
        super().__init__(function)
        self.kind = kind
        self.argument = argument

    @property
    def key(self) -> int:
        """What the function's cost is remembered by."""
        return id(getattr(self.function, "__code__", self.function))

    def __call__(self, part: Offer | Part) -> Any:  # type: ignore[override]
        """The outcome of a part that was stolen; of an offer that was not, it just says so."""
        if isinstance(part, Offer):
            part.kept = True
            return None
        items, grain, cost, transport = part
        loop = self.kind(self, items, grain)
        loop.cost = cost
        loop.transport = transport
        return loop.execute()


Part = tuple[Any, int | None, float | None, float | None]
"""What an offer is pickled as: the items, and the grain, cost and transport of their loop."""


class Offer:
    """The argument of the job that stands for the rest of a loop.

    Where the job is run in place, its function gets this object. A thief gets a `Part` instead:
    the items that were cut off the loop when this was pickled.
    """

    __slots__ = ("high", "job", "kept", "loop", "low", "open")

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.job: jobs.Job[Any] | None = None
        self.open = True
        """Whether there is more to be had than an empty part."""
        self.low = self.high = -1
        """The items that were cut off, once they were; from then on they are not the loop's."""
        self.kept = False
        """Whether they were not sent after all: no room, or no thief came in time."""

    @property
    def cut(self) -> bool:
        """Whether its items were cut off the loop: it has been pickled."""
        return self.low >= 0

    def __reduce__(self) -> Any:
        # Plain pickle fails with what only cloudpickle can do, and then this is called again.
        if not self.cut:
            self.low, self.high = self.loop.cut(self.open)
        loop = self.loop
        part = (loop.items[self.low : self.high], loop.grain, loop.cost, loop.transport)
        return tuple, (part,)


class Loop(ABC):
    """A loop over items, or over a part of another's, on this worker.

    The doorbell's handler may run between any two bytecodes of this and pickle an offer, which
    calls `cut`. It touches nothing but `end`, and reads nothing but `claimed` and the costs.

    Args:
        call: What a thief calls.
        items: What can be sliced.
        grain: The least number of items that is given away; None: go by the costs.
    """

    few: ClassVar[int] = FEW
    """How many items may be offered before any is measured; 0: none, and the next loop differs."""

    cost: float | None = None
    """Seconds that an item takes to compute."""
    _exact = False
    """Whether the cost is of a chunk long enough for the clock."""
    seconds = 0.0
    computed = 0
    """How many items were computed here and timed, and how long that took."""
    transport: float | None = None
    """Seconds that an item and its result take to be pickled and unpickled."""
    claimed = 0
    """The items before this one are done, or being done here."""
    offer: Offer | None = None
    """What can be stolen, or has been since the last chunk."""
    returned = 0
    """How many offers were cut off and not sent after all."""
    _unmeasured = 0.0, 0
    """Seconds and items of the last chunks, while they are too short for the clock."""

    def __init__(self, call: Call, items: Any, grain: int | None) -> None:
        if grain is not None:
            grain = operator.index(grain)
            if grain < 1:
                raise ValueError(f"grain must be at least 1, not {grain}")
        self.call = call
        self.items = items
        self.grain = grain
        self.size = grain or 1
        """Items in the next chunk."""
        self.end = len(items)
        """Where the items end that are this loop's."""
        self.parted: list[Offer] = []
        """What has been stolen, from back to front."""

    # -- What the kinds of loops differ in -------------------------------------------------------

    @abstractmethod
    def do(self, low: int, high: int) -> None:
        """Compute some items, which follow those that were computed or added last."""

    @abstractmethod
    def add(self, low: int, high: int, outcome: Any) -> None:
        """Take over the outcome of a thief's loop, likewise."""

    @abstractmethod
    def outcome(self) -> Any:
        """What all items have come to, in the form in which a thief hands it back."""

    @abstractmethod
    def sample(self, count: int) -> Any:
        """What a thief would hand back for the first items."""

    def slice(self, low: int, high: int) -> Any:
        """Some of the items, to be iterated over once."""
        if low and high == len(self.items) and type(self.items) in SLICEABLE:
            rest: Any = iter(self.items)  # a copy would cost more than a hundredth of cheap items
            rest.__setstate__(low)
            return rest
        return self.items[low:high]

    def settle(self) -> None:
        """Do what can be done before a thief is waited for."""
        return

    # -- Running ---------------------------------------------------------------------------------

    def execute(self) -> Any:
        """Run the loop, sharing it with whoever asks, and return its outcome."""
        try:
            while True:
                self._run_front()
                self._withdraw()
                self.settle()
                if not self.parted:
                    break
                offer = self.parted[-1]  # what follows the items done so far
                assert offer.job is not None
                outcome = offer.job.join()
                self.parted.pop()
                if offer.kept:
                    self.returned += 1
                    self.claimed, self.end = offer.low, offer.high
                else:
                    self.add(offer.low, offer.high, outcome)
        except BaseException:
            self._abandon()
            raise
        return self.outcome()

    def run_cheap(self, known: Known) -> None:
        """Compute all items at once, if the first ones are as cheap as is known; else those."""
        assert known.cost is not None
        for low, high in (0, 1), (1, PROBE), (PROBE, self.end):
            count = min(high, self.end) - low
            if count <= 0:
                break
            self.claimed = low + count
            began = perf_counter()
            self.do(low, low + count)
            seconds = perf_counter() - began
            self.seconds += seconds
            self.computed += count
            if seconds > 2 * known.cost * count + CLOCK_SECONDS:
                break

    def _run_front(self) -> None:
        """Compute what has not been given away, from the front."""
        while (low := self.claimed) < self.end:
            # The handler may cut a part off in between: first claim, then look what is left.
            high = self.claimed = low + self.size
            if high > self.end:
                high = self.claimed = self.end
            self._trade(low)
            if self.grain is None:
                began = perf_counter()
                self.do(low, high)
                self._measure(perf_counter() - began, high - low)
            else:
                self.do(low, high)

    def _measure(self, seconds: float, items: int) -> None:
        """Find from a chunk's time what an item costs, and how large the next should be."""
        self.seconds += seconds
        self.computed += items
        seconds += self._unmeasured[0]
        items += self._unmeasured[1]
        if seconds < CLOCK_SECONDS or not items:
            self._unmeasured = seconds, items
            self.size *= GROWTH
            if self.cost is None and self.end <= self.few and items:
                # Inexact, but enough to see that it is not long.
                self.cost = max(seconds / items, LEAST_SECONDS)
        else:
            self._unmeasured = 0.0, 0
            cost = max(seconds / items, LEAST_SECONDS)
            # A chunk during which something else had the processor is no reason to share.
            self.cost = min(cost, 2 * self.cost) if self.cost and self._exact else cost
            self._exact = True
            self.size = max(1, min(int(CHUNK_SECONDS / self.cost), self.size * GROWTH))

    def _measure_transport(self, done: int) -> float:
        """Seconds to send an item and its result, by some of each; infinite if they can't be."""

        def send(count: int) -> float:
            began = perf_counter()
            loads(dumps(self.items[self.end - count : self.end]))
            loads(dumps(self.sample(count)))
            return perf_counter() - began

        most = max(1, done // 2)
        count = 1
        try:
            # The better of two, less what it takes for no items: the clock is coarse.
            nothing = min(send(0), send(0))
            seconds = min(send(1), send(1))
            while seconds < CLOCK_SECONDS and count < most:
                count = min(count * 16, most)
                seconds = min(send(count), send(count))
        except Exception:
            return math.inf
        return max(0.0, seconds - nothing) / count

    # -- Sharing ---------------------------------------------------------------------------------

    def _trade(self, done: int) -> None:
        """See whether the offer was taken; have one if that is worth while, and else none."""
        if self.offer is not None and self.offer.cut:
            self.parted.append(self.offer)
            self.offer = None
        worth = self._share() > 0
        if worth and self.transport is None and self.cost is not None and done:
            self.transport = self._measure_transport(done)
            worth = self._share() > 0
        if not worth:
            self._withdraw()
        elif self.offer is None and self.returned < RETURNED_MAX:
            offer = self.offer = Offer(self)
            offer.job = jobs.spawn(self.call, offer)

    def _share(self) -> int:
        """How many of the items that are left a thief should get now."""
        left = self.end - self.claimed
        if self.grain is not None:
            return max((left + 1) // 2, self.grain) if left >= self.grain else 0
        if left <= 0:
            return 0
        if jobs.checking:
            return (left + 1) // 2
        if self.cost is None:
            return (left + 1) // 2 if self.end <= self.few else 0
        return share(left, self.cost, self.transport or 0.0)

    def cut(self, some: bool) -> tuple[int, int]:
        """Cut off what a thief gets: nothing unless `some`. Called masked, in pickling a job."""
        high = self.end
        if some:
            self.end -= self._share()
        return self.end, high

    def _withdraw(self) -> None:
        """Make an end of the present offer."""
        offer, self.offer = self.offer, None
        if offer is None or offer.job is None:
            return
        offer.open = False
        if offer.low < offer.high:
            self.parted.append(offer)
        else:  # it is private; or, by bad timing, somebody got an empty part
            with suppress(WorkerLost):
                offer.job.join()

    def _abandon(self) -> None:
        """Call in what was given away: the loop has failed at an item before it."""
        offers = self.parted if self.offer is None else [*self.parted, self.offer]
        waiting = []
        for offer in offers:
            offer.open = False
            if offer.job is not None and not offer.job.cancel():
                offer.job.ask_cancel()
                waiting.append(offer.job)
        for job in waiting:
            # How it ends is of no interest: a serial loop would not have come so far.
            with suppress(BaseException):
                job.join()
