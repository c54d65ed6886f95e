"""What one worker pays for a job that another takes, in µs. Two workers."""

import time

from penny.jobs import publish

ASLEEP_SECONDS = 0.003
"""After so long without work the other worker is asleep."""


def nothing():
    pass


def _handover():
    """µs to make a job public, and until it has ended in the other worker."""
    began = time.perf_counter()
    job = publish(nothing, ())
    published = time.perf_counter()
    while not job.done():
        pass
    ended = time.perf_counter()
    job.join()
    return (published - began) * 1e6, (ended - published) * 1e6


def handovers(count):
    """`_handover`, beside a worker that has just ended a job and looks for the next, and beside
    one that sleeps: in turn."""
    awake, asleep = [], []
    for _ in range(count):
        end = time.perf_counter() + ASLEEP_SECONDS
        while time.perf_counter() < end:
            pass
        asleep.append(_handover())
        awake.append(_handover())
    return awake, asleep
