"""Figures of probes and of decision effects. Each function takes results and returns a matplotlib Figure."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...agents import TRAITS
from ...agents.probe import LEAST_RELIABILITY, LEAST_SEPARATION, Probe
from ...common.figure_style import BLUE, INK, ORANGE, PAGE, PAPER, STYLE
from ..decision_effects import Effects

NUMBERED = ("sighting", "sharers")
"""Terms whose levels are numbers, which need their name beside them."""
_YES, _NO = BLUE, ORANGE
_WIDEST_SCALE = 4.0
"""Largest possible difference of two scores from 1 to 5, so that colours mean the same for every model."""


def plot_probe(probe: Probe) -> Figure:
    """Draw the effects of the persona's traits on each scale, with the separation and reliability of the scale."""
    rows = np.arange(len(TRAITS))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 4.2))
        heat, apart, agree = figure.subplots(1, 3, sharey=True, width_ratios=[1.9, 1, 1])
        # Purple and orange are distinct for any colour vision; white is no effect.
        image = heat.imshow(probe.effects.T, cmap="PuOr_r", vmin=-_WIDEST_SCALE, vmax=_WIDEST_SCALE, aspect="auto")
        for scale in rows:
            for trait in rows:
                value = probe.effects[trait, scale]
                heat.text(
                    trait, scale, _signed(value), ha="center", va="center", fontsize=9,
                    color="white" if abs(value) > 0.65 * _WIDEST_SCALE else INK,
                    fontweight="bold" if trait == scale else "normal",
                )  # fmt: skip
        heat.set_xticks(rows, TRAITS, rotation=25, ha="right", rotation_mode="anchor")
        heat.set_yticks(rows, TRAITS)
        heat.set_xlabel("trait of the persona")
        heat.set_ylabel("scale measured")
        heat.set_title("high minus low, in points")
        heat.grid(visible=False)
        figure.colorbar(image, ax=heat, shrink=0.9, pad=0.02)
        for row, measured in enumerate(probe.traits):
            shade, mark = (_YES, "o") if measured.expressed else (_NO, "X")
            if np.isfinite([measured.d, measured.d_low, measured.d_high]).all():
                reach = [
                    [max(0.0, measured.d - measured.d_low)],
                    [max(0.0, measured.d_high - measured.d)],
                ]
                apart.errorbar(measured.d, row, xerr=reach, fmt=mark, ms=7, lw=2, capsize=4, color=shade)
            else:
                apart.text(0, row, " no bound" if np.isinf(measured.d) else " undefined", va="center", color=shade)
            if np.isfinite(measured.alpha):
                agree.plot(measured.alpha, row, mark, ms=7, color=shade)
            else:
                agree.text(0, row, " undefined", va="center", color=shade)
        for axis, limit in ((apart, LEAST_SEPARATION), (agree, LEAST_RELIABILITY)):
            axis.axvline(0, color="#888888", lw=1)
            axis.axvline(limit, color=INK, lw=1.2, ls="--")
            axis.text(limit, -0.58, f" at least {limit}", fontsize=8, color=INK, va="top", ha="left")
            axis.tick_params(labelleft=False)
        ends = [value for measured in probe.traits for value in (measured.d_low, measured.d_high) if np.isfinite(value)]
        apart.set_xlim(min(-0.2, *(1.1 * end for end in ends), 0), max(2.0, *(1.1 * end for end in ends), 0))
        agree.set_xlim(
            min([-0.1, *(measured.alpha - 0.1 for measured in probe.traits if np.isfinite(measured.alpha))]),
            1.05,
        )
        apart.set_title("separation")
        apart.set_xlabel("Cohen's d, 95% interval")
        agree.set_title("reliability")
        agree.set_xlabel("Cronbach's alpha")
        heat.set_ylim(len(TRAITS) - 0.4, -0.6)
        handles = [
            Line2D([], [], color=_YES, marker="o", ls="", ms=7, label="trait expressed"),
            Line2D([], [], color=_NO, marker="X", ls="", ms=7, label="not expressed"),
        ]
        figure.legend(handles=handles, loc="outside lower right", ncols=2, fontsize=8.5)
        results = {
            "expressed": "expresses the profile",
            "partly": "expresses the profile in part",
            "not expressed": "does not express the profile",
        }
        title = f"{probe.model} {results[probe.verdict]}"
        # Dollar signs in a name do not start mathematics.
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", parse_math=False)
    return figure


def plot_effects(effects: Effects) -> Figure:
    """Draw the main effects on the log-odds of sharing; levels of a term stand together."""
    labels: list[str] = []
    places: list[float] = []
    values: list[float] = []
    place, was_single = 0.0, False
    for term in dict.fromkeys(effects.table["term"]):
        rows = effects.table[effects.table["term"] == term]
        single = len(rows) == 1
        # Consecutive terms with one level have no gap between them.
        if labels and not (single and was_single):
            place += 0.6
        was_single = single
        for level, value in zip(rows["level"], rows["effect"], strict=True):
            labels.append(f"{term}: {level}" if single else f"{term} {level}" if term in NUMBERED else str(level))
            places.append(place)
            values.append(value)
            place += 1
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 1.3 + 0.27 * place))
        axis = figure.subplots()
        axis.axvline(0, color="#888888", lw=1)
        axis.hlines(places, 0, values, color=[_YES if value >= 0 else _NO for value in values], lw=2.5)
        for at, value in zip(places, values, strict=True):
            axis.plot(value, at, "o", ms=6.5, color=_YES if value >= 0 else _NO)
            axis.annotate(
                _signed(value), (value, at), xytext=(7 if value >= 0 else -7, 0),
                textcoords="offset points", va="center", ha="left" if value >= 0 else "right", fontsize=8.5, color=INK,
            )  # fmt: skip
        axis.set_yticks(places, labels)
        axis.set_ylim(place - 0.4, -0.6)
        axis.margins(x=0.14)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel("effect on the log-odds of sharing")
        if not np.isnan(effects.r_squared):
            axis.set_title(f"main effects explain {effects.r_squared:.1%} of the variance", loc="left")
    return figure


def plot_prompts(decisions: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Draw each persona's log-odds of sharing in every wording and order of the options.

    Lines that lie apart show an effect of the prompt; lines that rise together show an effect of the persona.

    Parameters
    ----------
    decisions : dict
        :meth:`tworate.agents.trust.DecisionTrust.to_json`.
    ax : Axes, optional
        Where to draw; by default a new figure as wide as a page.
    """
    with mpl.rc_context(PAPER):
        if ax is None:
            ax = Figure(figsize=(PAGE, 2.4)).subplots()
        prompts = decisions["by_prompt"]
        values = np.array([prompt["log_odds"] for prompt in prompts], dtype=float)
        # Personas by their mean: where they matter, every line rises.
        by_mean = np.argsort(values.mean(axis=0), kind="stable")
        names = [decisions["personas"][place] for place in by_mean]
        wordings = list(dict.fromkeys(prompt["wording"] for prompt in prompts))
        shades = mpl.colormaps["cividis"](np.linspace(0.0, 0.85, max(len(wordings), 2)))
        places = np.arange(len(names))
        for prompt, row in zip(prompts, values[:, by_mean], strict=True):
            first = prompt["order"] == "share-first"
            ax.plot(
                places, row, "o-" if first else "s--", ms=2.5, color=shades[wordings.index(prompt["wording"])],
                label=f"{prompt['wording']}, {'sharing' if first else 'the other'} first",
            )  # fmt: skip
        if len(names) <= 40:
            ax.set_xticks(places, names, rotation=90, fontsize=7, parse_math=False)
        ax.set_xlabel("persona, by mean")
        ax.set_ylabel("log-odds of sharing")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _signed(value: float) -> str:
    """Format a number with its sign; a number that rounds to zero has none."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text[1:] == "0.00" else text
