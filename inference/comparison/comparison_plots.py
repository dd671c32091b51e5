"""Figures of a comparison, as wide as one or two columns of a journal (89 or 183 mm). None computes a result.

Each function takes results and returns a matplotlib Figure; its panels are drawn by :mod:`.panels`, which take an axis.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...common.figure_style import BLUE, COLUMN, INK, ORANGE, PAGE, PAPER
from ...errors import InputError
from ...simulate import Trajectories
from ..posterior.arviz_adapter import group
from . import panels
from .panels import colour
from .results import ConditionResult

_MAX_ATTRIBUTES = 2
"""Attributes of the agents in the figure of classes: those that explain most."""
_IN_A_ROW = 3
"""Models side by side."""


def plot_steps(trajectories: Trajectories, steps: dict[str, pd.DataFrame]) -> Figure:
    """Draw new sharers in each interval over the predictions one step ahead, the models side by side.

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    steps : dict of str to DataFrame
        From :func:`tworate.inference.posterior.one_step.predict_steps`, by model.
    """
    names = list(steps)
    top = 1.08 * max(max(table["observed"].max(), table["q97.5"].max()) for table in steps.values())
    with mpl.rc_context(PAPER):
        figure, axes = _side_by_side(len(names))
        label = panels.with_unit("time since the start", trajectories)
        for ax, name in zip(axes, names, strict=True):
            panels.draw_steps(steps[name], colour(name, names), label, ax)
            ax.set_ylim(0, max(top, 1.0))
            ax.set_title(panels.plain(name))
        _label_rows(axes, "new sharers in the interval")
        _legend_of_bands(figure, Line2D([], [], marker="o", ms=2.2, mew=0, ls="", color=INK, label="observed"))
    return figure


def plot_prediction(trajectories: Trajectories, bands: dict[str, pd.DataFrame]) -> Figure:
    """Draw observed trajectories over new spreads that each model is run forward to, the models side by side.

    Parameters
    ----------
    trajectories : Trajectories
        The data.
    bands : dict of str to DataFrame
        From :func:`tworate.inference.predict_curves`, by model.
    """
    names = list(bands)
    highest = panels.highest_prevalence(trajectories, list(bands.values()))
    with mpl.rc_context(PAPER):
        figure, axes = _side_by_side(len(names))
        for ax, name in zip(axes, names, strict=True):
            panels.draw_forward(trajectories, bands[name], colour(name, names), ax, highest=highest)
            ax.set_title(panels.plain(name))
        _label_rows(axes, "prevalence")
        _legend_of_bands(figure, Line2D([], [], color=INK, lw=0.5, alpha=0.65, label="observed"))
    return figure


def _n_columns(n_panels: int) -> int:
    return 2 if n_panels in (2, 4) else min(n_panels, _IN_A_ROW)


def _side_by_side(n_panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in rows of three; fewer rows where two are as good."""
    columns = _n_columns(n_panels)
    rows = -(-n_panels // columns)
    figure = Figure(figsize=(COLUMN if columns == 1 else PAGE, (1.75 if columns == _IN_A_ROW else 2.0) * rows + 0.3))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for spare in grid.flat[n_panels:]:
        spare.set_visible(False)
    axes = list(grid.flat[:n_panels])
    for place, ax in enumerate(axes):
        ax.tick_params(labelbottom=True, labelleft=place % columns == 0)
    return figure, axes


def _label_rows(axes: list[Axes], label: str) -> None:
    """Label the first axis of each row, and the time only where no other axis stands below."""
    columns = _n_columns(len(axes))
    for place, ax in enumerate(axes):
        if place % columns == 0:
            ax.set_ylabel(label)
        if place + columns < len(axes):
            ax.set_xlabel("")


def _legend_of_bands(figure: Figure, observed: Line2D) -> None:
    handles = [
        Patch(color=INK, alpha=0.22, lw=0, label="95% predicted"),
        Patch(color=INK, alpha=0.5, lw=0, label="50% predicted"),
        Line2D([], [], color=INK, lw=1.2, label="median predicted"),
        observed,
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4 if figure.get_figwidth() > COLUMN else 2)


def plot_elpd(result: ConditionResult) -> Figure:
    """Draw the elpd of each model as its difference from the best model, with standard errors."""
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 0.6 + 0.24 * len(result.models)))
        panels.draw_elpd(result, figure.subplots())
    return figure


def plot_rates(result: ConditionResult, time_unit: str = "") -> Figure:
    """Draw posterior densities of rates and of dimensionless parameters such as the weight.

    Rivals are left out, but for the model of the verdict.
    """
    curves = panels.rate_curves(result)
    with mpl.rc_context(PAPER):
        entries = max((-(-len(found) // (2 if kind == "rates" else 1)) for kind, found in curves.items()), default=1)
        figure = Figure(figsize=(PAGE if len(curves) > 1 else COLUMN, 1.9 + 0.14 * entries))
        axes = figure.subplots(1, max(len(curves), 1), squeeze=False, width_ratios=[1.7, 1][: max(len(curves), 1)])[0]
        for ax, kind in zip(axes, curves, strict=False):
            panels.draw_rates(result, ax, kind, time_unit)
        axes[0].set_ylabel("density (peak = 1)")
    return figure


def plot_pareto_k(result: ConditionResult) -> Figure:
    """Draw the Pareto k of every unit: whether PSIS-LOO can be trusted."""
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 2.3))
        panels.draw_pareto_k(result, figure.subplots())
        _legend_of_models(figure, result.shown)
    return figure


def _legend_of_models(figure: Figure, names: list[str]) -> None:
    handles = [Line2D([], [], color=colour(name, names), lw=1.6, label=panels.plain(name)) for name in names]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(names), 4))


def plot_pit(result: ConditionResult) -> Figure:
    """Draw whether the models describe the data.

    Of counts: the distribution of the ranks of the observations among their one-step predictions, less the uniform one,
    in a band that holds the whole curve of a right model with a probability of 95%. Always: new sharers in bins of
    exposure, and of time, over those expected, with two standard deviations.
    """
    if not result.adequacy:
        raise InputError("whether the models describe the data was not asked: it is, once there is a verdict")
    first = next(iter(result.adequacy.values()))
    shown = [*(["pit"] if first.pit else []), *first.bins]
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE if len(shown) > 1 else COLUMN, 2.2))
        for ax, kind in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            if kind == "pit":
                panels.draw_pit(result, ax)
            else:
                panels.draw_bins(result, kind, ax)
        _legend_of_models(figure, list(result.adequacy))
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
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 3.2))
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
                panels.cloud_of(result, points, at[chosen], difference[chosen], shade, label)
            figure.legend(loc="outside lower center", ncols=2, markerscale=2)
        else:
            panels.cloud_of(result, points, at, difference, INK, "")
        points.set_ylabel(f"of one {result.unit}")
        running.plot(in_order.index, in_order, color=INK, lw=1.3, gid=f"{panels.NAMED}sum so far")
        running.set_ylabel("sum so far")
        for ax in (points, running):
            ax.axhline(0, color=panels.SOFT, lw=0.8)
        # Two lines of one figure: their labels stand below each other.
        figure.align_ylabels([points, running])
        title = f"elpd of {two.specification.name} minus elpd of {one.specification.name}"
        points.set_title(panels.plain(title), loc="left")
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
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE if shown else COLUMN, max(2.2, 0.7 + 0.125 * n_levels)))
        axes = figure.subplots(1, 1 + len(shown), squeeze=False)[0]
        edges = np.linspace(0, 1, 26)
        shared = agents["shared"].to_numpy(dtype=bool)
        parts = [agents["p_fast"].to_numpy()[chosen] for chosen in (shared, ~shared)]
        labels = ["shared", "did not share"]
        axes[0].hist(parts, bins=edges, stacked=True, color=[ORANGE, BLUE], alpha=0.8, label=labels)
        axes[0].set_xlabel("probability of the fast class")
        axes[0].set_ylabel("agents" if agents["trajectory"].nunique() == 1 else "agents, in all trajectories")
        axes[0].legend()
        overall = agents["p_fast"].mean()
        for ax, name in zip(axes[1:], shown, strict=True):
            own = by_attribute[by_attribute["attribute"] == name]
            ordered = own.sort_values("p_fast") if pd.to_numeric(own["level"], errors="coerce").isna().any() else own
            rows = np.arange(len(ordered))
            ax.errorbar(ordered["p_fast"], rows, xerr=2 * ordered["se"], fmt="o", ms=2.5, lw=0.9, color=INK)
            ax.axvline(overall, color=panels.SOFT, lw=0.8, ls="--")
            ax.set_yticks(rows, [panels.plain(level) for level in ordered["level"]])
            ax.set_ylim(-0.7, len(ordered) - 0.3)
            ax.set_xlim(0, 1)
            ax.set_xlabel("mean probability of the fast class")
            ax.set_title(f"{panels.plain(name)} (explains {own['explained'].iloc[0]:.0%})")
    return figure


def plot_prior_reach(reached: dict[str, Any], observed: float) -> Figure:
    """Draw the shares of the agents that priors let share, see :func:`tworate.inference.comparison.panels`."""
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 2.2))
        panels.draw_prior_reach(reached, observed, figure.subplots())
        _legend_above(figure)
    return figure


def plot_prior_check(result: ConditionResult) -> Figure:
    """Draw prior predictions and observations of increments, each as a share of the susceptible agents."""
    with mpl.rc_context(PAPER):
        figure = Figure(figsize=(PAGE, 2.2))
        panels.draw_prior_check(result, figure.subplots())
        _legend_above(figure)
    return figure


def _legend_above(figure: Figure) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
