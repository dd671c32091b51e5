"""The figure of an explanation. The functions take a result, or its tables, and return a matplotlib Figure."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...common.figure_style import BLUE, INK, ORANGE, PAGE, PAPER
from .mechanisms import Explanation

_GREEN = "#009E73"
_COLOURS = {"both": INK, "who": BLUE, "when": ORANGE, "cue": _GREEN}
_LINES = {"both": "-", "who": "--", "when": ":", "cue": "-."}
_LABELS = {
    "both": "as it is",
    "who": "who only (sightings alike)",
    "when": "when only (personas alike)",
    "cue": "cue only (number of sharers)",
}


def plot_explanation(explanation: Explanation) -> Figure:
    """Draw the hazard per sighting over exposure, also with each mechanism alone, and the factors by which it falls."""
    return draw_explanation(explanation.curves, explanation.decomposition)


def draw_explanation(curves: pd.DataFrame, decomposition: pd.DataFrame) -> Figure:
    """Draw an explanation from its two tables, see :class:`tworate.inference.mechanisms.mechanisms.Explanation`."""
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 2.6))
        curve, parts = figure.subplots(1, 2, width_ratios=[1.5, 1])
        for name, table in curves.groupby("table", sort=False):
            shade = _COLOURS[str(name)]
            curve.fill_between(table["sightings"], table["low"], table["high"], color=shade, alpha=0.18, lw=0)
            curve.plot(
                table["sightings"], table["median"], color=shade, lw=1.3, ls=_LINES[str(name)], label=_LABELS[str(name)]
            )
        curve.set_xlabel("exposure: sightings of an agent that has not shared")
        curve.set_ylabel("P(next sighting persuades)")
        curve.set_ylim(bottom=0)
        curve.set_xlim(left=0)
        curve.legend(loc="best")
        names = {
            "fall": ("in all", INK, "D"),
            "who": ("by who", BLUE, "o"),
            "when": ("by when", ORANGE, "s"),
            "cue": ("by cue", _GREEN, "^"),
            "between": ("who, between groups", BLUE, "v"),
            "within": ("who, within groups", BLUE, "v"),
        }
        names = {part: names[part] for part in decomposition.index}
        low, high = decomposition["factor_low"].min(), decomposition["factor_high"].max()
        for place, (part, (label, shade, mark)) in enumerate(names.items()):
            row = decomposition.loc[part]
            reach = [[row["factor"] - row["factor_low"]], [row["factor_high"] - row["factor"]]]
            parts.errorbar(
                row["factor"], place, xerr=np.maximum(reach, 0), fmt=mark, ms=4.5, lw=1.3, capsize=2.5, color=shade
            )
            parts.annotate(
                f"×{row['factor']:.3g}", (row["factor"], place), xytext=(0, 6), textcoords="offset points", ha="center",
                fontsize=7, color=shade,
            )  # fmt: skip
            names[part] = (label, shade, mark)
        parts.axvline(1.0, color="#888888", lw=1)
        parts.set_xscale("log")
        parts.set_xlim(min(0.8, low / 1.25), max(1.25, high * 1.25))
        parts.xaxis.set_major_locator(mpl.ticker.LogLocator(base=10, subs=(1, 2, 5)))
        parts.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        parts.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        parts.set_yticks(range(len(names)), [label for label, _, _ in names.values()])
        parts.set_ylim(len(names) - 0.5, -0.6)
        parts.grid(axis="y", visible=False)
        parts.set_xlabel("factor by which it falls (bars: 95% HDI)")
    return figure
