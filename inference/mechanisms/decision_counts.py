"""Decision counts as data: decisions by persona, sighting, cue and trajectory, and the exposure that they reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.cues import CUE_LABELS
from ...errors import InputError
from ...simulate import Trajectories
from ...simulate.counts import CUE, GROUP, counts_path

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

REACH = 0.95
"""Fraction of all decisions that come before the exposure that the data reach."""


@dataclass(frozen=True)
class DecisionCounts:
    """Decisions and new sharers of one condition; arrays of shape (n_cells,) unless said otherwise.

    A cell is a persona, a sighting, a cue if agents see how many neighbours have shared, and a trajectory in which
    somebody decided.

    Parameters
    ----------
    personas : tuple of str, length n_personas
        Labels.
    n_sightings : int
        Number of distinct sightings. The last one stands for all later ones.
    persona, sighting, trajectory : array of int
        Persona, sighting and trajectory of the cell, numbered from 0.
    decisions, new_sharers : array of int
        Number of decisions, and number of them to share. The latter is binomial, given all that came before.
    shares : array, shape (n_personas,)
        Share of each persona among the initially susceptible agents.
    reach : float
        Mean number of sightings of an agent that had not shared, at the time when :data:`REACH` of all decisions had
        been made.
    visibility : float
        Probability that a showing is seen in a round; 0 for continuous time, or if it is unknown.
    trajectories : tuple of str
        Labels of the trajectories.
    cue : array of int, optional
        Bin of the number of neighbours that had shared, from 0; None where agents do not see it.
    n_cues : int
        Number of bins; 1 without a cue.
    groups : tuple of str, length n_personas, optional
        Name of the group of agents that each persona belongs to; None where there are not two groups.
    """

    personas: tuple[str, ...]
    n_sightings: int
    persona: IntArray
    sighting: IntArray
    trajectory: IntArray
    decisions: IntArray
    new_sharers: IntArray
    shares: FloatArray
    reach: float
    visibility: float
    trajectories: tuple[str, ...]
    cue: IntArray | None = None
    n_cues: int = 1
    groups: tuple[str, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of personas, of sightings, and of cues if there are any."""
        return (len(self.personas), self.n_sightings, *([] if self.cue is None else [self.n_cues]))

    @property
    def place(self) -> tuple[IntArray, ...]:
        """Where each cell is in a table of this shape."""
        return (self.persona, self.sighting, *([] if self.cue is None else [self.cue]))

    @property
    def cue_weights(self) -> FloatArray:
        """Part of each cue in the decisions at each sighting, shape (n_sightings, n_cues)."""
        seen = self.totals()[0].reshape(-1, self.n_sightings, self.n_cues).sum(axis=0)
        total = seen.sum(axis=1, keepdims=True)
        overall = np.broadcast_to(seen.sum(axis=0) / seen.sum(), seen.shape)
        return np.where(total > 0, seen / np.maximum(total, 1.0), overall)

    def totals(self, kept: NDArray[np.bool_] | None = None) -> tuple[FloatArray, FloatArray]:
        """Return decisions and new sharers by persona, sighting and cue, each of the shape of the table.

        Parameters
        ----------
        kept : array of bool, optional
            Cells to count; by default all.
        """
        weight = np.ones(self.persona.size) if kept is None else kept.astype(float)
        totals_by_cell = np.zeros((2, *self.shape))
        np.add.at(totals_by_cell[0], self.place, weight * self.decisions)
        np.add.at(totals_by_cell[1], self.place, weight * self.new_sharers)
        return totals_by_cell[0], totals_by_cell[1]


def decision_counts(data: Trajectories) -> DecisionCounts:
    """Read the decision counts of trajectories.

    Raises
    ------
    InputError
        When there are no counts, or nobody decided.
    """
    if data.counts is None:
        raise InputError(missing_counts(data.source))
    rows = data.counts[data.counts["sighting"] > 0]
    if rows.empty or not rows["decisions"].any():
        raise InputError(f"{data.source}: nobody decides in the counts, so who and when cannot be distinguished")
    start = data.counts[data.counts["sighting"] == 0]
    left = (start["agents"] - start["new_sharers"]).groupby(start["persona"].astype(str), sort=False).sum()
    deciding = rows["persona"].astype(str)
    personas = tuple(left.index[left > 0])
    if unknown := sorted(set(deciding) - set(personas)):
        raise InputError(
            f"{data.source}: counts: persona {unknown[0]} decides but has no agents at the start (a row with sighting "
            "0); simulate again"
        )
    # Trajectories of several conditions may have the same label.
    paths = rows.groupby(["trajectory", *data.conditions], sort=False, dropna=False).ngroup()
    # If agents always saw the same, the cue cannot matter.
    has_cue = CUE in rows.columns and CUE not in data.conditions and rows[CUE].nunique() > 1
    cells = (
        rows.assign(persona=deciding, path=paths)
        .groupby(["persona", "sighting", *([CUE] if has_cue else []), "path"])[["decisions", "new_sharers"]]
        .sum()
        .reset_index()
    )
    cells = cells[cells["decisions"] > 0]
    labels = rows["trajectory"].groupby(paths).first()
    cue = _cues(data.source, cells[CUE]) if has_cue else None
    return DecisionCounts(
        personas,
        int(cells["sighting"].max()),
        pd.Index(personas).get_indexer(cells["persona"]).astype(np.int64),
        cells["sighting"].to_numpy(dtype=np.int64) - 1,
        cells["path"].to_numpy(dtype=np.int64),
        cells["decisions"].to_numpy(dtype=np.int64),
        cells["new_sharers"].to_numpy(dtype=np.int64),
        (left[left > 0] / left.sum()).to_numpy(dtype=float),
        _reach(data, rows),
        _visibility(data),
        tuple(map(str, labels)),
        cue,
        1 if cue is None else int(cue.max()) + 1,
        _groups(data, personas),
    )


def _groups(data: Trajectories, personas: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the group of each persona; None where there are not two groups."""
    if data.counts is None or GROUP not in data.counts.columns or GROUP in data.conditions:
        return None
    pairs = data.counts[["persona", GROUP]].astype(str).drop_duplicates()
    group_of = dict(zip(pairs["persona"], pairs[GROUP], strict=True))
    if len(group_of) < len(pairs):
        twice = pairs["persona"][pairs["persona"].duplicated()].iloc[0]
        raise InputError(
            f"{data.source}: counts: persona {twice} belongs to several groups; give the personas of each group names "
            "of their own, or remove the column group"
        )
    groups = tuple(group_of[persona] for persona in personas)
    return groups if len(set(groups)) > 1 else None


def _cues(source: str, labels: "pd.Series[Any]") -> IntArray:
    """Return the number of each bin of sharers."""
    if unknown := sorted(set(labels) - set(CUE_LABELS)):
        raise InputError(
            f"{source}: counts: cue {unknown[0]!r} is none of {', '.join(CUE_LABELS)}; simulate again, or leave the "
            "column out"
        )
    return pd.Index(CUE_LABELS).get_indexer(pd.Index(labels)).astype(np.int64)


def missing_counts(source: str) -> str:
    """Return a message that counts are missing, and which commands write them."""
    is_file = source.endswith((".parquet", ".csv"))
    beside = f" ({counts_path(Path(source)).name} is not beside it)" if is_file else ""
    return (
        f"{source}: has no counts by persona and sighting{beside}; `tworate run`, `tworate study` and "
        "`tworate simulate --out FILE` write them"
    )


def _reach(data: Trajectories, rows: pd.DataFrame) -> float:
    """Return the exposure, in sightings, by which :data:`REACH` of all decisions were made.

    The sightings of a susceptible agent in an interval are the decisions in the interval divided by the number of
    susceptible agents (the mean of start and end).
    """
    table = data.table.assign(path=data.path_numbers)
    left = table["population"] - table["infected"]
    susceptible = 0.5 * (left + left.groupby(table["path"]).shift())
    keys = ["trajectory", "time", *data.conditions]
    decided = rows.groupby(keys, dropna=False)["decisions"].sum().rename("shown").reset_index()
    shown = table[keys].merge(decided, how="left", on=keys)["shown"].fillna(0.0).to_numpy(dtype=float)
    sightings = np.divide(shown, susceptible, out=np.zeros_like(shown), where=(susceptible > 0) & (shown > 0))
    reached = pd.Series(sightings).groupby(table["path"].to_numpy()).cumsum().to_numpy()
    order = np.argsort(reached, kind="stable")
    made = np.cumsum(shown[order])
    return float(reached[order][np.searchsorted(made, REACH * made[-1])])


def _visibility(data: Trajectories) -> float:
    """Return the visibility of a showing if it is known, constant, and time passes in rounds; otherwise 0."""
    if "visibility" in data.table.columns and data.table["visibility"].nunique() == 1:
        in_rounds = "clock" not in data.table.columns or set(data.table["clock"]) == {"rounds"}
        visibilities = {float(data.table["visibility"].iloc[0]) if in_rounds else 0.0}
    else:
        spreads: list[Mapping[str, Any]] = list((data.record or {}).get("spreads", ()))
        visibilities = {
            float(spread["visibility"]) if spread.get("clock") == "rounds" and not spread.get("interventions") else 0.0
            for spread in spreads
        }
    return visibilities.pop() if len(visibilities) == 1 and max(visibilities) <= 1.0 else 0.0
