"""What Penny does in each host: the same there, as a cell that ends in `await program()`.

Each part says where its tasks ran, since a client that ran them itself would give the same.
"""

import asyncio

import penny

factor = 3


def here(x):
    return penny.current_worker(), factor * x


def wrong(key):
    print("about to fail")
    return {}[key]


def meet(flags, mine):
    flags[mine] = 1 + penny.current_worker()
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    return penny.current_worker()


def pair(flags):
    job = penny.spawn(meet, flags, 1)
    return [meet(flags, 0), job.join()]


def fill(array, row):
    with array.block(row) as cells:
        for i in range(len(cells)):
            cells[i] = 10 * row + i
    return penny.current_worker()


def endless(flags):
    flags[0] = 1 + penny.current_worker()
    while True:
        pass


async def coroutine(x):
    await asyncio.sleep(0)
    return penny.current_worker(), x


def equal(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, and not {wanted!r}"


async def program():
    async with penny.Scheduler(workers=2) as s:
        mapped = [r async for r in s.imap(here, range(6))]
        equal("map", [value for _, value in mapped], [0, 3, 6, 9, 12, 15])
        assert {worker for worker, _ in mapped} <= {0, 1}, f"map ran in {mapped!r}"

        offset = 5
        worker, value = await s.submit(lambda x: (penny.current_worker(), x + offset), 1)
        assert worker in (0, 1), f"the closure ran in {worker!r}"
        equal("closure", value, 6)

        try:
            equal("error", await s.submit(wrong, "no such key"), KeyError)
        except KeyError as error:
            equal("error", error.args, ("no such key",))
            there = str(error.__cause__)
            assert "in worker 0\n" in there or "in worker 1\n" in there, there
            assert "in wrong" in there, there

        flags = penny.SharedArray((2,), "int32")
        equal("spawn", sorted(await s.submit(pair, flags)), [0, 1])

        table = penny.SharedArray((2, 3), "int32")
        ran = {await s.submit(fill, table, row) for row in range(2)}
        assert ran <= {0, 1}, f"the rows were filled in {ran!r}"
        equal("SharedArray", table.read().tolist(), [[0, 1, 2], [10, 11, 12]])

        started = penny.SharedArray((1,), "int32")
        running = s.submit(endless, started)
        while not started[0]:
            await asyncio.sleep(0)
        assert started[0] in (1, 2), f"what is cancelled ran in {started[0] - 1}"
        equal("cancel", running.cancel(running=True), True)
        try:
            became = await running
        except asyncio.CancelledError:
            became = "cancelled"
        equal("cancel", became, "cancelled")

        equal("coroutine", await s.submit(coroutine, 7), (64, 7))
        await s.submit(print, "printed by a task")
    print("the program has ended")
