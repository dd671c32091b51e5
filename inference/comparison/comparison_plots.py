"""Figures of a comparison. Each function takes results and returns a matplotlib Figure. None computes a result."""

import re
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import kstwo

from ...common.figure_style import BLUE, INK, ORANGE, STYLE
from ...errors import InputError
from ...models.parameters import Parameter
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
_WITH_STRUCTURE = {"one-rate": "#56B4E9", "two-rate": "#A34400", "gamma-rate": "#00664B", "free-hazard": "#999999"}
"""Colours of models with a structure: near those of the models without."""
_MORE_COLOURS = ("#000000", "#332288", "#882255")
_MAX_ATTRIBUTES = 2
"""Attributes of the agents in the figure of classes: those that explain most."""
_SUBSCRIPT = re.compile(r"_(\w+)")


def colour(model: str, models: list[str]) -> str:
    """Return the colour of a model, the same in every figure of a comparison."""
    plain = model.partition("+")[0]
    if model in COLOURS or (plain in _WITH_STRUCTURE and plain != model):
        return COLOURS.get(model) or _WITH_STRUCTURE[plain]
    others = [name for name in models if name not in COLOURS]
    return _MORE_COLOURS[others.index(model) % len(_MORE_COLOURS)]


def symbol(text: str) -> str:
    """Return a parameter's symbol as matplotlib's math text, such as β with the subscript fast."""
    return _SUBSCRIPT.sub(lambda match: r"$_\mathrm{" + match[1] + "}$", text)


def plot_prediction(trajectories: Trajectories, bands: dict[str, pd.DataFrame]) -> Figure:
    """Draw predictive bands over the observed trajectories, the models side by side, three in a row.

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    bands : dict of str to DataFrame
        From :func:`tworate.inference.predict_curves`, by model.
    """
    names = list(bands)
    rows, columns = -(-len(names) // 3), min(3, len(names))
    width = 4.5 if columns < 3 else 3.4
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * columns, 3.5 * rows + 0.4))
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for spare in grid.flat[len(names) :]:
            spare.set_visible(False)
        axes = grid.flat[: len(names)]
        table = trajectories.table.assign(path=trajectories.path_numbers)
        for axis, name in zip(axes, names, strict=True):
            band, shade = bands[name], colour(name, names)
            axis.fill_between(band["time"], band["q2.5"], band["q97.5"], color=shade, alpha=0.18, lw=0)
            axis.fill_between(band["time"], band["q25"], band["q75"], color=shade, alpha=0.35, lw=0)
            axis.plot(band["time"], band["q50"], color=shade, lw=2)
            for _, path in table[table["infected"] > 0].groupby("path"):
                axis.plot(
                    path["time"] - path["time"].iloc[0],
                    path["infected"] / path["population"],
                    color=INK,
                    lw=0.7,
                    alpha=0.6,
                )
            axis.set_title(name)
            axis.set_xlabel("time since the start")
            axis.tick_params(labelbottom=True)
            axis.set_ylim(0, 1.02)
            formula = band.attrs["formula"]
            source = formula if "simulated" in formula else f"closure {formula}"
            axis.set_title(source, loc="right", fontsize=7.5, fontweight="normal", color=INK)
        for axis in grid[:, 0]:
            axis.set_ylabel("prevalence (share that has shared)")
        handles = [
            Patch(color=INK, alpha=0.18, lw=0, label="95% predicted"),
            Patch(color=INK, alpha=0.4, lw=0, label="50% predicted"),
            Line2D([], [], color=INK, lw=2, label="median predicted"),
            Line2D([], [], color=INK, lw=0.7, alpha=0.6, label="observed"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8.5)
    return figure


def plot_elpd(result: ConditionResult) -> Figure:
    """Draw the elpd of each model as its difference from the best model, with standard errors."""
    names = sorted(result.models, key=lambda name: result.models[name].elpd_loo)
    best = names[-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.1 + 0.55 * len(names)))
        axis = figure.subplots()
        axis.axvline(0, color="#888888", lw=1)
        for row, name in enumerate(names):
            difference, error = elpd_difference(*(result.models[n].elpd.pointwise for n in (name, best)))
            axis.errorbar(difference, row, xerr=2 * error, fmt="o", ms=8, lw=2, capsize=4, color=colour(name, names))
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(-0.6, len(names) - 0.4)
        axis.set_xlabel(f"elpd minus that of {best} (bars: 2 standard errors)")
        axis.grid(axis="y", visible=False)
    return figure


def plot_rates(result: ConditionResult) -> Figure:
    """Draw posterior densities of rates and of dimensionless parameters such as the weight.

    Rivals are left out, but for the model of the verdict.
    """
    panels: list[tuple[str, list[tuple[str, Parameter, Any]]]] = [("rates", []), ("pure numbers", [])]
    for model in result.shown:
        outcome = result.models[model]
        if outcome.rival and model != result.selected:
            continue
        for name, spec in outcome.specification.model.parameters().items():
            if spec.support[0] < 0:
                # Coefficients of a curve mean nothing one by one.
                continue
            draws = np.asarray(group(result.posteriors[model], "posterior")[name]).ravel()
            panels[not spec.is_rate][1].append((model, spec, draws))
    panels = [panel for panel in panels if panel[1]]
    names = result.shown
    lines = ("-", "--", ":")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.5 * len(panels), 3.0))
        axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=[1.7, 1][: len(panels)])[0]
        for axis, (kind, curves) in zip(axes, panels, strict=True):
            # A long thin tail must not squeeze everything else against the axis.
            axis.set_xlim(0, 1.1 * max(np.quantile(draws, 0.98) for _, _, draws in curves))
            drawn: dict[str, int] = {}
            for model, spec, draws in curves:
                drawn[model] = drawn.get(model, -1) + 1
                low, high = np.quantile(draws, [0.002, 0.998])
                counts, edges = np.histogram(draws, bins=60, range=(low, high), density=True)
                # Scaled to its own peak: a sharp posterior beside a wide one stays readable.
                smooth = np.convolve(counts, np.hanning(9) / np.hanning(9).sum(), mode="same")
                axis.plot(
                    (edges[:-1] + edges[1:]) / 2,
                    smooth / smooth.max(),
                    color=colour(model, names),
                    ls=lines[drawn[model] % len(lines)],
                    lw=2,
                    label=f"{symbol(spec.symbol or spec.meaning)} ({model})",
                )
            axis.set_yticks([])
            axis.set_ylim(0, 1.35)
            axis.legend(loc="upper center", fontsize=8.5, ncols=2 if kind == "rates" else 1)
            several = kind == "rates" or len(curves) > 1
            label = "rate at full exposure, per unit of time" if kind == "rates" else "value"
            axis.set_xlabel(label if several else curves[0][1].meaning)
        axes[0].set_ylabel("posterior density (peak = 1)")
        if all(spec.support[1] == 1.0 for _, spec, _ in panels[-1][1]):
            axes[-1].set_xlim(0, 1)
    return figure


def plot_pareto_k(result: ConditionResult) -> Figure:
    """Draw the Pareto k of every unit: whether PSIS-LOO can be trusted."""
    names = result.shown
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.0))
        axis = figure.subplots()
        for name in names:
            k = result.models[name].elpd.pareto_k
            axis.scatter(np.arange(k.size), k, s=9, alpha=0.7, lw=0, color=colour(name, names), label=name)
        limit = max(model.good_k for model in result.models.values())
        axis.axhline(limit, color="#888888", lw=1.2, ls="--")
        axis.text(0, limit, f" limit {limit:.2f}", va="bottom", ha="left", fontsize=8.5, color=INK)
        axis.set_ylim(top=max(limit + 0.15, axis.get_ylim()[1]))
        axis.set_xlabel(f"number of the {result.unit} that is left out")
        axis.set_ylabel("Pareto k")
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names), fontsize=9, markerscale=2)
    return figure


def plot_pit(result: ConditionResult) -> Figure:
    """Draw whether the models describe the data.

    Of counts: the distribution of the ranks of the observations among their one-step predictions, less the uniform one,
    in a band that holds the whole curve of a right model with a probability of 95%. Always: new sharers in bins of
    exposure, and of time, over those expected, with two standard deviations.
    """
    if not result.adequacy:
        raise InputError("whether the models describe the data was not asked: it is, once there is a verdict")
    names = list(result.adequacy)
    first = next(iter(result.adequacy.values()))
    panels = [*(["pit"] if first.pit else []), *first.bins]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(3.4 * len(panels), 5.0), 3.2))
        axes = dict(zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True))
        if "pit" in axes:
            axis, size = axes["pit"], len(first.pit)
            band = kstwo.ppf(0.95, size)
            axis.fill_between([0, 1], -band, band, color="#888888", alpha=0.2, lw=0)
            for name in names:
                at = np.sort(result.adequacy[name].pit)
                above = np.arange(1, at.size + 1) / at.size - at
                axis.step(at, above, where="post", color=colour(name, names), lw=1.6)
            axis.set_xlabel("rank among the predictions (PIT)")
            axis.set_ylabel("share of lower ranks, minus uniform")
        for kind in first.bins:
            axis = axes[kind]
            axis.axhline(1, color="#888888", lw=1)
            for name in names:
                binned = result.adequacy[name].bins[kind]
                expected = np.array(binned.expected)
                middle = (np.array(binned.low) + np.array(binned.high)) / 2
                axis.errorbar(
                    middle,
                    np.array(binned.observed) / expected,
                    yerr=2 * np.array(binned.sd) / expected,
                    fmt="o-",
                    ms=4,
                    lw=1.2,
                    capsize=2,
                    color=colour(name, names),
                )
            axis.set_xlabel("cumulative exposure" if kind == "exposure" else kind)
            axis.set_ylabel("new sharers over those expected")
        handles = [Line2D([], [], color=colour(name, names), lw=2, label=name) for name in names]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(names), fontsize=9)
    return figure


def plot_pointwise_elpd(result: ConditionResult, agents: pd.DataFrame | None = None) -> Figure:
    """Draw the pointwise difference in elpd (two rates minus one) over time, trajectories or exposure, and its sum.

    Parameters
    ----------
    result : ConditionResult
        The comparison.
    agents : pandas.DataFrame, optional
        The agents, if they are the units, from :func:`tworate.inference.comparison.agents.agent_table`.
    """
    if not set(result.compared) - {""} <= set(result.models) or len(result.compared) < 2 or not result.compared[0]:
        raise InputError("the figure shows elpd of two rates minus elpd of one rate, but not both models were fitted")
    two, one = (result.models[name] for name in result.compared)
    difference = two.elpd.pointwise - one.elpd.pointwise
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2))
        points, running = figure.subplots(2, 1, sharex=True)
        if result.unit == "increment":
            at = np.asarray(group(result.posteriors[two.specification.name], "observed_data")["time"], dtype=float)
            running.set_xlabel("time")
        elif result.unit == "agent" and agents is not None:
            at = agents["exposure"].to_numpy(dtype=float)
            running.set_xlabel("cumulative exposure of the agent until its share, or until the end")
        else:
            at = np.arange(difference.size)
            running.set_xlabel(f"number of the {result.unit}")
        in_order = pd.Series(difference).groupby(at).sum().cumsum()
        if result.unit == "agent" and agents is not None:
            shared = agents["shared"].to_numpy(dtype=bool)
            for chosen, shade, label in ((shared, ORANGE, "agents that shared"), (~shared, BLUE, "that did not")):
                points.scatter(at[chosen], difference[chosen], s=10, alpha=0.5, lw=0, color=shade, label=label)
            points.legend(loc="upper right", ncols=2, fontsize=8.5, markerscale=2)
        else:
            points.scatter(at, difference, s=10, alpha=0.5, lw=0, color=INK)
        points.set_ylabel(f"of one {result.unit}")
        running.plot(in_order.index, in_order, color=INK, lw=2)
        running.set_ylabel("sum so far")
        for axis in (points, running):
            axis.axhline(0, color="#888888", lw=1)
        points.set_title(f"elpd of {two.specification.name} minus elpd of {one.specification.name}", loc="left")
    return figure


def plot_classes(agents: pd.DataFrame, by_attribute: pd.DataFrame) -> Figure:
    """Draw to which class the agents probably belong, and how that goes with what is known of them.

    Parameters
    ----------
    agents, by_attribute : pandas.DataFrame
        From :func:`tworate.inference.comparison.agents.agent_table` and
        :func:`tworate.inference.comparison.agents.class_by_attribute`.
    """
    shown = list(by_attribute.sort_values("explained", ascending=False)["attribute"].unique()[:_MAX_ATTRIBUTES])
    n_levels = max((int((by_attribute["attribute"] == name).sum()) for name in shown), default=0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * (1 + len(shown)), max(3.0, 1.0 + 0.17 * n_levels)))
        axes = figure.subplots(1, 1 + len(shown), squeeze=False)[0]
        edges = np.linspace(0, 1, 26)
        shared = agents["shared"].to_numpy(dtype=bool)
        parts = [agents["p_fast"].to_numpy()[chosen] for chosen in (shared, ~shared)]
        labels = ["shared", "did not share"]
        axes[0].hist(parts, bins=edges, stacked=True, color=[ORANGE, BLUE], alpha=0.8, label=labels)
        axes[0].set_xlabel("probability of the fast class")
        axes[0].set_ylabel("agents" if agents["trajectory"].nunique() == 1 else "agents, in all trajectories")
        axes[0].legend(fontsize=8.5)
        overall = agents["p_fast"].mean()
        for axis, name in zip(axes[1:], shown, strict=True):
            own = by_attribute[by_attribute["attribute"] == name]
            ordered = own.sort_values("p_fast") if pd.to_numeric(own["level"], errors="coerce").isna().any() else own
            rows = np.arange(len(ordered))
            axis.errorbar(ordered["p_fast"], rows, xerr=2 * ordered["se"], fmt="o", ms=4, lw=1.2, color=INK)
            axis.axvline(overall, color="#888888", lw=1, ls="--")
            axis.set_yticks(rows, ordered["level"], fontsize=7.5 if len(ordered) > 12 else 9)
            axis.set_ylim(-0.7, len(ordered) - 0.3)
            axis.set_xlim(0, 1)
            axis.set_xlabel("mean probability of the fast class")
            axis.set_title(f"{name} (explains {own['explained'].iloc[0]:.0%})")
    return figure


def plot_prior_reach(reached: dict[str, Any], observed: float) -> Figure:
    """Draw the shares of the agents that priors let share, given their exposures, and the share that did.

    Parameters
    ----------
    reached : dict of array
        From :func:`tworate.inference.comparison.agents.prior_reach`.
    observed : float
        Share of the exposed agents that shared.
    """
    edges = np.linspace(0, 1, 26)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.9))
        axis = figure.subplots()
        for name, values in reached.items():
            _step(axis, values, edges, colour(name, list(reached)), name)
        axis.axvline(observed, color=INK, lw=2, label="observed")
        axis.set_xlabel("share of the exposed agents that share until the end")
        axis.set_ylabel("frequency (peak = 1)")
        axis.set_ylim(0, 1.1)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(reached) + 1, fontsize=9)
    return figure


def plot_prior_check(result: ConditionResult) -> Figure:
    """Draw prior predictions and observations of increments, each as a share of the susceptible agents."""
    names = [name for name, model in result.models.items() if not model.rival]
    edges = np.geomspace(1e-5, 1.0, 41)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.9))
        axis = figure.subplots()
        for name in names:
            posterior = result.posteriors[name]
            size = group(posterior, "constant_data")["n_susceptible"].to_numpy().astype(float)
            observed = group(posterior, "observed_data")["incidence"].to_numpy().astype(float)
            drawn = group(posterior, "prior_predictive")["incidence"].to_numpy().astype(float).reshape(-1, size.size)
            _step(
                axis, np.divide(drawn, size, out=np.zeros_like(drawn), where=size > 0), edges, colour(name, names), name
            )
        _step(axis, np.divide(observed, size, out=np.zeros_like(observed), where=size > 0), edges, INK, "observed")
        axis.set_xscale("log")
        axis.set_xlabel("share of the susceptible agents that begin to share in one interval (zeros not shown)")
        axis.set_ylabel("frequency (peak = 1)")
        axis.set_ylim(0, 1.1)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names) + 1, fontsize=9)
    return figure


def _step(axis: Any, values: Any, edges: Any, shade: str, label: str) -> None:
    counts, _ = np.histogram(values, bins=edges)
    axis.stairs(counts / max(1, counts.max()), edges, color=shade, lw=2, label=label)
