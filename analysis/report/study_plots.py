"""Figures of a study. Each function takes a table of `figure_tables` and returns a matplotlib Figure."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...common.figure_style import BLUE, INK, ORANGE, STYLE
from .figure_tables import VERDICTS
from .ticks import plain_ticks

_VERDICT_COLOURS = {"one-rate": BLUE, "two-rate": ORANGE, "heterogeneous": "#9467bd", "undecided": "#bdbdbd"}
_VERDICT_MARKS = {"one-rate": "1", "two-rate": "2", "heterogeneous": "h", "undecided": "?"}
_NOTHING = "#f3f3f3"
_WIDEST, _HIGHEST = 22.0, 40.0
_QUANTITIES = {
    "beta": "β (one rate)",
    "beta_fast": "β fast",
    "beta_slow": "β slow",
    "weight_fast": "weight of the fast rate",
}


def plot_profiles(table: pd.DataFrame) -> Figure:
    """Draw heat maps of the profiles by event type: rate, fast over slow, and verdict."""
    profiles, kinds = list(table["composition"].unique()), list(table["event_type"].unique())
    width = max(0.38 * len(kinds), 1.6)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(min(_WIDEST, 3 * width + 2.2), min(_HIGHEST, 2.6 + 0.23 * len(profiles))))
        axes = figure.subplots(1, 3, sharey=True)
        for axis, name, title in (
            (axes[0], "rate", "rate β (one rate)"),
            (axes[1], "ratio", "fast over slow (two rates)"),
        ):
            values = table.pivot(index="composition", columns="event_type", values=name).loc[profiles, kinds]
            numbers = values.to_numpy(dtype=float)
            shown = np.ma.masked_invalid(numbers)
            low, high = _ends(numbers)
            image = axis.imshow(shown, aspect="auto", cmap=_colours(), norm=LogNorm(low, high))
            bar = figure.colorbar(image, ax=axis, location="bottom", shrink=0.9, pad=0.02, aspect=18)
            plain_ticks(bar.ax.xaxis, low, high)
            bar.set_label("per unit of time" if name == "rate" else "times", fontsize=9)
            axis.set_title(title, fontsize=10)
        counts = table.set_index(["composition", "event_type"])[list(VERDICTS)]
        _verdict_cells(axes[2], counts, profiles, kinds)
        axes[2].set_title("verdict", fontsize=10)
        for axis in axes:
            names = [_plain(kind) for kind in kinds]
            axis.set_xticks(range(len(kinds)), names, rotation=40, ha="right", fontsize=8, rotation_mode="anchor")
            axis.set_yticks(range(len(profiles)), profiles, fontsize=8, family="monospace")
            axis.grid(visible=False)
            axis.tick_params(which="both", length=0)
            for spine in axis.spines.values():
                spine.set_visible(False)
        axes[0].set_ylabel("profile (upper case: high trait), highest rate first")
        figure.legend(handles=_verdict_handles(), loc="outside upper right", ncols=3, fontsize=8.5)
    return figure


def plot_verdicts(table: pd.DataFrame) -> Figure:
    """Draw the verdict of every condition, with the evidence for two rates (elpd_diff) if there is room."""
    rows, columns = list(table["row"].unique()), list(table["column"].unique())
    room = len(columns) <= 12
    size = 0.62 if room else 0.26
    longest = max(map(len, [str(c) for c in columns]))
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(
                min(_WIDEST, max(4.6, 2.0 + size * len(columns))),
                min(_HIGHEST, 1.5 + 0.24 * len(rows) + 0.05 * longest),
            )
        )
        axis = figure.subplots()
        one_each = not table.duplicated(["row", "column"]).any()
        codes = pd.get_dummies(table["verdict"]).reindex(columns=list(VERDICTS), fill_value=0).astype(int)
        counts = codes.groupby([table["row"], table["column"]]).sum()
        text = None
        if room and one_each:
            text = table.set_index(["row", "column"])["elpd_diff"]
        _verdict_cells(axis, counts, rows, columns, text)
        names = [_plain(c) for c in columns]
        if room:
            axis.set_xticks(range(len(columns)), names, rotation=40, ha="right", fontsize=8, rotation_mode="anchor")
        else:
            axis.set_xticks(range(len(columns)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(rows)), [_plain(r) for r in rows], fontsize=8)
        axis.set_xlabel(_plain(table.attrs.get("columns", "").replace("_", " ")))
        axis.set_ylabel(_plain(table.attrs.get("rows", "").replace("_", " ")))
        axis.grid(visible=False)
        axis.tick_params(length=0)
        for spine in axis.spines.values():
            spine.set_visible(False)
        figure.legend(handles=_verdict_handles(), loc="outside upper center", ncols=3, fontsize=8.5)
    return figure


def plot_effects(table: pd.DataFrame) -> Figure:
    """Draw rate ratios (odds ratios for the weight) of traits and events, one panel per quantity."""
    panels = [q for q in ("beta", "beta_fast", "beta_slow", "weight_fast") if q in set(table["quantity"])]
    labels = list(dict.fromkeys(_effect_label(*pair) for pair in zip(table["term"], table["level"], strict=True)))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.9 + 2.5 * len(panels), 1.4 + 0.3 * len(labels)))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, quantity in zip(axes, panels, strict=True):
            part = table[table["quantity"] == quantity]
            places = [labels.index(_effect_label(*p)) for p in zip(part["term"], part["level"], strict=True)]
            clear = (part["ratio_low"] > 1) | (part["ratio_high"] < 1)
            axis.axvline(1.0, color="#888888", lw=1)
            for place, sure, (_, row) in zip(places, clear, part.iterrows(), strict=True):
                shade = (BLUE if row["ratio"] > 1 else ORANGE) if sure else "#888888"
                axis.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=shade, lw=2)
                axis.plot(row["ratio"], place, "o" if row["ratio"] > 1 else "s", ms=6, color=shade)
            axis.set_xscale("log")
            low, high = float(part["ratio_low"].min()), float(part["ratio_high"].max())
            low, high = min(low, 0.9) / 1.1, max(high, 1.1) * 1.1
            axis.set_xlim(low, high)
            plain_ticks(axis.xaxis, low, high)
            axis.set_title(_QUANTITIES[quantity], fontsize=10)
            axis.set_xlabel("odds ratio" if quantity == "weight_fast" else "rate ratio")
            axis.set_yticks(range(len(labels)), [_plain(label) for label in labels])
            axis.set_ylim(len(labels) - 0.5, -0.5)
            axis.grid(axis="y", visible=False)
        handles = [
            Line2D([], [], color=BLUE, marker="o", lw=2, label="raises"),
            Line2D([], [], color=ORANGE, marker="s", lw=2, label="lowers"),
            Line2D([], [], color="#888888", marker="o", lw=2, label="95% HDI includes 1"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8.5)
    return figure


def plot_predictions(table: pd.DataFrame) -> Figure:
    """Draw observed trajectories over the predictions of the fitted models, one small panel per condition."""
    numbers = list(table["condition"].unique())
    columns = min(4, len(numbers))
    rows = -(-len(numbers) // columns)
    lines = int(table["label"].str.count("\n").max()) + 1
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(5.4, 2.5 * columns), (1.75 + 0.16 * lines) * rows + 0.7))
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axis, number in zip(grid.flat, numbers, strict=False):
            part = table[table["condition"] == number]
            for model, band in part[part["kind"] == "predicted"].groupby("si_model"):
                shade = _VERDICT_COLOURS[str(model)]
                axis.fill_between(band["time"], band["q2.5"], band["q97.5"], color=shade, alpha=0.25, lw=0)
                axis.plot(band["time"], band["q50"], color=shade, lw=1.6, ls="-" if model == "one-rate" else "--")
            for _, path in part[part["kind"] == "observed"].groupby("trajectory"):
                axis.plot(path["time"], path["q50"], color=INK, lw=0.7, alpha=0.7)
            axis.set_title(_plain(part["label"].iloc[0]), fontsize=8, fontweight="normal")
            axis.set_ylim(0, 1.02)
        for spare in grid.flat[len(numbers) :]:
            spare.set_visible(False)
        figure.supxlabel("time since the start", fontsize=9.5)
        figure.supylabel("prevalence (fraction that has shared)", fontsize=9.5)
        handles = [
            Line2D([], [], color=BLUE, lw=1.6, label="one rate, median"),
            Line2D([], [], color=ORANGE, lw=1.6, ls="--", label="two rates, median"),
            Patch(color=INK, alpha=0.2, lw=0, label="95% predicted"),
            Line2D([], [], color=INK, lw=0.7, label="observed"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=4 if columns > 2 else 2, fontsize=8.5)
    return figure


def plot_splits(table: pd.DataFrame) -> Figure:
    """Draw the factor of the hazard by who against the factor by when, one point per condition."""
    shades = {"who": BLUE, "when": ORANGE, "both": INK, "neither": "#999999", "undecided": "#999999"}
    marks = {"who": "o", "when": "s", "both": "D", "neither": "x", "undecided": "X"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.9))
        axis = figure.subplots()
        axis.axvline(1, color="#888888", lw=1)
        axis.axhline(1, color="#888888", lw=1)
        for account, part in table.groupby("account"):
            reach = [
                np.maximum(
                    [part[f"{n}_factor"] - part[f"{n}_factor_low"], part[f"{n}_factor_high"] - part[f"{n}_factor"]], 0
                )
                for n in ("who", "when")
            ]
            axis.errorbar(
                part["who_factor"], part["when_factor"], xerr=reach[0], yerr=reach[1], marker=marks[str(account)],
                ls="none", ms=5, lw=0.8, color=shades[str(account)], alpha=0.75, label=f"{account} ({len(part)})",
            )  # fmt: skip
        for direction, set_scale, get in (("who", axis.set_xscale, axis.xaxis), ("when", axis.set_yscale, axis.yaxis)):
            set_scale("log")
            low = min(0.9, float(table[f"{direction}_factor_low"].min()))
            high = max(1.2, float(table[f"{direction}_factor_high"].max()))
            (axis.set_xlim if direction == "who" else axis.set_ylim)(low / 1.1, high * 1.15)
            plain_ticks(get, low / 1.1, high * 1.15)
        axis.set_xlabel("who: factor by which the hazard per sighting falls")
        axis.set_ylabel("when: factor by which it falls")
        figure.legend(
            loc="outside upper center", ncols=5, fontsize=8.5, title="account of the counts", title_fontsize=8.5
        )
    return figure


def _verdict_cells(
    axis: Any, counts: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], text: pd.Series | None = None
) -> None:
    """Colour cells by their verdict; if verdicts in a cell differ, by the most common one, marked with *."""
    codes = np.full((len(rows), len(columns)), np.nan)
    for key, cell_counts in counts.iterrows():
        cell: Any = key
        place = rows.index(cell[0]), columns.index(cell[1])
        codes[place] = int(np.argmax(cell_counts.to_numpy()))
        verdict = VERDICTS[int(codes[place])]
        mixed = (cell_counts > 0).sum() > 1
        label = _VERDICT_MARKS[verdict] + ("*" if mixed else "")
        if text is not None:
            value = float(text.loc[cell])
            label = f"{round(value)}" if np.isfinite(value) else "–"
        axis.text(
            place[1], place[0], label, ha="center", va="center", fontsize=7.5,
            color=INK if verdict == "undecided" else "white",
        )  # fmt: skip
    axis.set_facecolor(_NOTHING)
    axis.imshow(
        np.ma.masked_invalid(codes),
        aspect="auto",
        cmap=ListedColormap([_VERDICT_COLOURS[v] for v in VERDICTS]),
        norm=BoundaryNorm(np.arange(len(VERDICTS) + 1) - 0.5, len(VERDICTS)),
    )
    axis.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", lw=1)
    axis.tick_params(which="minor", length=0)


def _verdict_handles() -> list[Patch]:
    return [Patch(color=_VERDICT_COLOURS[v], label=f"{v} ({_VERDICT_MARKS[v]})") for v in VERDICTS]


def _colours() -> Any:
    return mpl.colormaps["cividis"].with_extremes(bad=_NOTHING)


def _ends(values: Any) -> tuple[float, float]:
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return 0.9, 1.1
    low, high = float(positive.min()), float(positive.max())
    return (low, high) if high > 1.05 * low else (low / 1.1, high * 1.1)


def _effect_label(term: str, level: str) -> str:
    names = {
        "O": "openness", "C": "conscientiousness", "E": "extraversion", "A": "agreeableness", "N": "neuroticism",
        "event_type": "", "fatalities": "fatalities, tenfold",
    }  # fmt: skip
    name = names.get(term, term)
    shown = str(level) if level and (not name or term not in names) else ""
    return f"{name}: {shown}" if name and shown else name or shown


def _plain(text: object) -> str:
    """Escape dollar signs, so that a name is not typeset as mathematics."""
    return str(text).replace("$", r"\$")
