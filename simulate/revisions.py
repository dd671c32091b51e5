"""Later versions of the same counts, which are not other trajectories."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError

_ALIKE = 0.5
"""Part of the times while both grow at which counts are equal, above which one is a revision of the other."""
_LEAST_VALUES = 4
"""Different counts that versions must have in common while they grow: a few are equal by chance in separate spreads."""


def refuse_revisions(table: pd.DataFrame, path: "pd.Series[int]", locate: Callable[[Any], str]) -> None:
    """Raise an InputError when trajectories of one label are versions of the same counts.

    A label may be used again in other conditions. Then its trajectories begin at the same time and have counts of their
    own. Versions of one trajectory, told apart by a flag or a date of issue, begin later within the time of another, or
    have mostly the same counts.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of trajectories, with numbers as `time` and `infected`.
    path : pandas.Series of int
        Number of the trajectory of each row.
    locate : callable
        Returns where a row stands, from its index.
    """
    n_paths = path.groupby(table["trajectory"], sort=False).transform("nunique")
    if (n_paths <= 1).all():
        return
    pairs = []
    for _, rows in table[(n_paths > 1).to_numpy()].groupby("trajectory", sort=False):
        parts = [part for _, part in rows.groupby(path[rows.index], sort=False)]
        # Against the longest; all pairs would take long where a label is used hundreds of times.
        longest = max(parts, key=len)
        pairs += [(part, longest) for part in parts if part is not longest]
    for part, whole in pairs:
        if _begins_within(part, whole):
            _refuse(table, part, whole, locate)
    alike = [pair for pair in pairs if _is_alike(*pair)]
    # A few separate spreads are alike by chance.
    if len(alike) > len(pairs) / 2:
        _refuse(table, *alike[0], locate)


def _begins_within(part: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Return whether rows are single, or lie within the time of another trajectory without its begin."""
    begin, end = whole["time"].min(), whole["time"].max()
    return len(part) == 1 or bool(begin < part["time"].min() and part["time"].max() <= end)


def _is_alike(part: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Return whether two trajectories have mostly the same counts while they grow."""
    if np.array_equal(part[["time", "infected"]], whole[["time", "infected"]]):
        # Copies revise nothing: they are two conditions with the same outcome.
        return False
    both = part[["time", "infected"]].merge(whole[["time", "infected"]], on="time")
    counts = both[["infected_x", "infected_y"]]
    # Separate spreads begin with the same number of sharers too, and may end with all agents.
    growing = ((counts > counts.min()) & (counts < counts.max())).all(axis=1)
    one, other = counts["infected_x"][growing], counts["infected_y"][growing]
    same = one == other
    return bool(growing.any() and same.mean() > _ALIKE and one[same].nunique() >= _LEAST_VALUES)


def _refuse(table: pd.DataFrame, part: pd.DataFrame, whole: pd.DataFrame, locate: Callable[[Any], str]) -> None:
    time, label = part["time"].iloc[0], part["trajectory"].iloc[0]
    other = whole[whole["time"] == time]
    other = other if len(other) else whole
    fixed = ("trajectory", "time", "infected")
    names = [
        str(name) for name in table.columns
        if name not in fixed and not _same(part[name].iloc[0], other[name].iloc[0])
    ]  # fmt: skip
    raise InputError(
        f"{locate(part.index[0])}: trajectory {label} has time = {time} more than once, told apart by "
        f"{', '.join(names) or 'nothing'} only; later versions of the same counts are not another trajectory: keep one "
        "version, such as the last (or give different trajectories different labels)"
    )


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or bool(pd.isna(one) and pd.isna(other))
