"""What overhead.js measures in a host worker, where Python may block. Follows overhead.py.

The arguments are workers, rounds, tasks one at a time, tasks at once, and seconds of warm-up;
prints milliseconds, by operation and who, as JSON.
"""

import json
import sys
import time

import penny


def result_of_each(scheduler, n):
    """Wait for each result before the next call."""
    for x in range(n):
        assert scheduler.submit(f, x).result() == x + 1  # noqa: F821 (overhead.py)


def results_of_all(scheduler, n):
    """Submit all, then wait for their results."""
    futures = [scheduler.submit(f, x) for x in range(n)]  # noqa: F821
    for x, future in enumerate(futures):
        assert future.result() == x + 1


def main(workers, rounds, few, many, warm_up):
    """Return the ms of each round."""
    with penny.Scheduler(workers=workers) as scheduler:
        deadline = time.perf_counter() + warm_up
        while True:
            results_of_all(scheduler, many)
            if time.perf_counter() > deadline:
                break
        times = {}
        for operation, run, n in (
            ("host-submit-await", result_of_each, few),
            ("host-bulk", results_of_all, many),
        ):
            run(scheduler, n)
            samples = times[operation] = {"penny": [], "serial": []}
            for _ in range(rounds):
                samples["penny"].append(milliseconds(run, scheduler, n))  # noqa: F821
                samples["serial"].append(milliseconds(serial, n))  # noqa: F821
    return times


print(json.dumps(main(*map(int, sys.argv[1:5]), float(sys.argv[5]))))
