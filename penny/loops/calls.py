"""Parallel loops: for, map, reduce and sort, each split when and where another worker asks.

A worker runs its loop front to back, in chunks, and keeps one job spawned that stands for the rest.
That job names no items. What a thief gets is cut off the loop's end when the doorbell rings and the
job is pickled (`_Offer.__reduce__`); the loop goes on with less, and makes its next offer. So there
is one job a steal, however many items there are, and nothing is copied, split or put together while
nobody asks. A thief runs its part as a loop of its own, which is split likewise.

This is the splitter of D. Traoré et al., "Deque-Free Work-Optimal Parallel STL Algorithms",
Euro-Par 2008. That a loop finds out while it runs whether anybody needs its work is from A. Tzannes
et al., "Lazy Binary-Splitting", PPoPP 2010, who look after every few items and split by halves.

What is offered has to be worth sending. Items travel as pickles, and results do, too, which may
take as long as computing them. So a loop measures what an item costs to compute, by its first
chunks, and what it costs to send, by pickling some of those. A thief gets as many items as make
both finish at the same time, and none where that saves nothing.

The order of results, and which exception is raised, are those of the serial loop.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import reduce
from time import perf_counter
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any, ClassVar, TypeVar

from penny.errors import WorkerLost
from penny.functions.chunks import ChunkCall
from penny.jobs import job as jobs
from penny.kernels.kernel import Kernel
from penny.wire.pickles import dumps, loads

__all__ = ["parallel_for", "parallel_map", "parallel_reduce", "parallel_sort"]

T = TypeVar("T")
R = TypeVar("R")

# A loop looks after each chunk whether its offer has been taken, and can't give away a chunk that
# it has begun.
CHUNK_SECONDS = 0.5e-3

# Shorter times are not measured: a browser's clock ticks every 5 to 20 µs.
CLOCK_SECONDS = 50e-6

# No item costs less: where the clock stood still, too.
LEAST_SECONDS = 1e-9

# So much faster chunks grow at most while nothing is measured, or when it was an item of luck.
GROWTH = 8

# How long a thief takes from its request to its first item, and what else of the victim's time a
# steal takes: to measure transport, to promote, to join. The function is pickled in it, too.
STEAL_SECONDS = 200e-6
VICTIM_SECONDS = 300e-6

# An item is sent only if its transport takes no more than this share of computing it. Beyond, the
# formula below still promises a little; but it does not know what large pickles do to caches and
# allocators: measured, maps of cheap items got slower by sharing them.
TRANSPORT_SHARE = 1 / 2

# Loops of no more items are offered before the first item is measured: if items take long, each
# counts, and if they do not, so few cost little to send.
FEW = 64

# After so many offers that were pickled and then not taken, no more are made.
RETURNED_MAX = 8


def parallel_for(
    f: Callable[..., object],
    range_or_n: int | Iterable[Any],
    high: int | None = None,
    *,
    args: Sequence[Any] = (),
    grain: int | None = None,
) -> None:
    """Call `f(i)` for each `i`, in parallel; or `f(i, *args)`.

        parallel_for(f, 100)
        parallel_for(f, low, high, args=(image,))

    What `f` changes has to be shared between the workers: changes of ordinary objects stay in the
    worker that ran it. A kernel is called in chunks, by one call from Python each.

    Args:
        f: What to call: a function, or a kernel. Its results are dropped where they arise.
        range_or_n: A range, or n for `range(n)`; any other iterable of items will do, too. With
            `high`: the first i.
        high: The one after the last.
        args: More arguments, the same for each call. Another worker gets copies with its items.
        grain: The least number of items for another worker. None: found by measuring.

    Raises:
        TypeError: `f` is a kernel, and these are not its arguments; nothing was called.
        OverflowError: `f` is a kernel, and an argument is out of range; nothing was called.
        BaseException: What the first item, in order, raised that did. Of the later items some may
            have been run, unlike in a serial loop.
    """
    items = _sliceable(items_of_for(range_or_n, high))
    kind: type[_Loop] = _ForLoop
    if isinstance(f, Kernel):
        kind = _KernelLoop
        items = _Calls(items, kernel_arguments(f, items, args))
    elif args:
        kind = _CallLoop
        items = _Calls(items, tuple(args))
    _run(kind(_Call(kind, f), items, grain))


def items_of_for(range_or_n: int | Iterable[Any], high: int | None) -> Iterable[Any]:
    """The items that `parallel_for` is asked to go through."""
    if high is not None:
        if isinstance(range_or_n, Iterable):
            raise TypeError("parallel_for takes a range or items, or two ints, low and high")
        return range(operator.index(range_or_n), operator.index(high))
    if isinstance(range_or_n, Iterable):
        return range_or_n
    return range(operator.index(range_or_n))


def kernel_arguments(kernel: Kernel, items: Any, args: Sequence[Any]) -> tuple[Any, ...]:
    """What follows the item in each call of a kernel, checked. Raises TypeError, OverflowError."""
    if not isinstance(items, range):
        raise TypeError(
            f"parallel_for calls kernel {kernel.name} for the numbers of a range, not for items "
            f"of a {type(items).__name__}: have the kernel look into a SharedArray instead"
        )
    if not items:
        return kernel.bind_range(0, 1, tuple(args))
    return kernel.bind_range(min(items[0], items[-1]), max(items[0], items[-1]) + 1, tuple(args))


def parallel_map(f: Callable[[T], R], seq: Iterable[T], grain: int | None = None) -> list[R]:
    """`[f(x) for x in seq]`, in parallel.

    Items that another worker computes are sent to it as copies, and their results come back as
    copies. Lists, tuples, strings, ranges, arrays (also NumPy's) are sent as what they are; of
    anything else a list is made first.

    Args:
        f: What to call.
        seq: The items. They should not change meanwhile.
        grain: The least number of items for another worker. None: found by measuring.

    Returns:
        The results, in the order of the items.

    Raises:
        BaseException: What the first item, in order, raised that did. Of the later items some may
            have been run, unlike in a serial loop.
    """
    results: list[R] = _run(_MapLoop(_Call(_MapLoop, f), _sliceable(seq), grain))
    return results


def parallel_reduce(
    f: Callable[[T], R],
    seq: Iterable[T],
    op: Callable[[R, R], R],
    init: R,
    grain: int | None = None,
) -> R:
    """`functools.reduce(op, map(f, seq), init)`, in parallel.

    Args:
        f: What is called with each item.
        seq: The items. They should not change meanwhile.
        op: Combines two values, each a result of `f` or of `op`. It has to be associative, since
            neighbours are combined in any grouping; it need not be commutative. Sums of floats are
            not quite associative: their last digits may differ from run to run.
        init: The leftmost operand. It is used once, so it may be any value.
        grain: The least number of items for another worker. None: found by measuring.

    Returns:
        `op(… op(op(init, f(x0)), f(x1)) …)`; without items, `init`.

    Raises:
        BaseException: What the first item, in order, raised that did, or `op`.
    """
    if not callable(op):
        raise TypeError(f"op must be callable, not {op!r}")
    total: list[R] = _run(_ReduceLoop(_Call(_ReduceLoop, f, op), _sliceable(seq), grain, init))
    return total[0]


def parallel_sort(
    items: Iterable[T], key: Callable[[T], Any] | None = None, reverse: bool = False
) -> list[T]:
    """`sorted(items, key=key, reverse=reverse)`, in parallel: a new list, and stable.

    The list holds the items themselves, never copies: what other workers send back is an order.
    `key` is called once for each item, in parallel, too. Items, or their keys, must have a total
    order: without one (NaN), the result is another order than `sorted`'s.

    Args:
        items: What to sort.
        key: What to sort by; None: the items themselves.
        reverse: Whether the greatest comes first. Equal items keep their order nonetheless.

    Raises:
        BaseException: What `key` or a comparison raised.
    """
    values = list(items)
    if key is None:
        run: list[T] = _run(_SortLoop(_Call(_OrderLoop, sorted, reverse), values, None))
        return run
    keys = parallel_map(key, values)
    order = _run(_OrderLoop(_Call(_OrderLoop, sorted, reverse), keys, None))
    return [values[i] for i in order]


class _Known:
    """What is known of a function from earlier loops, by which one of cheap items needs no ado.

    Its cost is that of the dearest loop, which fades: a function whose items have lately been worth
    sending goes the careful way.
    """

    __slots__ = ("cost", "transport")

    def __init__(self) -> None:
        self.cost: float | None = None
        self.transport = 0.0

    def learn(self, loop: _Loop) -> None:
        if loop.computed:
            self.cost = max(loop.seconds / loop.computed, FADING * (self.cost or 0.0))
        if loop.transport is not None:
            self.transport = loop.transport

    def too_cheap(self, items: int) -> bool:
        """Whether so many items are not worth sending."""
        cost = self.cost
        if cost is None:
            return False
        return cost * items < VICTIM_SECONDS or self.transport > cost * TRANSPORT_SHARE


# By the function's id. A dead function's successor is misled for one loop, if it is as quick.
_known: dict[int, _Known] = {}
KNOWN_MAX = 1024

# What is left of a loop's cost after the next loop.
FADING = 0.9

# So many items show, after the first one alone, whether they are as cheap as ever.
PROBE = 64


def _run(loop: _Loop) -> Any:
    """The outcome of a user's loop."""
    if not jobs.checking and jobs.public is None:  # there is no other worker
        loop.do(0, loop.end)
        return loop.outcome()
    if not loop.few:
        return loop.execute()
    known = _known.get(loop.call.key)
    if known is None:
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        known = _known[loop.call.key] = _Known()
    if loop.grain is None and not jobs.checking and known.too_cheap(loop.end):
        loop.run_cheap(known)
    outcome = loop.execute()
    known.learn(loop)
    return outcome


# What can be sliced: a slice has the items that iterating comes to, and pickles as compactly as the
# whole.
_SLICEABLE = frozenset((list, tuple, range, str, bytes, bytearray, array))


def _sliceable(seq: Iterable[Any]) -> Any:
    kind = type(seq)
    if kind in _SLICEABLE or (kind.__module__ == "numpy" and kind.__name__ == "ndarray"):
        return seq
    return list(seq)


class _Call(ChunkCall[Any]):
    """A user's function as one for the function table, that a thief calls with a part of the loop.

    Args:
        kind: The loop that a thief runs.
        function: The user's function.
        argument: What else that loop needs.
    """

    def __init__(
        self, kind: type[_Loop], function: Callable[..., Any], argument: Any = None
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

    def __call__(self, part: _Offer | _Part) -> Any:  # type: ignore[override]
        """The outcome of a part that was stolen; of an offer that was not, it just says so."""
        if isinstance(part, _Offer):
            part.kept = True
            return None
        items, grain, cost, transport = part
        loop = self.kind(self, items, grain)
        loop.cost = cost
        loop.transport = transport
        return loop.execute()


_Part = tuple[Any, int | None, float | None, float | None]
"""What an offer is pickled as: the items, and the grain, cost and transport of their loop."""


class _Offer:
    """The argument of the job that stands for the rest of a loop.

    Where the job is run in place, its function gets this object. A thief gets a `_Part` instead:
    the items that were cut off the loop when this was pickled.
    """

    __slots__ = ("high", "job", "kept", "loop", "low", "open")

    def __init__(self, loop: _Loop) -> None:
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
        return self.low >= 0

    def __reduce__(self) -> Any:
        # Plain pickle fails with what only cloudpickle can do, and then this is called again.
        if not self.cut:
            self.low, self.high = self.loop.cut(self.open)
        loop = self.loop
        part = (loop.items[self.low : self.high], loop.grain, loop.cost, loop.transport)
        return tuple, (part,)


class _Loop(ABC):
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
    offer: _Offer | None = None
    """What can be stolen, or has been since the last chunk."""
    returned = 0
    """How many offers were cut off and not sent after all."""
    _unmeasured = 0.0, 0
    """Seconds and items of the last chunks, while they are too short for the clock."""

    def __init__(self, call: _Call, items: Any, grain: int | None) -> None:
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
        self.parted: list[_Offer] = []
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
        if low and high == len(self.items) and type(self.items) in _SLICEABLE:
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

    def run_cheap(self, known: _Known) -> None:
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
            offer = self.offer = _Offer(self)
            offer.job = jobs.spawn(self.call, offer)

    def _share(self) -> int:
        """How many of the items that are left a thief should get now.

        With c, the cost of an item, t, its transport, of which each side does one half, and n items
        left, this worker and a thief that gets k of them finish at the same time if
        (n - k) c = STEAL_SECONDS + k (c + t / 2). That saves this worker k (c - t / 2).
        """
        left = self.end - self.claimed
        if self.grain is not None:
            return max((left + 1) // 2, self.grain) if left >= self.grain else 0
        if left <= 0:
            return 0
        if jobs.checking:
            return (left + 1) // 2
        if self.cost is None:
            return (left + 1) // 2 if self.end <= self.few else 0
        transport = self.transport or 0.0
        if transport > self.cost * TRANSPORT_SHARE:
            return 0
        half_transport = transport / 2
        saving = self.cost - half_transport
        share = (left * self.cost - STEAL_SECONDS) / (2 * self.cost + half_transport)
        if share * saving < VICTIM_SECONDS:
            return 0
        return min(math.ceil(share), left)

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


class _ForLoop(_Loop):
    """Results are dropped."""

    def do(self, low: int, high: int) -> None:
        function = self.call.function
        for item in self.slice(low, high):
            function(item)

    def add(self, low: int, high: int, outcome: None) -> None:
        pass

    def outcome(self) -> None:
        pass

    def sample(self, count: int) -> None:
        pass


class _Calls:
    """Items, and what each call is given beside its item: a thief gets both."""

    __slots__ = ("args", "items")

    def __init__(self, items: Any, args: tuple[Any, ...]) -> None:
        self.items = items
        self.args = args

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, part: slice) -> _Calls:
        return _Calls(self.items[part], self.args)

    def __reduce__(self) -> Any:
        return _Calls, (self.items, self.args)


class _CallLoop(_ForLoop):
    """Each item is an argument of several."""

    def do(self, low: int, high: int) -> None:
        function, args = self.call.function, self.items.args
        for item in self.items.items[low:high]:
            function(item, *args)


class _KernelLoop(_ForLoop):
    """Kernels are called for whole chunks, which must be contiguous."""

    def do(self, low: int, high: int) -> None:
        kernel, args = self.call.function, self.items.args
        assert isinstance(kernel, Kernel)
        part = self.items.items[low:high]
        if abs(part.step) == 1:
            if part:
                kernel.run_range(min(part[0], part[-1]), max(part[0], part[-1]) + 1, args)
        else:
            for i in part:
                kernel.run_range(i, i + 1, args)


class _MapLoop(_Loop):
    """Results make a list."""

    def __init__(self, call: _Call, items: Any, grain: int | None) -> None:
        super().__init__(call, items, grain)
        self.results: list[Any] = []

    def do(self, low: int, high: int) -> None:
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
        self.results += outcome

    def outcome(self) -> list[Any]:
        return self.results

    def sample(self, count: int) -> list[Any]:
        return self.results[:count]


_BUILTIN_TYPES = (BuiltinFunctionType, MethodDescriptorType)


class _ReduceLoop(_Loop):
    """Results are combined: the total is a list of one value, or of none before the first item.

    `call.argument` is the operation.
    """

    def __init__(self, call: _Call, items: Any, grain: int | None, *initial: Any) -> None:
        super().__init__(call, items, grain)
        self.total = list(initial)

    def do(self, low: int, high: int) -> None:
        function, op = self.call.function, self.call.argument
        if low < high and not self.total:
            self.total = [function(self.items[low])]
            low += 1
        if low < high:
            results = [function(item) for item in self.items[low:high]]
            self.total = [reduce(op, results, self.total[0])]

    def add(self, low: int, high: int, outcome: list[Any]) -> None:
        if self.total and outcome:
            self.total = [self.call.argument(self.total[0], outcome[0])]
        else:
            self.total += outcome

    def outcome(self) -> list[Any]:
        return self.total

    def sample(self, count: int) -> None:
        pass  # a part has but one total


class _SortLoop(_Loop):
    """Chunks are sorted, and then merged into a run: a sorted list of the items so far.

    Merging is list.sort's: it finds the runs that are there already, and is stable. A thief hands
    back the order of its items, by which this worker picks them from its own.

    `call.argument` is whether the order is reversed.
    """

    few = 0

    def __init__(self, call: _Call, items: Any, grain: int | None) -> None:
        super().__init__(call, items, grain)
        self.run: list[Any] = []

    def do(self, low: int, high: int) -> None:
        self.run += sorted(self.items[low:high], reverse=self.call.argument)

    def add(self, low: int, high: int, outcome: array[int]) -> None:
        items = self.items[low:high]
        self.run += [items[i] for i in outcome]
        self.settle()

    def settle(self) -> None:
        self.run.sort(reverse=self.call.argument)

    def outcome(self) -> Any:
        return self.run

    def sample(self, count: int) -> array[int]:
        return array("I", range(count))


class _OrderLoop(_SortLoop):
    """The same of the indices of items: a run tells which item comes first, which next."""

    def do(self, low: int, high: int) -> None:
        key = self.items.__getitem__
        self.run += sorted(range(low, high), key=key, reverse=self.call.argument)

    def add(self, low: int, high: int, outcome: array[int]) -> None:
        self.run += [low + i for i in outcome]
        self.settle()

    def settle(self) -> None:
        self.run.sort(key=self.items.__getitem__, reverse=self.call.argument)

    def outcome(self) -> array[int]:
        return array("I", self.run)
