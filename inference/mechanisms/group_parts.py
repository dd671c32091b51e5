"""Groups of agents in an explanation: what each group does to the fall of the hazard, in numbers and in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...models import decision_curve
from ..posterior.diagnostics import INTERVAL
from .decomposition import Exposure, between_groups, decompose, decompose_with_cue, over_cues

FloatArray = NDArray[np.float64]

GROUP_COLUMNS = ("chance", "share_left", "alone", "factor")
"""Quantities of a group; each has a central interval, such as `chance_low` and `chance_high`."""


def group_table(
    tables: FloatArray,
    shares: FloatArray,
    exposure: Exposure,
    groups: Sequence[str],
    cue_weights: FloatArray | None = None,
) -> pd.DataFrame:
    """Describe each group of agents: who they are at the start, and what is left of them.

    Parameters
    ----------
    tables, shares, exposure, groups, cue_weights
        As in :func:`tworate.inference.mechanisms.decomposition.split_who`.

    Returns
    -------
    pandas.DataFrame
        Index `group`. Columns: `share` of the group among the initially susceptible agents; `chance`, the probability
        that the first sighting persuades; `share_left`, the share among the agents that have not shared at the end of
        the exposure; `alone`, the factor by which the probability that the next sighting persuades would fall if all
        agents were of this group; `factor`, by which it would fall if there were two groups only, this one and all
        others taken together, each of agents alike (the part of who in that fall). Each of the last four is a posterior
        mean with `_low` and `_high`.
    """
    flat = tables if cue_weights is None else over_cues(tables, cue_weights, exposure, when=True, cue=True)
    alike, of_group, names = between_groups(flat, shares, groups)
    # Within a group personas differ, so its survival is that of all its personas.
    survival = np.stack([_survival(flat, shares, exposure, groups, name) for name in names], axis=1)
    left = of_group * survival
    left /= left.sum(axis=1, keepdims=True)
    columns: dict[str, FloatArray] = {"share": of_group}
    for number, name in enumerate(names):
        rest = ["this" if group == name else "others" for group in groups]
        pair, of_pair, _ = between_groups(tables, shares, rest)
        parts = (
            decompose(pair, of_pair, exposure)
            if cue_weights is None
            else decompose_with_cue(pair, of_pair, exposure, cue_weights)
        )
        own = np.array([group == name for group in groups])
        draws = {
            "chance": alike[:, number, 0],
            "share_left": left[:, number],
            "alone": np.exp(decompose(flat[:, own], shares[own] / shares[own].sum(), exposure).fall),
            "factor": np.exp(parts.who),
        }
        for column in GROUP_COLUMNS:
            for key, value in _interval(draws[column]).items():
                columns.setdefault(f"{column}{key}", np.zeros(len(names)))[number] = value
    return pd.DataFrame(columns, index=pd.Index(names, name="group"))


def _survival(
    tables: FloatArray, shares: FloatArray, exposure: Exposure, groups: Sequence[str], name: str
) -> FloatArray:
    """Return the fraction of a group that has not shared at the end of the exposure, by draw."""
    own = np.array([group == name for group in groups])
    end = exposure.points(2)[-1:]
    return decision_curve(tables[:, own], shares[own] / shares[own].sum(), end, exposure.visibility).survival[:, 0]


def _interval(draws: FloatArray) -> dict[str, float]:
    outside = (1.0 - INTERVAL) / 2.0
    low, high = np.quantile(draws, [outside, 1.0 - outside])
    return {"": float(draws.mean()), "_low": float(low), "_high": float(high)}


def split_in_words(between: str, within: str, decomposition: pd.DataFrame) -> str:
    """Return a sentence about the two parts of who.

    Parameters
    ----------
    between, within : str
        The factors with their intervals.
    decomposition : pandas.DataFrame
        As of :class:`tworate.inference.mechanisms.mechanisms.Explanation`.
    """
    text = f" Of who, a factor of {between} is between groups of agents, of {within} within them"
    parts = decomposition["mean"]
    if parts["between"] > 0 and parts["within"] >= 0:
        share = parts["between"] / (parts["between"] + parts["within"])
        text += f" ({share:.0%} and {1 - share:.0%} on the log scale)"
    return text + "."


def _change(row: "pd.Series[Any]") -> str:
    return "fall by" if row["alone_low"] > 1 else "rise by" if row["alone_high"] < 1 else "not clearly change, by"


def groups_in_words(table: pd.DataFrame, sightings: float) -> list[str]:
    """Return one sentence for each group: its chance to share, and its part in those who have not shared yet."""
    return [
        f"{name}: {row['share']:.0%} of the agents at the start, {row['share_left']:.0%} of those who have not shared "
        f"after {sightings:.3g} sightings; a first sighting persuades them with probability {row['chance']:.2g} "
        f"({INTERVAL:.0%} interval {row['chance_low']:.2g} to {row['chance_high']:.2g}), and among them alone that "
        f"probability would {_change(row)} a factor of {row['alone']:.3g} ({row['alone_low']:.3g} to "
        f"{row['alone_high']:.3g})"
        for name, row in table.iterrows()
    ]
