"""Figures of a recovery study. Each function takes a table of `recovery_summary` and returns a matplotlib Figure."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...common.figure_style import BLUE, INK, ORANGE, STYLE
from ...inference.calibration.recovery import METHOD
from ...inference.calibration.recovery_summary import VERDICTS, Target

_SHADES = {VERDICTS[0]: BLUE, VERDICTS[1]: "#CCCCCC", VERDICTS[2]: "#F0C9A0", VERDICTS[3]: ORANGE}
_STATUS = {"met": BLUE, "open": "#888888", "missed": ORANGE, "too few": "#CCCCCC"}


def plot_confusion(confusion: pd.DataFrame) -> Figure:
    """Draw the share of each verdict by label, truth and method."""
    keys = ["label", "truth", *METHOD]
    one_method = confusion[list(METHOD)].drop_duplicates().shape[0] == 1
    parts = list(confusion.groupby(keys, sort=True))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 1.3 + 0.3 * len(parts)))
        axis = figure.subplots()
        labels = []
        for row, (key, part) in enumerate(parts):
            left = 0.0
            shares = dict(zip(part["verdict"], part["share"], strict=True))
            for verdict, shade in _SHADES.items():
                axis.barh(row, shares[verdict], left=left, color=shade, label=verdict if row == 0 else None)
                left += shares[verdict]
            method = "" if one_method else f" ({key[1]}; {key[2]}, {key[3]}{_priors(part['prior_scale'].iloc[0])})"
            labels.append(f"{key[0]}{method}, n = {part['n'].iloc[0]}")
        axis.set_yticks(range(len(parts)), labels, fontsize=8.5)
        axis.set_ylim(len(parts) - 0.4, -0.6)
        axis.set_xlim(0, 1)
        axis.set_xlabel("share of data sets")
        axis.grid(axis="y", visible=False)
        figure.legend(loc="outside upper right", ncols=4, fontsize=8.5)
    return figure


def plot_targets(targets: list[Target]) -> Figure:
    """Draw the share of errors with its 95% interval, and the limit of each target."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 1.2 + 0.34 * len(targets)))
        axis = figure.subplots()
        for row, target in enumerate(targets):
            share = target.errors / max(target.n, 1)
            reach = [[max(0.0, share - target.low)], [max(0.0, target.high - share)]]
            axis.errorbar(share, row, xerr=reach, fmt="o", ms=6, lw=2, capsize=3, color=_STATUS[target.status])
            axis.plot([target.limit] * 2, [row - 0.35, row + 0.35], color=INK, lw=2)
        names = [f"{t.name}: {t.errors} of {t.n}, {t.status}" for t in targets]
        axis.set_yticks(range(len(targets)), names, fontsize=8.5)
        axis.set_ylim(len(targets) - 0.4, -0.6)
        axis.set_xlim(-0.005, min(1.0, 0.05 + max((t.high for t in targets), default=1.0)))
        axis.set_xlabel("share of errors, 95% interval; black: the target")
        axis.grid(axis="y", visible=False)
    return figure


def plot_power(power: pd.DataFrame) -> Figure:
    """Draw the share of two-rate verdicts against the true ratio, by the origin of the two rates."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.6))
        axis = figure.subplots()
        looks = ((ORANGE, "o", 0.985), (BLUE, "s", 1.015), ("#009E73", "^", 0.97), ("#CC79A7", "D", 1.03))
        several = power["level"].nunique() > 1
        # Shift points a little, so that error bars at the same ratio do not overlap.
        groups = power.groupby(["truth", "level"])
        for ((truth, level), part), (shade, mark, shift) in zip(groups, looks, strict=False):
            reach = np.maximum([part["two_rate"] - part["low"], part["high"] - part["two_rate"]], 0.0)
            axis.errorbar(
                shift * part["ratio"],
                part["two_rate"],
                yerr=reach,
                fmt=f"{mark}-",
                color=shade,
                capsize=3,
                label=f"{truth}, {level}" if several else str(truth),
            )
        axis.set_xscale("log", base=2)
        ticks = [t for t in (1.25, 1.5, 2, 4, 8, 16) if power["ratio"].min() / 1.1 <= t <= power["ratio"].max() * 1.1]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ylim(-0.03, 1.03)
        axis.set_xlabel("ratio of the two rates (who) or probabilities (when)")
        axis.set_ylabel("two-rate verdicts (95% interval)")
        figure.legend(title="truth", loc="outside right upper")
    return figure


def plot_levels(rows: pd.DataFrame) -> Figure:
    """Draw what event histories buy: the fast rate found, and the gain of two rates, beside counts of the same data.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows of a study in which data sets from two rates were compared at both levels.
    """
    levels = {"individual": ("event histories", ORANGE, "o", 0.97), "count": ("counts", BLUE, "s", 1.03)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.4))
        rate, gain = figure.subplots(1, 2)
        for level, (label, shade, mark, shift) in levels.items():
            own = rows[rows["level"] == level]
            relative_rate = own["beta_fast_mean"] / own["beta_fast_true"]
            for axis, values in ((rate, relative_rate), (gain, own["elpd_diff"])):
                axis.scatter(own["truth_ratio"] * shift, values, s=12, color=shade, marker=mark, alpha=0.45, lw=0)
                medians = values.groupby(own["truth_ratio"]).median()
                axis.plot(medians.index * shift, medians, color=shade, lw=1.6, marker=mark, ms=6, label=label)
        rate.axhline(1.0, color=INK, lw=1)
        rate.set_ylabel("fast rate found / true fast rate")
        rate.legend(fontsize=8.5)
        gain.set_yscale("symlog", linthresh=4.0)
        gain.axhline(4.0, color=INK, lw=1, ls="--")
        end = rows["truth_ratio"].max()
        gain.text(end, 3.6, "needed for a verdict", fontsize=8, color=INK, va="top", ha="right")
        gain.set_yticks([0, 4, 10, 100, 1000], ["0", "4", "10", "100", "1000"])
        gain.set_ylabel("gain of a second rate (elpd)")
        ratios = sorted(rows["truth_ratio"].unique())
        for axis in (rate, gain):
            axis.set_xscale("log", base=2)
            axis.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
            axis.minorticks_off()
            axis.set_xlabel("true ratio of the two rates")
    return figure


def _priors(scale: float) -> str:
    """Return the scale of the priors as text; empty if it is 1."""
    return "" if scale == 1.0 else f", priors × {scale:g}"
