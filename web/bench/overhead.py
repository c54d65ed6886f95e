"""What overhead.js measures in Python: on the page, in a host worker and in a task."""

import time


def f(x):
    """Return what everybody computes."""
    return x + 1


def serial(n):
    """Call it, with nobody between."""
    for x in range(n):
        assert f(x) == x + 1


async def one_at_a_time(submit, n):
    """Await each result before the next call."""
    for x in range(n):
        assert await submit(x) == x + 1


async def many_at_once(submit, n):
    """Submit all, then await their results."""
    futures = [submit(x) for x in range(n)]
    for x, future in enumerate(futures):
        assert await future == x + 1


def milliseconds(function, *args):
    """Return how long a call takes."""
    began = time.perf_counter()
    function(*args)
    return (time.perf_counter() - began) * 1000


def spawn_and_join(n):
    """Spawn it and join at once."""
    from penny import spawn

    for x in range(n):
        assert spawn(f, x).join() == x + 1


def inside_a_task(n, rounds):
    """Return the ms of n spawns with their joins, and of n plain calls, for each round."""
    return [[milliseconds(spawn_and_join, n), milliseconds(serial, n)] for _ in range(rounds)]
