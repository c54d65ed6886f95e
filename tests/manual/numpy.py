# /// script
# dependencies = ["numpy", "pandas", "scikit-learn", "threadpoolctl"]
# ///
"""NumPy, pandas and scikit-learn in tasks: what needs Pyodide's own distribution, so a network.

    pip install penny-runtime
    penny run tests/manual/numpy.py            # fetches the packages once

Each line that it prints is a check; the last one says how many. It ends with status 1 at the first
that fails.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
from typing import Any

# Else this file would be the module numpy.
sys.path[:] = [
    each for each in sys.path if os.path.abspath(each) != os.path.dirname(os.path.abspath(__file__))
]

import numpy as np
import pandas as pd
import sklearn.linear_model
import threadpoolctl

import penny

CHECKS = 0


def check(what: str, holds: object) -> None:
    global CHECKS
    CHECKS += 1
    print("ok   " if holds else "FAILS", what, flush=True)
    if not holds:
        sys.exit(1)


def both(s: penny.Scheduler, task: Any, *args: Any) -> list[Any]:
    """What a task gives in each of two workers, that of worker 0 first."""
    flags = penny.SharedArray((2,), "int32", scheduler=s)
    futures = [s.submit(meet, flags, i, task, args) for i in range(2)]
    found = sorted((f.result() for f in futures), key=lambda each: each[0])
    assert [worker for worker, _ in found] == [0, 1], found
    return [value for _, value in found]


def meet(flags: penny.SharedArray, mine: int, task: Any, args: Any) -> tuple[int | None, Any]:
    flags[mine] = 1
    while not (flags[0] and flags[1]):  # so the two run at a time
        penny.cancelled()
    return penny.current_worker(), task(*args)


def versions() -> tuple[str, str, str]:
    return np.__version__, pd.__version__, sklearn.__version__


def doubled(array: np.ndarray) -> np.ndarray:
    return array * 2


def flags_of(array: np.ndarray) -> tuple[bool, bool, str, tuple[int, ...]]:
    return array.flags.writeable, array.flags.f_contiguous, str(array.dtype), array.strides


def draws() -> tuple[int, int, float]:
    """Of the global generators, and of a new one."""
    return (
        int(np.random.randint(1 << 30)),
        random.getrandbits(30),
        float(np.random.default_rng().random()),
    )


def fitted(x: np.ndarray, y: np.ndarray) -> sklearn.linear_model.LinearRegression:
    return sklearn.linear_model.LinearRegression().fit(x, y)


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.groupby("key").sum()


def pools() -> list[dict[str, Any]]:
    return threadpoolctl.threadpool_info()


def halved(array: penny.SharedArray) -> float:
    view = array.asarray() if hasattr(array, "asarray") else np.asarray(array.read())
    return float(view.sum()) / 2


def main() -> None:
    with penny.Scheduler(2) as s:
        check("the same versions in both workers", both(s, versions) == [versions()] * 2)

        for array in (
            np.arange(1_000_000, dtype="float64").reshape(1000, 1000),
            np.asfortranarray(np.arange(60_000, dtype="int16").reshape(200, 300)),
            np.arange(1_000_000, dtype="float32")[::3],
            np.zeros((0, 5)),
            np.array(3.5),
            np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
            np.array(["text", "more"]),
            np.array([{"an": "object"}, None], dtype=object),
            np.array(["2026-11-30"], dtype="datetime64[D]"),
            np.ma.masked_array([1, 2, 3], mask=[0, 1, 0]),
        ):
            back = s.submit(lambda each: each, array).result()
            same = bool(np.all(back == array)) if array.dtype.names is None else back == array
            name = f"{array.dtype} {array.shape}, to a worker and back"
            check(name, back.dtype == array.dtype and back.shape == array.shape and np.all(same))
        large = np.random.default_rng(1).random((2000, 2000))
        check("32 MB, computed", np.array_equal(s.submit(doubled, large).result(), large * 2))
        check("its own copy may be written to", s.submit(flags_of, large).result()[0])
        check("pickle 5 out of band", len(_out_of_band(large)) < 1000)

        first, second = both(s, draws)
        check("numpy.random differs between workers", first[0] != second[0])
        check("random differs between workers", first[1] != second[1])
        check("default_rng differs between workers", first[2] != second[2])
        np.random.seed(7)
        ours = np.random.random(3)
        np.random.seed(7)
        seeded = s.submit(lambda: (np.random.seed(7), np.random.random(3))[1]).result()
        check("a seed gives the same numbers", np.array_equal(seeded, ours))
        rng = np.random.default_rng(3)
        sent = [f.result() for f in [s.submit(lambda r: float(r.random()), rng) for _ in range(2)]]
        check("a generator that is sent is a copy", sent[0] == sent[1] == rng.random())

        shared = penny.SharedArray((1000,), "float32", scheduler=s)
        shared.write(np.arange(1000, dtype="float32"))
        check("a SharedArray as an array", s.submit(halved, shared).result() == 249_750.0)
        check("buffer protocol", np.asarray(shared.read()).sum() == 499_500)

        frame = pd.DataFrame({"key": list("abca"), "value": [1, 2, 3, 4]})
        check("a DataFrame", s.submit(grouped, frame).result().equals(grouped(frame)))
        dates = pd.Series(pd.date_range("2026-01-01", periods=3), dtype="datetime64[ns]")
        check("a Series of dates", s.submit(lambda each: each, dates).result().equals(dates))
        category = pd.Series(["x", "y", "x"], dtype="category")
        check("a category", s.submit(lambda each: each, category).result().equals(category))

        x = np.arange(20.0).reshape(10, 2)
        y = x @ [1.0, 2.0] + 3
        model = s.submit(fitted, x, y).result()
        check("a model that was fitted in a worker", np.allclose(model.predict(x), y))
        found = list(s.map(lambda m, rows: m.predict(rows), [model] * 4, [x] * 4))
        check("a model that is used in workers", all(np.allclose(each, y) for each in found))
        counts = {pool["num_threads"] for info in both(s, pools) for pool in info}
        check("threadpoolctl: one thread in each worker", counts <= {1})

        try:
            s.submit(lambda: np.linalg.inv(np.zeros((2, 2)))).result()
        except np.linalg.LinAlgError as error:
            check("an exception of NumPy's", "Singular" in str(error))
        else:
            check("an exception of NumPy's", False)
        total = penny_reduce(s)
        check("parallel_reduce over an array", total == 499_999_500_000)
    with penny.Scheduler(2, packages=None) as s:
        error = s.submit(__import__, "numpy").exception()
        check("packages=None: no NumPy", isinstance(error, ModuleNotFoundError))
    python = sys.version.split()[0]
    print(f"{CHECKS} checks: NumPy {np.__version__}, pandas {pd.__version__}, Python {python}")


def penny_reduce(s: penny.Scheduler) -> int:
    return int(s.submit(_reduced).result())


def _reduced() -> int:
    values = np.arange(1_000_000)
    return int(
        penny.parallel_reduce(
            lambda part: int(values[part].sum()), range(1_000_000), lambda a, b: a + b, 0
        )
    )


def _out_of_band(array: np.ndarray) -> bytes:
    buffers: list[Any] = []
    data = pickle.dumps(array, 5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    return data


main()
