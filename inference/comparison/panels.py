"""Panels of figures: each function draws results into one axis and returns it. None computes a result.

Without an axis a function makes one of the width of a column (89 mm). Curves and points carry their name as the `gid`
of their artist, which begins with :data:`NAMED`: reports show it where the pointer is.
"""

import re
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import kstwo

from ...common.figure_style import BLUE, COLUMN, INK, ORANGE, PAPER
from ...models.parameters import Parameter
from ...models.structures import all_structures
from ...simulate import Trajectories
from ..loo.loo import elpd_difference
from ..posterior.arviz_adapter import group
from .results import ConditionResult

# Okabe & Ito (2008): distinguishable with any colour vision, and in grey by lightness.
COLOURS = {
    "one-rate": BLUE,
    "two-rate": ORANGE,
    "gamma-rate": "#009E73",
    "online-offline": "#CC79A7",
    "reinforced": "#E69F00",
    "free-hazard": "#666666",
    "one-rate+continuous": "#999933",
}
_SHADES = {
    "one-rate": ("#56B4E9", "#004C7A", "#7A9FD1", "#00868B", "#3B5BA5"),
    "two-rate": ("#A34400", "#E8871E", "#7A2E2E", "#C97B63", "#5C4033"),
    "gamma-rate": ("#00664B", "#66C2A5", "#4D7C3A", "#2E8B57", "#1B4D3E"),
    "free-hazard": ("#999999", "#4D4D4D", "#777777", "#B3B3B3", "#5A6470"),
}
"""Colours of models with a structure: near those of the models without, and by structure."""
_MORE_COLOURS = ("#000000", "#332288", "#882255")
SOFT = "#888888"
"""Colour of lines for reference."""
NAMED = "named:"
"""Beginning of the `gid` of curves and points that have a name."""
MANY_POINTS = 1500
"""Points beyond which a cloud is drawn as pixels: files of lines would become very large."""
_SUBSCRIPT = re.compile(r"_(\w+)")
_HIGHEST = 2.0
"""How far above the data the axis of a forward simulation reaches at most, as a multiple of the highest prevalence."""


def colour(model: str, models: list[str]) -> str:
    """Return the colour of a model, the same in every figure of a comparison."""
    if model in COLOURS:
        return COLOURS[model]
    base, _, structure = model.partition("+")
    if structure and base in _SHADES:
        return _SHADES[base][_place(structure) % len(_SHADES[base])]
    others = [name for name in models if name not in COLOURS]
    return _MORE_COLOURS[others.index(model) % len(_MORE_COLOURS)]


def _place(structure: str) -> int:
    """Return the place of a structure among all, as `unreachable`, which is the most common one, has the first."""
    names = sorted(all_structures(), key=lambda name: (name != "unreachable", name))
    return names.index(structure) if structure in names else len(names)


def symbol(text: str) -> str:
    """Return a parameter's symbol as matplotlib's math text, such as β with the subscript fast."""
    return _SUBSCRIPT.sub(lambda match: r"$_\mathrm{" + match[1] + "}$", text)


def plain(text: object) -> str:
    """Return a text of a user for matplotlib, in which a dollar sign begins no formula."""
    return str(text).replace("$", r"\$")


def with_unit(label: str, trajectories: Trajectories) -> str:
    """Return a label of an axis of time, with the unit where the data name it."""
    unit = trajectories.time_unit
    return f"{label} ({plain(unit)}s)" if unit else label


def axis_of(ax: Axes | None, height: float = 0.72) -> Axes:
    """Return the axis, or a new one in a figure of the width of a column; `height` is a share of the width."""
    if ax is not None:
        return ax
    with mpl.rc_context(PAPER):
        return Figure(figsize=(COLUMN, height * COLUMN)).subplots()


def draw_steps(steps: pd.DataFrame, shade: str, time_label: str = "time", ax: Axes | None = None) -> Axes:
    """Draw new sharers in each interval over what a model predicts from the state before it.

    Parameters
    ----------
    steps : DataFrame
        From :func:`tworate.inference.posterior.one_step.predict_steps`.
    shade : str
        Colour of the model.
    time_label : str
        Label of the axis of time.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    """
    ax = axis_of(ax)
    _bands(ax, steps, shade)
    ax.plot(steps["time"], steps["observed"], "o", ms=2.2, mew=0, color=INK, gid=f"{NAMED}all trajectories, observed")
    ax.set_xlabel(time_label)
    ax.set_ylim(0, 1.08 * max(steps["observed"].max(), steps["q97.5"].max(), 1.0))
    return ax


def draw_forward(
    trajectories: Trajectories,
    band: pd.DataFrame,
    shade: str,
    ax: Axes | None = None,
    *,
    highest: float | None = None,
) -> Axes:
    """Draw observed trajectories over the band of new spreads that a model is run forward to.

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    band : DataFrame
        From :func:`tworate.inference.predict_curves`.
    shade : str
        Colour of the model.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    highest : float, optional
        Upper end of the axis; by default that of the data and the band, but not far above the data.
    """
    ax = axis_of(ax)
    _bands(ax, band, shade)
    table = trajectories.table.assign(path=trajectories.path_numbers)
    for _, path in table[table["infected"] > 0].groupby("path"):
        ax.plot(
            path["time"] - path["time"].iloc[0],
            path["infected"] / path["population"],
            color=INK,
            lw=0.5,
            alpha=0.65,
            gid=f"{NAMED}trajectory {path['trajectory'].iloc[0]}",
        )
    ax.set_xlabel(with_unit("time since the start", trajectories))
    ax.set_ylim(0, highest or highest_prevalence(trajectories, [band]))
    return ax


def highest_prevalence(trajectories: Trajectories, bands: list[pd.DataFrame]) -> float:
    """Return the upper end of an axis of prevalence that suits the data, and shows the bands as far as that allows."""
    table = trajectories.table
    seen = float((table["infected"] / table["population"]).max())
    predicted = max(float(band["q97.5"].max()) for band in bands)
    return min(1.02, max(1.08 * seen, min(1.05 * predicted, _HIGHEST * seen)))


def _bands(ax: Axes, bands: pd.DataFrame, shade: str) -> None:
    ax.fill_between(bands["time"], bands["q2.5"], bands["q97.5"], color=shade, alpha=0.22, lw=0)
    ax.fill_between(bands["time"], bands["q25"], bands["q75"], color=shade, alpha=0.4, lw=0)
    ax.plot(bands["time"], bands["q50"], color=shade, lw=1.2, gid=f"{NAMED}median predicted")


def draw_elpd(result: ConditionResult, ax: Axes | None = None) -> Axes:
    """Draw the elpd of each model as its difference from the best model, with standard errors."""
    names = sorted(result.models, key=lambda name: result.models[name].elpd_loo)
    best = names[-1]
    ax = axis_of(ax, 0.2 + 0.09 * len(names))
    ax.axvline(0, color=SOFT, lw=0.8)
    for row, name in enumerate(names):
        difference, error = elpd_difference(*(result.models[n].elpd.pointwise for n in (name, best)))
        ax.errorbar(
            difference, row, xerr=2 * error, fmt="o", ms=4.5, lw=1.4, capsize=2.5, color=colour(name, names),
            gid=NAMED + name,
        )  # fmt: skip
        # One model far behind squeezes all others: the numbers stay readable.
        text = "best" if name == best else f"{difference:,.1f} ({error:,.1f})".replace("-", "−")
        ax.annotate(
            text, (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=7, color=INK,
            annotation_clip=False,
        )  # fmt: skip
    ax.annotate("difference (dse)", (1.02, 1), xycoords="axes fraction", va="bottom", fontsize=7, color=INK)
    ax.set_yticks(range(len(names)), [plain(name) for name in names])
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_xlabel(f"elpd minus that of {plain(best)} (bars: 2 standard errors, dse)")
    ax.grid(axis="y", visible=False)
    return ax


Curve = tuple[str, Parameter, Any]
"""A model's name, one of its parameters, and draws of it."""


def rate_curves(result: ConditionResult) -> dict[str, list[Curve]]:
    """Return the draws of rates, and of pure numbers such as the weight, by model; of rivals only the chosen one's."""
    curves: dict[str, list[Curve]] = {"rates": [], "pure numbers": []}
    for model in result.shown:
        outcome = result.models[model]
        if outcome.rival and model != result.selected:
            continue
        for name, spec in outcome.specification.model.parameters().items():
            if spec.support[0] < 0:
                # Coefficients of a curve mean nothing one by one.
                continue
            draws = np.asarray(group(result.posteriors[model], "posterior")[name]).ravel()
            curves["rates" if spec.is_rate else "pure numbers"].append((model, spec, draws))
    return {kind: found for kind, found in curves.items() if found}


def draw_rates(result: ConditionResult, ax: Axes | None = None, kind: str = "rates", time_unit: str = "") -> Axes:
    """Draw posterior densities of rates, or of dimensionless parameters such as the weight (`kind` "pure numbers")."""
    ax, names, curves = axis_of(ax), result.shown, rate_curves(result).get(kind, [])
    lines = ("-", "--", ":", "-.")
    drawn: dict[str, int] = {}
    for model, spec, draws in curves:
        drawn[model] = drawn.get(model, -1) + 1
        low, high = np.quantile(draws, [0.002, 0.998])
        counts, edges = np.histogram(draws, bins=60, range=(low, high), density=True)
        # Scaled to its own peak: a sharp posterior beside a wide one stays readable.
        smooth = np.convolve(counts, np.hanning(9) / np.hanning(9).sum(), mode="same")
        ax.plot(
            (edges[:-1] + edges[1:]) / 2,
            smooth / max(smooth.max(), 1e-300),
            color=colour(model, names),
            ls=lines[drawn[model] % len(lines)],
            lw=1.3,
            label=f"{symbol(spec.symbol or spec.meaning)} ({plain(model)})",
            gid=f"{NAMED}{spec.symbol or spec.meaning} of {model}",
        )
    if curves:
        # A long thin tail must not squeeze everything else against the axis.
        ax.set_xlim(0, 1.1 * max(np.quantile(draws, 0.98) for _, _, draws in curves))
        if all(spec.support[1] == 1.0 for _, spec, _ in curves):
            ax.set_xlim(0, 1)
        several = kind == "rates" or len(curves) > 1
        unit = time_unit or "unit of time"
        label = f"rate at full exposure, per {plain(unit)}" if kind == "rates" else "value (a pure number)"
        ax.set_xlabel(label if several else curves[0][1].meaning)
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2 if kind == "rates" else 1, borderaxespad=0.3)
    ax.set_yticks([])
    ax.set_ylim(0, 1.08)
    return ax


def draw_pareto_k(result: ConditionResult, ax: Axes | None = None) -> Axes:
    """Draw the Pareto k of every unit: whether PSIS-LOO can be trusted."""
    ax, names = axis_of(ax), result.shown
    for name in names:
        k = result.models[name].elpd.pareto_k
        _cloud(ax, np.arange(k.size), k, colour(name, names), name)
    limit = max(model.good_k for model in result.models.values())
    ax.axhline(limit, color=SOFT, lw=0.9, ls="--")
    ax.annotate(
        f"limit {limit:.2f}", (1, limit), xycoords=("axes fraction", "data"), xytext=(-2, 2),
        textcoords="offset points", va="bottom", ha="right", fontsize=7, color=INK,
    )  # fmt: skip
    ax.set_ylim(top=max(limit + 0.15, ax.get_ylim()[1]))
    ax.set_xlabel(f"number of the {result.unit} that is left out")
    ax.set_ylabel("Pareto k")
    return ax


def draw_pit(result: ConditionResult, ax: Axes | None = None) -> Axes:
    """Draw the distribution of the ranks of the observations among their one-step predictions, less the uniform one.

    The grey band holds the whole curve of a right model with a probability of 95%.
    """
    ax, names = axis_of(ax), list(result.adequacy)
    band = kstwo.ppf(0.95, len(result.adequacy[names[0]].pit))
    ax.fill_between([0, 1], -band, band, color=SOFT, alpha=0.2, lw=0)
    for name in names:
        at = np.sort(result.adequacy[name].pit)
        above = np.arange(1, at.size + 1) / at.size - at
        ax.step(at, above, where="post", color=colour(name, names), lw=1.1, gid=NAMED + name)
    ax.set_xlabel("rank among the predictions (PIT)")
    ax.set_ylabel("share of lower ranks − uniform")
    return ax


def draw_bins(result: ConditionResult, kind: str, ax: Axes | None = None) -> Axes:
    """Draw new sharers in bins of `exposure` or `time` over those expected, with two standard deviations."""
    ax, names = axis_of(ax), list(result.adequacy)
    ax.axhline(1, color=SOFT, lw=0.8)
    for name in names:
        binned = result.adequacy[name].bins[kind]
        expected = np.array(binned.expected)
        middle = (np.array(binned.low) + np.array(binned.high)) / 2
        ax.errorbar(
            middle,
            np.array(binned.observed) / expected,
            yerr=2 * np.array(binned.sd) / expected,
            fmt="o-",
            ms=2.8,
            lw=0.9,
            capsize=1.5,
            color=colour(name, names),
            gid=NAMED + name,
        )
    ax.set_xlabel("cumulative exposure" if kind == "exposure" else kind)
    ax.set_ylabel("observed / expected sharers")
    return ax


def draw_prior_reach(reached: dict[str, Any], observed: float, ax: Axes | None = None) -> Axes:
    """Draw the shares of the agents that priors let share, given their exposures, and the share that did.

    Parameters
    ----------
    reached : dict of array
        From :func:`tworate.inference.comparison.agents.prior_reach`.
    observed : float
        Share of the exposed agents that shared.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    """
    ax, edges = axis_of(ax), np.linspace(0, 1, 26)
    for name, values in reached.items():
        _stairs(ax, values, edges, colour(name, list(reached)), name)
    ax.axvline(observed, color=INK, lw=1.5, label="observed")
    ax.set_xlabel("share of the exposed agents that share until the end")
    ax.set_ylabel("frequency (peak = 1)")
    ax.set_ylim(0, 1.1)
    return ax


def draw_prior_check(result: ConditionResult, ax: Axes | None = None) -> Axes:
    """Draw prior predictions and observations of increments, each as a share of the susceptible agents."""
    ax, edges = axis_of(ax), np.geomspace(1e-5, 1.0, 41)
    names = [name for name, model in result.models.items() if not model.rival]
    for name in names:
        posterior = result.posteriors[name]
        size = group(posterior, "constant_data")["n_susceptible"].to_numpy().astype(float)
        observed = group(posterior, "observed_data")["incidence"].to_numpy().astype(float)
        drawn = group(posterior, "prior_predictive")["incidence"].to_numpy().astype(float).reshape(-1, size.size)
        share = np.divide(drawn, size, out=np.zeros_like(drawn), where=size > 0)
        _stairs(ax, share, edges, colour(name, names), name)
    _stairs(ax, np.divide(observed, size, out=np.zeros_like(observed), where=size > 0), edges, INK, "observed")
    ax.set_xscale("log")
    ax.set_xlabel("share of the susceptible agents that begin to share in one interval (zeros not shown)")
    ax.set_ylabel("frequency (peak = 1)")
    ax.set_ylim(0, 1.1)
    return ax


def cloud_of(result: ConditionResult, ax: Axes, at: Any, values: Any, shade: str, label: str) -> None:
    """Draw a cloud of units, as pixels where there are very many."""
    _cloud(ax, at, values, shade, label, named=f"{result.unit}s")


def _cloud(ax: Axes, at: Any, values: Any, shade: str, label: str, named: str = "") -> None:
    many = len(at) > MANY_POINTS
    ax.scatter(
        at, values, s=4, alpha=0.6, lw=0, color=shade, label=plain(label), rasterized=many,
        gid=NAMED + (named or label),
    )  # fmt: skip


def _stairs(ax: Axes, values: Any, edges: Any, shade: str, label: str) -> None:
    counts, _ = np.histogram(values, bins=edges)
    ax.stairs(counts / max(1, counts.max()), edges, color=shade, lw=1.3, label=plain(label))
