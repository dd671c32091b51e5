"""Counts of decisions by persona and sighting, in a file beside the trajectories.

A row belongs to a trajectory, the interval that ends at `time`, a persona and a sighting. `decisions` is the number of
agents of the persona that saw the post for the `sighting`-th time in the interval (`1` is the first; the last number
includes all later ones), and `new_sharers` is the number of them that shared. Given the earlier counts, `new_sharers`
is binomial with the decision table's probability for this persona and sighting. Rows without decisions are left out.
At the first time each persona has one row with sighting 0: `agents` is the number of its agents, and `new_sharers` the
number of them that shared from the start. Where personas belong to groups of agents, the column `group` has the name of
the group. Where agents see who shared, rows are also by `cue`, the bin of the number of
neighbours that had shared (see :mod:`tworate.common.cues`); it is `none` where the sighting is 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..files import read_csv
from .tables import read_parquet

COLUMNS = ("trajectory", "time", "persona", "sighting", "decisions", "new_sharers", "agents")
CUE = "cue"
"""Column of the bin of the number of neighbours that had shared, if decisions depend on it."""
GROUP = "group"
"""Column of the group of agents that a persona belongs to, if there are groups."""
_NUMBERS = ("time", "sighting", "decisions", "new_sharers", "agents")


def counts_path(path: Path) -> Path:
    """Return the path of the counts of a file of trajectories: `x.counts.parquet` beside `x.parquet`."""
    return path.with_name(f"{path.stem}.counts{path.suffix}")


def read_counts(path: Path) -> pd.DataFrame:
    """Read counts from Parquet (`.parquet`) or CSV.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    if path.suffix == ".parquet":
        return read_parquet(path)[0]
    table = pd.DataFrame([row for _, row in read_csv(path, COLUMNS)], dtype=str)
    for name in table.columns:
        table[name] = pd.to_numeric(table[name]) if name in _NUMBERS else read_labels(table[name])
    return table


def read_labels(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Convert labels to numbers only if the text of every label is that of its number: 01 and 1 are two labels."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().all() and (numbers.astype(str) == column).all() else column


def counts_where(counts: pd.DataFrame, condition: Mapping[str, Any]) -> pd.DataFrame:
    """Return the counts of one condition, given as values of some columns (None: a missing value)."""
    chosen = np.ones(len(counts), dtype=np.bool_)
    for name, value in condition.items():
        chosen &= (counts[name].isna() if value is None else counts[name].eq(value)).to_numpy(dtype=np.bool_)
    return counts[chosen]


def validated_counts(counts: pd.DataFrame, table: pd.DataFrame, conditions: Sequence[str], source: str) -> pd.DataFrame:
    """Return a copy of the counts after checking it against the trajectories.

    Raises
    ------
    InputError
        When a column is missing, a number is impossible, or new sharers do not add up to those of the trajectories.
    """
    where = f"{source}: counts"
    remedy = "counts and trajectories must be from one simulation; remove the counts, or simulate again"
    needed = [*COLUMNS, *conditions]
    missing = [name for name in needed if name not in counts.columns]
    if missing:
        raise InputError(f"{where}: missing {', '.join(missing)}; {remedy}")
    if CUE in counts.columns and CUE not in needed:
        needed.insert(needed.index("sighting") + 1, CUE)
    if GROUP in counts.columns and GROUP not in needed:
        needed.insert(needed.index("persona") + 1, GROUP)
    counts = counts[needed].reset_index(drop=True)
    for name in ("trajectory", "persona", *({GROUP} & set(needed)), *conditions):
        if counts[name].dtype == object:
            counts[name] = counts[name].map(str, na_action="ignore")
    wrong = (counts["new_sharers"] > counts["decisions"]) & (counts["sighting"] > 0)
    wrong |= (counts[list(_NUMBERS)] < 0).any(axis=1) | (counts["new_sharers"] > counts["agents"])
    if wrong.any():
        row = counts[wrong].iloc[0]
        raise InputError(
            f"{where}: new_sharers = {row['new_sharers']} of decisions = {row['decisions']} by agents = {row['agents']}"
            f" of persona {row['persona']} is impossible; {remedy}"
        )
    keys = ["trajectory", *conditions]
    shared = counts.groupby([*keys, "time"], dropna=False)["new_sharers"].sum()
    before = table.groupby(keys, dropna=False, sort=False)["infected"].shift(fill_value=0)
    gained = (table["infected"] - before).groupby([table[name] for name in (*keys, "time")], dropna=False).sum()
    both = pd.concat([gained[gained > 0], shared[shared > 0]], axis=1, keys=["infected", "counts"]).fillna(0)
    if (both["infected"] != both["counts"]).any():
        first = both[both["infected"] != both["counts"]].iloc[0]
        raise InputError(
            f"{where}: {first['counts']:.0f} new sharers at a time at which infected rises by {first['infected']:.0f}; "
            f"{remedy}"
        )
    return counts
