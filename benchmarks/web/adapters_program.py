"""What adapters.js has measured, in a program: pairs of milliseconds, ours first."""

import importlib
import json
import sys
import time

import penny

ROUNDS = 9


def busy(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def millisecond(_):
    busy(1e-3)


def moment(_):
    busy(20e-6)


def half():
    for i in range(1000):
        millisecond(i)


def tiny(x):
    return x + 1


def meet(flags, mine):
    flags[mine] = 1
    while not (flags[0] and flags[1]):
        penny.cancelled()


def timed(function):
    began = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - began)


def pairs(ours, theirs):
    ours()
    theirs()
    return [[timed(ours), timed(theirs)] for _ in range(ROUNDS)]


def up():
    from penny.adapters.common import scheduler

    flags = penny.SharedArray(2, "int32", scheduler=scheduler())
    for future in [scheduler().submit(meet, flags, mine) for mine in range(2)]:
        future.result()


def joblib_1ms():
    from joblib import Parallel, delayed, parallel_config

    from penny.joblib import register

    register()
    up()
    unconnected = [penny.Scheduler(1) for _ in range(2)]

    def ours():
        with parallel_config(backend="penny"):
            Parallel()(delayed(millisecond)(i) for i in range(2000))

    def theirs():
        for future in [each.submit(half) for each in unconnected]:
            future.result()

    return pairs(ours, theirs)


def joblib_20us():
    from joblib import Parallel, delayed, parallel_config

    from penny.joblib import register

    register()
    up()

    def ours():
        with parallel_config(backend="penny"):
            Parallel()(delayed(moment)(i) for i in range(20_000))

    return pairs(ours, lambda: [moment(i) for i in range(20_000)])


def pool_map():
    from penny.multiprocessing import Pool

    up()
    pool, items = Pool(), list(range(100_000))
    return pairs(lambda: pool.map(tiny, items), lambda: [tiny(x) for x in items])


def install():
    """Milliseconds of the first one, of one more, and of imports with it and without, in turn."""
    first = timed(penny.install)
    penny.uninstall()
    again = timed(penny.install)
    imports = []

    def load():
        for name in [m for m in sys.modules if m.partition(".")[0] in ("email", "html", "xml")]:
            del sys.modules[name]
        for name in ("email.message", "email.parser", "html.parser", "xml.dom.minidom"):
            importlib.import_module(name)

    load()
    for _ in range(4 * ROUNDS):
        installed = timed(load)
        penny.uninstall()
        imports.append([installed, timed(load)])
        penny.install()
    return {"first": first, "again": again, "imports": imports}


def run(suite):
    print(json.dumps(globals()[suite]()))
