"""Jobs that another worker takes: that it does, what it gets, and what comes back."""

from __future__ import annotations

import pytest


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from pool import shared

    def task():
        job = stolen(penny.spawn(penny.current_worker))
        return {penny.current_worker(), job.join()}

    before = shared.stats()["workers"]
    print(shared.submit(task).result())
    after = shared.stats()["workers"]
    for name in "promoted", "stolen":
        print(sum(worker[name] for worker in after) - sum(worker[name] for worker in before))
""")
def test_a_job_runs_in_another_worker(printed: str) -> None:
    """It was promoted and stolen, once."""
    assert printed == "{0, 1}\n1\n1\n"


@pytest.mark.part("""
    import penny
    from gates import Gate
    from pool import shared

    def alone():
        jobs = [penny.spawn(penny.current_worker) for _ in range(1000)]
        return {job.join() for job in jobs} == {penny.current_worker()}

    def promoted():
        return sum(worker["promoted"] for worker in shared.stats()["workers"])

    gate = Gate()
    busy = shared.submit(gate.wait)
    await gate.reached()
    before = promoted()
    print(shared.submit(alone).result(), promoted() - before)
    gate.open()
    busy.result()
""")
def test_nothing_is_promoted_while_nobody_is_hungry(printed: str) -> None:
    assert printed == "True 0\n"


@pytest.mark.part("""
    import penny
    from forkjoin import spin, stolen
    from pool import shared

    def square(x):
        spin(0.0002)
        return penny.current_worker(), x * x

    def task(order, n=100):
        jobs = [penny.spawn(square, x) for x in range(n)]
        stolen(jobs[0])
        results = {i: jobs[i].join() for i in sorted(range(n), key=order)}
        workers, squares = zip(*(results[i] for i in range(n)))
        return squares == tuple(x * x for x in range(n)), {penny.current_worker(), *workers}

    for order in (lambda i: i), (lambda i: -i), (lambda i: i * 7919 % 211):
        print(shared.submit(task, order).result())
""")
def test_results_in_any_order_of_joins(printed: str) -> None:
    """Oldest first, newest first, mixed: each join gives its own job's result; both workers ran."""
    assert printed == "(True, {0, 1})\n" * 3


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from pool import shared

    def nest(depth):
        if not depth:
            return [penny.current_worker()]
        return [penny.current_worker(), *stolen(penny.spawn(nest, depth - 1)).join()]

    workers = shared.submit(nest, 10).result()
    print(len(workers), all(a != b for a, b in zip(workers, workers[1:])))
""")
def test_who_waits_for_a_thief_helps_it(printed: str) -> None:
    """Each level is stolen by the worker that waits for the level before: the stacks interleave."""
    assert printed == "11 True\n"


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from gates import Gate
    from pool import shared

    def change(items):
        items.append("changed")
        return items

    def kept():
        items = []
        return penny.spawn(change, items).join() is items

    def sent():
        items = []
        return stolen(penny.spawn(change, items)).join(), items

    print(shared.submit(sent).result())
    gate = Gate()
    busy = shared.submit(gate.wait)  # so that nobody steals
    await gate.reached()
    print(shared.submit(kept).result())
    gate.open()
    busy.result()
""")
def test_arguments_are_copied_only_for_a_thief(printed: str) -> None:
    assert printed == "(['changed'], [])\nTrue\n"


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from pool import shared

    def task(size):
        data = bytes(range(256)) * (size // 256)
        job = stolen(penny.spawn(bytes.__add__, data, b"!"))
        return job.join() == data + b"!"

    def base():
        return stolen(penny.spawn(len, "")).join()

    shared.submit(base).result()
    used = shared.stats()["heap"]["used"]
    print([shared.submit(task, size).result() for size in (1 << 10, 1 << 15, 1 << 17, 1 << 21)])
    print(shared.stats()["heap"]["used"] - used < 10_000)
""")
def test_large_arguments_and_results(printed: str) -> None:
    """Larger than the parcel and the inbox, too; their memory is given back."""
    assert printed == "[True, True, True, True]\nTrue\n"


@pytest.mark.part("""
    import functools
    import operator
    import penny
    from forkjoin import stolen
    from pool import shared

    class Account:
        def __init__(self, balance):
            self.balance = balance

        def after(self, deposit):
            return self.balance + deposit

    def twice(n):
        return 2 * n

    def task(n):
        calls = [
            (twice, n), ((lambda x: x + n), 1), (Account(n).after, 5), (str.upper, "a"),
            (functools.partial(pow, 2), n), (operator.itemgetter(1), [n, n + 1]), (Account, n),
        ]
        results = [stolen(penny.spawn(*call)).join() for call in calls]
        return [getattr(result, "balance", result) for result in results]

    print(shared.submit(task, 10).result())
""")
def test_all_sorts_of_functions(printed: str) -> None:
    """Functions of the program, lambdas, closures, methods, partials, classes."""
    assert printed == "[20, 11, 15, 'A', 1024, 11, 10]\n"


@pytest.mark.part("""
    import logging
    import penny
    from forkjoin import stolen
    from pool import shared

    def total(numbers):
        return penny.current_worker(), sum(numbers)

    def task():
        records = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append((record.levelname, record.getMessage()))
        logger = logging.getLogger("penny")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            pinned = [penny.spawn(total, (i for i in range(10))) for _ in range(20)]
            picklable = stolen(penny.spawn(penny.current_worker))
            here = penny.current_worker()
            results = [job.join() for job in pinned]
            return results == [(here, 45)] * 20, picklable.join() == 1 - here, records
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)

    kept, sent, records = shared.submit(task).result()
    print(kept, sent, len(records))
    print(*records[0])
""")
def test_jobs_that_can_not_be_pickled_stay(printed: str) -> None:
    """Others are stolen past them. The user is told once, at debug level."""
    results, message = printed.splitlines()
    assert results == "True True 1"
    assert message.startswith("DEBUG worker ")
    assert "keeps jobs of __main__.total to itself" in message
    assert "args[0]" in message


@pytest.mark.part("""
    import penny
    from forkjoin import stolen
    from gates import Gate, pass_through
    from pool import shared

    def task(gate):
        stolen(penny.spawn(pass_through, gate))
        return "returned"

    gate = Gate()
    future = shared.submit(task, gate)
    await gate.reached()
    print(future.done())
    gate.open()
    print(future.result())
""")
def test_a_task_ends_after_its_jobs(printed: str) -> None:
    """Also after those that nobody joins, wherever they run."""
    assert printed == "False\nreturned\n"


@pytest.mark.part("""
    import penny
    from gates import Gate

    def meet(mine, others):
        mine.open()
        for gate in others:
            gate.wait()
        return penny.current_worker()

    def task(gates):
        jobs = [penny.spawn(meet, gates[i], gates) for i in range(3)]
        while not all(job.begun() for job in jobs):
            pass
        return sorted([penny.current_worker(), *(job.join() for job in jobs)])

    with penny.Scheduler(workers=4) as s:
        print(s.submit(task, [Gate() for _ in range(3)]).result())
""")
def test_one_victim_feeds_several_thieves(printed: str) -> None:
    """It spawns first, and then only computes: each request, at whatever time, is answered."""
    assert printed == "[0, 1, 2, 3]\n"


@pytest.mark.part("""
    import penny
    from forkjoin import spin

    def later(n):
        spin(0.002)
        return n

    def task():
        with penny.scope() as scope:
            for n in range(50):
                scope.spawn(later, n)
        return "ended"

    s = penny.Scheduler(workers=2)
    futures = [s.submit(task) for _ in range(2)]
    s.shutdown(wait=True)
    print({future.result(timeout=0) for future in futures})
""")
def test_shutdown_while_workers_are_hungry(printed: str) -> None:
    """All that was submitted, and all that it spawned, ends first."""
    assert printed == "{'ended'}\n"
