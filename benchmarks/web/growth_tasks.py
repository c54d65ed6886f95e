"""What the workers of growth.js run, and the program that submits from Python."""

import json
import time

import penny


def successor(x):
    return x + 1


def back(data):
    """Its argument."""
    return data


def chain(depth):
    """Its argument, by as many jobs, each of which spawns and joins the next one."""
    if depth == 0:
        return 0
    return penny.spawn(chain, depth - 1).join() + 1


def chains(depth, times):
    """µs a level, of so many chains one after the other."""
    began = time.perf_counter()
    for _ in range(times):
        assert chain(depth) == depth
    return (time.perf_counter() - began) * 1e6 / (depth * times)


def descend(depth):
    """How deep such a chain gets until Python's stack is full."""
    try:
        return penny.spawn(descend, depth + 1).join()
    except RecursionError:
        return depth


def bulk(scheduler, count):
    futures = [scheduler.submit(successor, x) for x in range(count)]
    assert sum(f.result() for f in futures) == count * (count + 1) // 2


def program(workers, plan):
    """Print µs a task, of `plan`: [tasks, how often one after the other, rounds], of each round."""
    with penny.Scheduler(workers) as scheduler:
        for _ in range(5):
            bulk(scheduler, 5_000)  # warms up
        for count, times, rounds in plan:
            for _ in range(rounds):
                began = time.perf_counter()
                for _ in range(times):
                    bulk(scheduler, count)
                print(json.dumps([count, (time.perf_counter() - began) * 1e6 / (count * times)]))
