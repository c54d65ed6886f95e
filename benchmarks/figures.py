"""What a figure is, and the browser pages that measure its parts.

report.py makes RESULTS.md of the figures. What it shows beside name, value and bound it finds in
`Figure.raw`, under two keys:

`plot`, a picture that stands below the group's table::

    {"kind": "lines", "title": …, "x": {"label": …, "log": bool}, "y": {"label": …, "log": bool},
     "series": {name: [[x, y], …]}, "dashed": [name, …], "note": …}
    {"kind": "bars", "title": …, "y": {"label": …, "log": bool}, "series": {name: value},
     "note": …}

`dashed` names series that were not measured but are there to compare with, such as the ideal
speedup. It and `note`, a sentence below the picture, may be missing.

`compared`, for what was measured with Penny and with others::

    {"operation": "submit and await", "who": "Comlink", "note": …, "baseline": bool}

Figures of one group with the same operation and unit make a row of a table whose columns are who
did it: `PENNY` and the others. Where another one does better than Penny, RESULTS.md says so in
words. `note` says below the table what is to know of `who`, once. `baseline` marks what is no peer
but what all are measured by, such as a plain call. Both may be missing. Figures that stand there
are not repeated in the group's other table.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selenium import webdriver

Raw = dict[str, Any]

PENNY = "Penny"
"""Who did it, in `compared`."""


@dataclass(frozen=True)
class Figure:
    """One measured number, and the bound that it has to keep if there is one."""

    name: str
    value: float
    bound: float | None
    at_least: bool
    raw: Raw
    unit: str = ""  # none: a ratio
    about: str = ""  # what was measured; none: the first line of the docstring of its suite

    def as_json(self) -> Raw:
        ok = self.bound is None or (
            self.value >= self.bound if self.at_least else self.value <= self.bound
        )
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "about": self.about,
            "bound": self.bound,
            "better": "higher" if self.at_least else "lower",
            "ok": ok,
            "raw": self.raw,
        }


def ratio(over: list[float], under: list[float]) -> float:
    """The median of the ratios pair by pair: a machine whose speed drifts moves both of a pair."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


class Pages:
    """A browser, and the benchmark pages in it.

    Args:
        sites: URL of the page, by kind of site.
        wheels: Paths there of wheels, by name.
    """

    def __init__(
        self, driver: webdriver.Chrome, sites: dict[str, str], wheels: dict[str, str]
    ) -> None:
        self.driver = driver
        self._sites = sites
        self.wheels = wheels

    def call(
        self, module: str, function: str, site: str = "prebuilt", args: Sequence[Any] = ()
    ) -> Any:
        """Load the page anew and return what a module's function resolves to."""
        self.driver.get(self._sites[site])
        answer = self.driver.execute_async_script(
            """
            const [module, name, args, done] = arguments;
            import(new URL(module, location.href).href)
              .then(functions => functions[name](...args))
              .then(value => done({value}), error => done({error: String(error?.stack ?? error)}));
            """,
            module,
            function,
            list(args),
        )
        if "error" in answer:
            raise RuntimeError(f"{module}: {function}: {answer['error']}")
        return answer["value"]
