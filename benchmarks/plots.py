"""Draws the pictures of RESULTS.md as SVG. What a plot is says figures.py.

The same plot gives the same bytes, so that a rerun changes only what was measured anew.
"""

from __future__ import annotations

import io

import matplotlib
from figures import PENNY, Raw
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#9f6b53")
PENNY_COLOUR, OTHERS_COLOUR, DASHED_COLOUR = COLOURS[0], "#a9b4bd", "#8a8a8a"
MARKERS = "osD^vP"

_SETTINGS = {
    "svg.hashsalt": "penny",  # else the ids in the file are random
    "svg.fonttype": "none",  # text as text, by the reader's fonts
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
}


def svg(plot: Raw) -> str:
    """A picture of `plot`.

    Raises:
        ValueError: it is of an unknown kind, or has no series.
    """
    draw = {"lines": _lines, "bars": _bars}.get(plot["kind"])
    if draw is None:
        raise ValueError(f"{plot['title']}: a plot is of kind lines or bars, not {plot['kind']}")
    if not plot["series"]:
        raise ValueError(f"{plot['title']}: the plot has no series")
    with matplotlib.rc_context(_SETTINGS):
        height = 3.6 if plot["kind"] == "lines" else 1.1 + 0.34 * len(plot["series"])
        canvas = Canvas(figsize=(6.4, height), layout="constrained")
        draw(canvas.add_subplot(), plot)
        file = io.StringIO()
        # Neither the date nor the version of what drew it.
        canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _lines(axes: Axes, plot: Raw) -> None:
    dashed = plot.get("dashed", [])
    solid = 0
    for name, points in plot["series"].items():
        xs, ys = zip(*points, strict=True)
        if name in dashed:
            axes.plot(xs, ys, "--", color=DASHED_COLOUR, linewidth=1, label=name)
        else:
            colour, marker = COLOURS[solid % len(COLOURS)], MARKERS[solid % len(MARKERS)]
            axes.plot(xs, ys, color=colour, marker=marker, markersize=4, label=name)
            solid += 1
    axes.set_title(plot["title"], loc="left")
    axes.set_xlabel(plot["x"]["label"])
    axes.set_ylabel(plot["y"]["label"])
    if plot["x"].get("log"):
        axes.set_xscale("log")
    if plot["y"].get("log"):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if len(plot["series"]) > 1:
        axes.legend(frameon=False, fontsize=9)


def _bars(axes: Axes, plot: Raw) -> None:
    names, values = list(plot["series"]), list(plot["series"].values())
    colours = [PENNY_COLOUR if name.startswith(PENNY) else OTHERS_COLOUR for name in names]
    bars = axes.barh(names, values, color=colours, height=0.7)
    axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=3, fontsize=9)
    axes.invert_yaxis()  # the first on top
    axes.set_title(plot["title"], loc="left")
    axes.set_xlabel(plot["y"]["label"])
    axes.grid(visible=False, axis="y")
    if plot["y"].get("log"):
        axes.set_xscale("log")
    axes.margins(x=0.12)
