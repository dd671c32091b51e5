"""The specification curve: the gain of two rates and the rate in every specification, over the choices that make it."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...common.figure_style import BLUE, INK, ORANGE, PAGE, PAPER
from .ticks import plain_ticks

_SHADES = {"one-rate": BLUE, "two-rate": ORANGE, "heterogeneous": "#CC79A7", "undecided": "#888888"}
_LINEAR = 10.0
"""The scale of gains is linear up to here, and logarithmic beyond."""
_ROW = 0.15
"""Height of a row of the choices, in inches."""


def plot_specifications(table: pd.DataFrame, factors: Sequence[str]) -> Figure:
    """Draw the specification curve.

    Parameters
    ----------
    table : DataFrame
        From :func:`tworate.analysis.study.specifications.specification_table`.
    factors : sequence of str
        Its factors, each of which has a row for each level.

    Returns
    -------
    Figure
        Top: gain of two rates with two standard errors. Middle: the rate of one rate. Bottom: the choices.
    """
    rows: list[tuple[str, str]] = []
    for factor in factors:
        rows += [(factor, str(level)) for level in dict.fromkeys(sorted(table[factor], key=str))]
    places = table["specification"].to_numpy()
    shades = [_SHADES.get(verdict, INK) for verdict in table["verdict"]]
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 2.6 + _ROW * (len(rows) + len(factors))))
        # Long names of choices need a little more room than their measured width.
        figure.set_layout_engine("constrained", rect=(0.03, 0.0, 0.97, 1.0))
        gain, rate, choices = figure.subplots(
            3, 1, sharex=True, height_ratios=[1.4, 0.9, _ROW * (len(rows) + len(factors))]
        )
        gain.axhline(0, color="#888888", lw=0.8)
        for place, value, error, shade in zip(places, table["elpd_diff"], table["dse"], shades, strict=True):
            gain.plot([place, place], [value - 2 * error, value + 2 * error], color=shade, lw=1)
            gain.plot(place, value, "o", ms=3.5, color=shade)
        if (table["elpd_diff"].abs() + 2 * table["dse"]).max() > _LINEAR:
            gain.set_yscale("symlog", linthresh=_LINEAR)
        gain.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        gain.set_ylabel("gain of two\nrates (elpd)")
        rate.scatter(places, table["rate"], s=10, c=shades)
        rate.set_yscale("log")
        plain_ticks(rate.yaxis, *rate.get_ylim())
        rate.set_ylabel("rate β")
        labels, heights, height = [], [], 0.0
        for number, (factor, level) in enumerate(rows):
            # A gap stands between factors.
            height += 1.0 if number == 0 or rows[number - 1][0] == factor else 1.8
            chosen = (table[factor].astype(str) == level).to_numpy()
            choices.plot(places[~chosen], np.full((~chosen).sum(), height), "|", ms=4, color="#d0d0d0")
            for place in np.flatnonzero(chosen):
                choices.plot(places[place], height, "s", ms=2.8, color=shades[place])
            labels.append(f"{factor.replace('_', ' ')}: {level}")
            heights.append(height)
        choices.set_yticks(heights, labels, parse_math=False)
        choices.set_ylim(height + 0.8, 0.2)
        choices.grid(visible=False)
        choices.set_xlabel("specification, by the gain of two rates")
        choices.set_xlim(0.3, len(table) + 0.7)
        choices.xaxis.get_major_locator().set_params(integer=True)
        handles = [
            Line2D([], [], color=shade, marker="o", ls="", ms=4, label=verdict)
            for verdict, shade in _SHADES.items()
            if verdict in set(table["verdict"])
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure
