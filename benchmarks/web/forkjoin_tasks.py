"""The programs of the fork-join figures: each with a spawn at every call, and serially.

forkjoin.js defines these functions in its schedulers by this source. On plain Python they give the
same results, one call after the other.
"""

import hashlib
import itertools
import time

import penny
from penny.jobs.job import publish

# -- fib: nothing but calls ------------------------------------------------------------------------


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def fib_spawn(n):
    if n < 2:
        return n
    job = penny.spawn(fib_spawn, n - 1)
    other = fib_spawn(n - 2)
    return job.join() + other


# -- n-queens: a few children a call ---------------------------------------------------------------
#
# The columns, and the two diagonals as they cross the present row, are bit sets.


def queens(n, row=0, columns=0, left=0, right=0):
    """The number of ways to place the queens of the rows from `row` on."""
    if row == n:
        return 1
    count = 0
    free = ((1 << n) - 1) & ~(columns | left | right)
    while free:
        bit = free & -free
        free ^= bit
        count += queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    return count


def queens_spawn(n, row=0, columns=0, left=0, right=0):
    """The same, with a spawn per placement."""
    if row == n:
        return 1
    jobs = []
    free = ((1 << n) - 1) & ~(columns | left | right)
    while free:
        bit = free & -free
        free ^= bit
        jobs.append(
            penny.spawn(
                queens_spawn, n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1
            )
        )
    count = 0
    while jobs:  # the newest first
        count += jobs.pop().join()
    return count


ROWS = 3


def queens_rows(n, row=0, columns=0, left=0, right=0):
    """The same, with a spawn per placement in the first rows only."""
    if row == ROWS:
        return queens(n, row, columns, left, right)
    jobs = []
    free = ((1 << n) - 1) & ~(columns | left | right)
    while free:
        bit = free & -free
        free ^= bit
        jobs.append(
            penny.spawn(
                queens_rows, n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1
            )
        )
    count = 0
    while jobs:
        count += jobs.pop().join()
    return count


# -- UTS: unbalanced tree search -------------------------------------------------------------------
#
# S. Olivier et al., "UTS: An Unbalanced Tree Search Benchmark", LCPC 2006. Its tree T3 is binomial:
# the root has 2000 children, any other node 8 with probability 0.124875 and else none. Nearly every
# subtree is tiny, a few are huge, and a node tells nothing about what hangs below it. A node is 20
# bytes of SHA-1: its parent's, hashed with its own index among the siblings.

UTS_ROOT_CHILDREN = 2000
UTS_CHILDREN = 8
UTS_PROBABILITY = 0.124875
UTS_SEED = 42

# A node's last 31 bits are its random number in [0, 1), in units of 2⁻³¹.
UTS_THRESHOLD = UTS_PROBABILITY * 2**31
UTS_MASK = 2**31 - 1
UTS_INDICES = [i.to_bytes(4, "big") for i in range(UTS_CHILDREN)]


def uts_child(node, index):
    return hashlib.sha1(node + index, usedforsecurity=False).digest()


def uts_below(node):
    """The number of nodes of a subtree, with a spawn per child."""
    if int.from_bytes(node[16:], "big") & UTS_MASK >= UTS_THRESHOLD:
        return 1
    jobs = [penny.spawn(uts_below, uts_child(node, index)) for index in UTS_INDICES]
    count = 1
    while jobs:
        count += jobs.pop().join()
    return count


def uts_below_serial(node):
    """The same, one call after the other."""
    if int.from_bytes(node[16:], "big") & UTS_MASK >= UTS_THRESHOLD:
        return 1
    count = 1
    for index in UTS_INDICES:
        count += uts_below_serial(uts_child(node, index))
    return count


def uts_root_child(child):
    """One of the children of T3's root."""
    root = uts_child(bytes(16), UTS_SEED.to_bytes(4, "big"))
    return uts_child(root, child.to_bytes(4, "big"))


def uts_subtree(child):
    """The number of nodes of one child of T3's root and all below it."""
    return uts_below(uts_root_child(child))


def uts_subtree_serial(child):
    """The same, serially."""
    return uts_below_serial(uts_root_child(child))


def uts(root_children=UTS_ROOT_CHILDREN):
    """The number of nodes of T3, or of a tree with fewer children at its root."""
    root = uts_child(bytes(16), UTS_SEED.to_bytes(4, "big"))
    jobs = [
        penny.spawn(uts_below, uts_child(root, i.to_bytes(4, "big"))) for i in range(root_children)
    ]
    count = 1
    while jobs:
        count += jobs.pop().join()
    return count


# -- What is timed inside of a task: milliseconds --------------------------------------------------


def milliseconds(function, *args):
    began = time.perf_counter()
    function(*args)
    return (time.perf_counter() - began) * 1000


def nothing():
    pass


def loops(n):
    for _ in range(n):
        pass


def calls(n):
    for _ in range(n):
        nothing()


def spawns(n):
    for _ in range(n):
        penny.spawn(nothing).join()


def spawn_join(n, rounds):
    """For each round, n turns of an empty loop, of a plain call, and of spawn and join.

    Of the last a tenth is timed, so that all three take about as long, and what disturbs the
    machine hits them alike.
    """
    return [
        [milliseconds(loops, n), milliseconds(calls, n), 10 * milliseconds(spawns, n // 10)]
        for _ in range(rounds)
    ]


def square(x):
    return x * x


def map_serial(xs):
    return [square(x) for x in xs]


def map_parallel(xs):
    return penny.parallel_map(square, xs)


def map_both(n, rounds):
    """For each round the ms of both, in this worker: a list in, a list out."""
    xs = list(range(n))
    assert map_parallel(xs) == map_serial(xs)  # whichever comes first finds the memory cold
    return [[milliseconds(map_serial, xs), milliseconds(map_parallel, xs)] for _ in range(rounds)]


def compute(seconds):
    """Keep the processor busy for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def slice_of_loop():
    total = 0
    for i in range(100_000):
        total = (total * 31 + i) % 1_000_003
    return total


def slices(seconds):
    """A serial loop for so long, in slices of some 10 ms: the time of each."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(milliseconds(slice_of_loop))
    return times


def asleep(seconds):
    """Sleep, off the processor: a worker that does is neither busy nor hungry."""
    from js import Atomics, Int32Array, SharedArrayBuffer

    Atomics.wait(Int32Array.new(SharedArrayBuffer.new(4)), 0, 0, seconds * 1000)


def slices_beside(seconds, hungry_first):
    """The loop twice on this worker: while the other worker sleeps in a task, and while it is
    hungry."""
    beside = slices(seconds) if hungry_first else None
    job = penny.spawn(asleep, seconds)
    while not job.begun():
        pass
    alone = slices(seconds)
    job.join()
    return alone, beside or slices(seconds)


# -- Steal requests --------------------------------------------------------------------------------

PROBE_SECONDS = 0.0005


def probe():
    """A job for a thief: where it ran, when it began and when it ended, in µs."""
    began = time.perf_counter()
    while time.perf_counter() - began < PROBE_SECONDS:
        pass
    return penny.current_worker(), began * 1e6, time.perf_counter() * 1e6


def steal_latency(jobs, seconds):
    """How long a thief waited for each job, in µs.

    A victim keeps private jobs ready and computes. The other worker, each time it has ended one,
    finds nothing public and asks. A latency is the time from the last line of the one job to the
    first line of the next, by the thief's own clock: handing in the result, looking around, the
    request, the victim's way to its handler, promotion, the claim and unpickling.
    """
    spawned = [penny.spawn(probe) for _ in range(jobs)]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        fib(8)
    probes = [job.join() for job in reversed(spawned)]
    stolen = sorted(times for worker, *times in probes if worker != penny.current_worker())
    return [began - ended for (_, ended), (began, _) in itertools.pairwise(stolen)]


# -- What both sides of a steal cost ---------------------------------------------------------------

ASLEEP_SECONDS = 0.003
"""After so long without work the other worker is asleep."""


def handover():
    """µs to make a job public, and from then on until it has ended in the other worker."""
    began = time.perf_counter()
    job = publish(nothing, ())
    published = time.perf_counter()
    while not job.done():
        pass
    ended = time.perf_counter()
    job.join()
    return (published - began) * 1e6, (ended - published) * 1e6


def handovers(count):
    """`handover` beside a worker that has just ended a job and looks for the next, and beside one
    that sleeps, in turn."""
    awake, asleep = [], []
    for _ in range(count):
        end = time.perf_counter() + ASLEEP_SECONDS
        while time.perf_counter() < end:
            pass
        asleep.append(handover())
        awake.append(handover())
    return awake, asleep
