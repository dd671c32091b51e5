"""What one replicate yields, and the tables that are made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .trajectories import Trajectories


@dataclass(frozen=True, eq=False)
class Replicate:
    """Numbers of one replicate at times 0 to `rounds`.

    Parameters
    ----------
    index : int
        Number of the replicate.
    infected, si_edges, sightings : array of int64, shape (rounds + 1,)
        Agents that have shared; edges between a sharer and a susceptible agent; how often the post was shown to
        susceptible agents since the time before.
    counts : array of int64, shape (n_rows, 5)
        Time, persona, sighting, decisions and new sharers, see :mod:`tworate.simulate.counts`.
    agents : array of int64, shape (n_personas,)
        Agents of each persona, blocked ones not included.
    degree : float
        Neighbours of an agent; their mean where agents differ.
    degrees : str or None
        How many agents have how many neighbours, where they differ.
    """

    index: int
    infected: NDArray[np.int64]
    si_edges: NDArray[np.int64]
    sightings: NDArray[np.int64]
    counts: NDArray[np.int64]
    agents: NDArray[np.int64]
    degree: float
    degrees: str | None


def count_rows(
    decisions: NDArray[np.int64], new_sharers: NDArray[np.int64], seeds: NDArray[np.int64], agents: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of counts that are not zero.

    Parameters
    ----------
    decisions, new_sharers : array of int64, shape (rounds + 1, n_personas, n_sightings)
        Sightings since the time before, and how many of them persuaded.
    seeds, agents : array of int64, shape (n_personas,)
        Agents that shared from the start, and agents in all.
    """
    # Seeds saw nothing before they shared: sighting 0, and a row for every persona that there is.
    present = np.flatnonzero(agents)
    none = np.zeros_like(present)
    time, persona, sighting = at = np.nonzero(decisions)
    return np.concatenate(
        [
            np.stack([none, present, none, none, seeds[present]], axis=1),
            np.stack([time, persona, sighting + 1, decisions[at], new_sharers[at]], axis=1),
        ]
    )


def tables_of(
    replicates: Sequence[Replicate], columns: Mapping[str, Any], labels: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trajectories and counts of replicates of one spread.

    Parameters
    ----------
    replicates : sequence of Replicate
        At least one.
    columns : mapping
        Condition columns to add to both.
    labels : sequence of str
        What the personas are called.
    """
    n_times = replicates[0].infected.size
    each = np.repeat(np.arange(len(replicates)), n_times)
    index = np.array([r.index for r in replicates])
    table: dict[str, Any] = {
        "trajectory": index[each],
        "time": np.tile(np.arange(n_times), len(replicates)),
        "infected": np.concatenate([r.infected for r in replicates]),
        "population": np.array([r.agents.sum() for r in replicates])[each],
        "si_edges": np.concatenate([r.si_edges for r in replicates]),
        "sightings": np.concatenate([r.sightings for r in replicates]),
        "degree": np.array([r.degree for r in replicates])[each],
    }
    if replicates[0].degrees is not None:
        table["degrees"] = np.array([r.degrees for r in replicates], dtype=object)[each]
    of = np.repeat(np.arange(len(replicates)), [len(r.counts) for r in replicates])
    time, persona, sighting, decisions, new_sharers = np.concatenate([r.counts for r in replicates]).T
    counts = {
        "trajectory": index[of],
        "time": time,
        "persona": np.array(labels, dtype=object)[persona],
        "sighting": sighting,
        "decisions": decisions,
        "new_sharers": new_sharers,
        "agents": np.stack([r.agents for r in replicates])[of, persona],
    }
    return pd.DataFrame({**table, **columns}), pd.DataFrame({**counts, **columns})


def combined(tables: Sequence[tuple[pd.DataFrame, pd.DataFrame]], record: Mapping[str, Any]) -> Trajectories:
    """Return the tables of some spreads as one set of trajectories."""
    return Trajectories(
        pd.concat([table for table, _ in tables], ignore_index=True),
        source="the simulation",
        counts=pd.concat([counts for _, counts in tables], ignore_index=True),
        record=record,
    )


def degree_text(degrees: NDArray[np.int64]) -> str:
    """Say how many agents have how many neighbours, such as `3:120 4:80`."""
    return " ".join(f"{k}:{n}" for k, n in zip(*np.unique(degrees, return_counts=True), strict=True))
