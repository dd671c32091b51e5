"""Results of one replicate, and the tables that are made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..common.cues import CUE_LABELS, NO_CUE
from .trajectories import Trajectories


@dataclass(frozen=True, eq=False)
class Replicate:
    """Counts of one replicate at times 0 to `rounds`.

    Parameters
    ----------
    index : int
        Number of the replicate.
    infected, si_edges, sightings : array of int64, shape (rounds + 1,)
        Agents that have shared; edges between a sharer and a susceptible agent; how often the post was shown to
        susceptible agents since the previous time.
    counts : array of int64, shape (n_rows, 5) or (n_rows, 6)
        Columns: time, persona, sighting, decisions, new sharers, and with a cue its bin (-1: none), see
        :mod:`tworate.simulate.counts`.
    agents : array of int64, shape (n_personas,)
        Agents of each persona, without blocked agents.
    degree : float
        Neighbours of an agent; the mean if agents differ.
    degrees : str or None
        Number of agents by number of neighbours, if agents differ.
    share_time : array of float64, shape (n_agents,), optional
        Time at which each agent shared, infinite if it did not, where this was recorded.
    """

    index: int
    infected: NDArray[np.int64]
    si_edges: NDArray[np.int64]
    sightings: NDArray[np.int64]
    counts: NDArray[np.int64]
    agents: NDArray[np.int64]
    degree: float
    degrees: str | None
    share_time: NDArray[np.float64] | None = None


def count_rows(
    decisions: NDArray[np.int64], new_sharers: NDArray[np.int64], seeds: NDArray[np.int64], agents: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rows of counts that are not zero.

    Parameters
    ----------
    decisions, new_sharers : array of int64, shape (rounds + 1, n_personas, n_sightings[, n_cues])
        Sightings since the previous time, and how many of them persuaded.
    seeds, agents : array of int64, shape (n_personas,)
        Agents that shared from the start, and all agents.
    """
    # Seeds shared without a sighting, so their sighting is 0. Every persona with agents has such a row.
    present = np.flatnonzero(agents)
    zeros = np.zeros_like(present)
    time, persona, sighting, *cue = at = np.nonzero(decisions)
    return np.concatenate(
        [
            np.stack([zeros, present, zeros, zeros, seeds[present], *(zeros - 1 for _ in cue)], axis=1),
            np.stack([time, persona, sighting + 1, decisions[at], new_sharers[at], *cue], axis=1),
        ]
    )


def tables_of(
    replicates: Sequence[Replicate],
    columns: Mapping[str, Any],
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of trajectories and counts of replicates of one spread.

    Parameters
    ----------
    replicates : sequence of Replicate
        At least one.
    columns : mapping
        Condition columns to add to both tables.
    labels : sequence of str
        Names of the personas.
    groups : sequence of str, optional
        Name of the group of each persona.
    """
    n_times = replicates[0].infected.size
    table_replicate = np.repeat(np.arange(len(replicates)), n_times)
    index = np.array([r.index for r in replicates])
    table: dict[str, Any] = {
        "trajectory": index[table_replicate],
        "time": np.tile(np.arange(n_times), len(replicates)),
        "infected": np.concatenate([r.infected for r in replicates]),
        "population": np.array([r.agents.sum() for r in replicates])[table_replicate],
        "si_edges": np.concatenate([r.si_edges for r in replicates]),
        "sightings": np.concatenate([r.sightings for r in replicates]),
        "degree": np.array([r.degree for r in replicates])[table_replicate],
    }
    if replicates[0].degrees is not None:
        table["degrees"] = np.array([r.degrees for r in replicates], dtype=object)[table_replicate]
    counts_replicate = np.repeat(np.arange(len(replicates)), [len(r.counts) for r in replicates])
    time, persona, sighting, decisions, new_sharers, *cue = np.concatenate([r.counts for r in replicates]).T
    counts = {
        "trajectory": index[counts_replicate],
        "time": time,
        "persona": np.array(labels, dtype=object)[persona],
        **({} if groups is None else {"group": np.array(groups, dtype=object)[persona]}),
        "sighting": sighting,
        **({"cue": np.array([*CUE_LABELS, NO_CUE], dtype=object)[cue[0]]} if cue else {}),
        "decisions": decisions,
        "new_sharers": new_sharers,
        "agents": np.stack([r.agents for r in replicates])[counts_replicate, persona],
    }
    return pd.DataFrame({**table, **columns}), pd.DataFrame({**counts, **columns})


def combined(tables: Sequence[tuple[pd.DataFrame, pd.DataFrame]], record: Mapping[str, Any]) -> Trajectories:
    """Combine the tables of several spreads into one set of trajectories."""
    return Trajectories(
        pd.concat([table for table, _ in tables], ignore_index=True),
        source="the simulation",
        counts=pd.concat([counts for _, counts in tables], ignore_index=True),
        record=record,
    )
