"""What loops know of costs: how long items and steals take, and what is worth sending by that.

The constants hold on any machine within a factor of a few: they decide where sharing begins to pay,
and near there it matters little. Figures named here are in `benchmarks/latest.json`; they are of
two cores, Chromium and Pyodide, as the constants are.
"""

from __future__ import annotations

import math

__all__ = [
    "CHUNK_SECONDS",
    "CLOCK_SECONDS",
    "FEW",
    "GROWTH",
    "LEAST_SECONDS",
    "PROBE",
    "RETURNED_MAX",
    "Known",
    "known_of",
    "share",
]

# -- Chunks ----------------------------------------------------------------------------------------

# A loop looks after each chunk whether its offer has been taken, and can't give away a chunk that
# it has begun. So a thief that came too late for one waits so much longer at most, a few times what
# a steal takes; and the look, some microseconds, is about a hundredth of the chunk.
CHUNK_SECONDS = 0.5e-3

# Shorter times are not measured. A browser's clock ticks every 5 µs (Chromium, isolated: see
# docs/traces.md) to 20 µs (Firefox), as their pages on `performance.now()` say: this is two to ten
# ticks.
CLOCK_SECONDS = 50e-6

# No item costs less: where the clock stood still, too. Not measured: it keeps quotients finite, and
# no call of Python's takes so little (`forkjoin/spawn-join`: an empty one takes 40 ns).
LEAST_SECONDS = 1e-9

# So much faster chunks grow at most while nothing is measured, or when it was an item of luck. From
# one item of 40 ns to a chunk takes five steps; and if the next item is a million times as dear,
# no more than seven others wait in the chunk with it.
GROWTH = 8

# -- Steals ----------------------------------------------------------------------------------------

# How long a thief takes from its request to its first item. `forkjoin/steal-latency` measures it
# for single jobs (a median of 80 µs, seven of nine deciles within 120); the rest is for the
# function, which is pickled and unpickled with a loop's first offer, and for a thief that sleeps
# (`scaling/cost-notify`, `-wake`: 35 and 50 µs).
STEAL_SECONDS = 200e-6

# What else of the victim's time a steal takes: to measure transport (at least eight picklings of up
# to CLOCK_SECONDS), to promote (`scaling/cost-promotion`: 40 µs), to join. Rounded up: a loop that
# saves less than this does not notice it.
VICTIM_SECONDS = 300e-6

# An item is sent only if its transport takes no more than this share of computing it. Beyond, the
# formula of `share` still promises a little; but it does not know what large pickles do to caches
# and allocators: measured, maps of cheap items got slower by sharing them. `forkjoin/map` watches
# it: 100,000 times x*x is as fast as a list comprehension, and would not be if it were shared.
TRANSPORT_SHARE = 1 / 2

# Loops of no more items are offered before the first item is measured: if items take long, each
# counts, and if they do not, so few cost little to send (some 10 µs as a pickle of numbers).
FEW = 64

# After so many offers that were pickled and then not taken, no more are made: each took about a
# promotion (40 µs), and all of them together half a chunk or so.
RETURNED_MAX = 8


def share(left: int, cost: float, transport: float) -> int:
    """How many items a thief should get of those that are left; 0: sending would not save anything.

    With c, the cost of an item, t, its transport, of which each side does one half, and n items
    left, this worker and a thief that gets k of them finish at the same time if
    (n - k) c = STEAL_SECONDS + k (c + t / 2). That saves this worker k (c - t / 2).

    Args:
        left: Items that nobody has begun; at least 1.
        cost: Seconds that an item takes to compute; more than 0.
        transport: Seconds that an item and its result take to be pickled and unpickled.
    """
    if transport > cost * TRANSPORT_SHARE:
        return 0
    half_transport = transport / 2
    saving = cost - half_transport
    items = (left * cost - STEAL_SECONDS) / (2 * cost + half_transport)
    if items * saving < VICTIM_SECONDS:
        return 0
    return min(math.ceil(items), left)


# -- What is known of functions --------------------------------------------------------------------

# What is left of a loop's cost after the next loop. So one loop during which the machine did
# something else, twice as slow, say, is forgotten after seven.
FADING = 0.9

# So many items show, after the first one alone, whether they are as cheap as ever. Those that are
# known to be cheap (`Known.too_cheap`) take microseconds together, which the clock can still tell
# from items that have become dear.
PROBE = 64

# No program has more functions in loops than that, except one that makes them anew each time; then
# nothing would be known of them anyway.
KNOWN_MAX = 1024


class Known:
    """What is known of a function from earlier loops, by which one of cheap items needs no ado.

    Its cost is that of the dearest loop, which fades: a function whose items have lately been worth
    sending goes the careful way.
    """

    __slots__ = ("cost", "transport")

    def __init__(self) -> None:
        self.cost: float | None = None
        """Seconds an item; None: no loop has been timed."""
        self.transport = 0.0
        """Seconds that an item and its result take to be pickled and unpickled."""

    def learn(self, seconds: float, items: int, transport: float | None) -> None:
        """Take over what a loop has found.

        Args:
            seconds: How long its items took to compute.
            items: How many were timed.
            transport: Seconds an item, if it was measured.
        """
        if items:
            self.cost = max(seconds / items, FADING * (self.cost or 0.0))
        if transport is not None:
            self.transport = transport

    def too_cheap(self, items: int) -> bool:
        """Whether so many items are not worth sending."""
        cost = self.cost
        if cost is None:
            return False
        return cost * items < VICTIM_SECONDS or self.transport > cost * TRANSPORT_SHARE


# By the function's id. A dead function's successor is misled for one loop, if it is as quick.
_known: dict[int, Known] = {}


def known_of(function: int) -> Known:
    """What is known of a function, by what it is remembered by (`Call.key`)."""
    known = _known.get(function)
    if known is None:
        if len(_known) >= KNOWN_MAX:
            _known.clear()
        known = _known[function] = Known()
    return known
