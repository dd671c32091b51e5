"""Event histories: who shared when, and who is shown whose posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .contacts import ContactNetwork, read_contacts, read_table
from .network import Network
from .records import Replicate, degree_text
from .trajectories import Trajectories

KNOWN = ("trajectory", "agent", "time", "seed", "persona")
"""Columns of shares with a fixed meaning; all others are condition columns."""

TIME_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
"""Seconds of each unit in which times given as dates may be counted."""


@dataclass(frozen=True, eq=False)
class EventHistories:
    """Who shared when in one or more trajectories on one network.

    Parameters
    ----------
    shares : pandas.DataFrame
        One row a share. Columns `agent` (a label of the network) and `time` (a number); optional `trajectory` (the
        cascade; one if absent), `seed` (whether the agent is an initial sharer) and `persona`. All further columns are
        conditions. Where an agent shares twice, the first share counts. Sharers that are not in the network are left
        out.
    network : ContactNetwork
        Who is shown whose posts. Agents without a share are those that did not share until the end.
    until : float, optional
        End of the observation of all trajectories; by default the last share of each.
    clock : {"rounds", "continuous"}, optional
        Clock of the process, if it is known.
    source : str
        Name of the data in messages.

    Raises
    ------
    InputError
        When a column is missing or a value cannot be used; names the line, what was wrong and what to do.

    Examples
    --------
    >>> follows = pd.DataFrame({"source": ["a", "a", "b"], "target": ["b", "c", "c"]})
    >>> shares = pd.DataFrame({"agent": ["a", "b"], "time": [0, 2]})
    >>> histories = EventHistories(shares, ContactNetwork.of_edges(follows), until=5)
    >>> histories.n_trajectories, histories.n_shares
    (1, 2)
    """

    shares: pd.DataFrame
    network: ContactNetwork
    until: float | None = None
    clock: str | None = None
    source: str = "event histories"
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        shares, notes = _validated(self.shares, self.network, self.until, self.source)
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "notes", (*dict.fromkeys((*self.notes, *self.network.notes, *notes)),))

    @property
    def labels(self) -> NDArray[Any]:
        """Labels of the trajectories, in order of appearance."""
        return self.shares["trajectory"].unique()

    @property
    def n_trajectories(self) -> int:
        """Number of trajectories."""
        return len(self.labels)

    @property
    def n_shares(self) -> int:
        """Number of shares, those of the initial sharers included."""
        return len(self.shares)

    @property
    def conditions(self) -> list[str]:
        """Names of the condition columns."""
        return [str(name) for name in self.shares.columns if name not in (*KNOWN, "number")]

    @property
    def starts(self) -> NDArray[np.float64]:
        """Time of the first share of each trajectory, shape (n_trajectories,)."""
        return self.shares.groupby("trajectory", sort=False)["time"].min().to_numpy(dtype=float)

    @property
    def ends(self) -> NDArray[np.float64]:
        """End of the observation of each trajectory, shape (n_trajectories,)."""
        if self.until is not None:
            return np.full(self.n_trajectories, float(self.until))
        return self.shares.groupby("trajectory", sort=False)["time"].max().to_numpy(dtype=float)

    def share_times(self, label: Any) -> NDArray[np.float64]:
        """Time at which each agent shared in a trajectory, infinite where it did not; shape (n_agents,)."""
        times = np.full(self.network.n_agents, np.inf)
        own = self.shares[self.shares["trajectory"] == label]
        times[own["number"].to_numpy()] = own["time"].to_numpy(dtype=float)
        return times

    def seeds(self, label: Any) -> NDArray[np.bool_]:
        """Whether each agent is an initial sharer of a trajectory: named as seed, else the first to share."""
        seeds = np.zeros(self.network.n_agents, dtype=bool)
        own = self.shares[self.shares["trajectory"] == label]
        first = own["time"] == own["time"].min()
        named = own["seed"].astype(bool) if "seed" in own else first
        seeds[own["number"][named | first].to_numpy()] = True
        return seeds

    def where(self, condition: Mapping[str, Any]) -> "EventHistories":
        """Return the histories of one condition."""
        kept = np.ones(len(self.shares), dtype=bool)
        for name, value in condition.items():
            kept &= (self.shares[name] == value).to_numpy()
        return replace(self, shares=self.shares[kept].drop(columns="number"))

    def to_trajectories(self) -> Trajectories:
        """Count the sharers over time: at whole times in rounds, else at every share."""
        degrees = np.rint(self.network.weights_in).astype(int)
        tables = []
        for label, start, end in zip(self.labels, self.starts, self.ends, strict=True):
            own = self.shares[self.shares["trajectory"] == label]
            times = np.sort(own["time"].to_numpy(dtype=float))
            grid = np.arange(start, end + 1.0) if self.clock == "rounds" else np.unique(np.append(times, end))
            table = pd.DataFrame(
                {
                    "trajectory": label,
                    "time": grid,
                    "infected": np.searchsorted(times, grid, side="right"),
                    "population": self.network.n_agents,
                    "degree": self.network.mean_weight_in,
                }
            )
            if degrees.min() != degrees.max():
                table["degrees"] = degree_text(degrees)
            tables.append(table.assign(**{name: own[name].iloc[0] for name in self.conditions}))
        record = {"spreads": [{"clock": self.clock}]} if self.clock else None
        return Trajectories(pd.concat(tables, ignore_index=True), self.source, record=record, histories=self)


def read_histories(
    path: str | Path,
    network: "ContactNetwork | str | Path | Any",
    *,
    until: float | None = None,
    time_unit: str = "hour",
    clock: str | None = None,
) -> EventHistories:
    """Read who shared when from a file, and who is shown whose posts.

    Parameters
    ----------
    path : path
        Shares: `.csv`, `.csv.gz` or `.parquet`, see :class:`EventHistories`. Times are numbers, or dates in ISO 8601.
    network : path, ContactNetwork, or graph
        See :func:`tworate.simulate.contacts.read_contacts`, or a graph of networkx, igraph or scipy.sparse.
    until : float, optional
        End of the observation; by default the last share.
    time_unit : {"second", "minute", "hour", "day", "week"}
        Unit in which dates are counted, from the first share of all.
    clock : {"rounds", "continuous"}, optional
        Clock of the process, if it is known.

    Raises
    ------
    InputError
        When a file cannot be read, or a value cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    contacts = read_contacts(network) if isinstance(network, str | Path) else ContactNetwork.of_graph(network)
    shares, notes = _with_numeric_times(read_table(path), str(path), time_unit)
    return EventHistories(shares, contacts, until, clock, str(path), notes=notes)


def _with_numeric_times(shares: pd.DataFrame, source: str, time_unit: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return shares with times as numbers: dates are counted from the first of them."""
    if time_unit not in TIME_UNITS:
        raise InputError(f"time unit {time_unit!r} is unknown; choose one of {', '.join(TIME_UNITS)}")
    if "time" not in shares or pd.api.types.is_numeric_dtype(shares["time"]):
        return shares, ()
    dates = pd.to_datetime(shares["time"], errors="coerce", utc=True, format="ISO8601")
    if dates.isna().any():
        row = int(np.flatnonzero(dates.isna())[0])
        raise InputError(
            f"{source}, line {row + 2}: time = {shares['time'].iloc[row]!r} is neither a number nor a date in "
            "ISO 8601, such as 2026-11-29T14:05:00Z"
        )
    first = dates.min()
    seconds = (dates - first).dt.total_seconds()
    note = f"times are {time_unit}s since {first.isoformat()}"
    return shares.assign(time=seconds / TIME_UNITS[time_unit]), (note,)


def _validated(
    shares: pd.DataFrame, network: ContactNetwork, until: float | None, source: str
) -> tuple[pd.DataFrame, list[str]]:
    for name in ("agent", "time"):
        if name not in shares:
            raise InputError(
                f"{source}: has no column {name!r}; shares need the columns agent and time. There are: "
                f"{', '.join(map(str, shares.columns))}"
            )
    shares = shares.reset_index(drop=True)
    if "trajectory" not in shares:
        shares = shares.assign(trajectory=0)

    def refuse(wrong: Any, message: str) -> None:
        if np.any(wrong):
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(f"{source}, line {row + 2}: {message.format(**shares.iloc[row])}")

    refuse(shares["agent"].isna(), "agent is empty; name the agent or remove the line")
    refuse(shares["trajectory"].isna(), "trajectory is empty; name the trajectory or remove the line")
    times = pd.to_numeric(shares["time"], errors="coerce")
    refuse(~np.isfinite(times), "time = {time!r} must be a number")
    shares = shares.assign(time=times.astype(float))
    if until is not None:
        refuse(shares["time"] > until, f"time = {{time:g}} is after the end of the observation, {until:g}")
    number = _numbers_of(shares["agent"], network)
    notes = []
    strangers = number < 0
    if strangers.any():
        notes.append(f"shares by agents that are not in the network, left out: {strangers.sum()}")
        shares, number = shares[~strangers], number[~strangers]
    shares = shares.assign(number=number).sort_values(["time"], kind="stable")
    repeated = shares.duplicated(["trajectory", "number"])
    if repeated.any():
        notes.append(f"later shares of an agent that had shared, left out: {repeated.sum()}")
        shares = shares[~repeated]
    if shares.empty:
        raise InputError(f"{source}: no share is by an agent of the network; check that both use the same names")
    order = pd.Categorical(shares["trajectory"], shares["trajectory"].unique()[_appearance(shares)]).codes
    by_trajectory = np.lexsort((shares["time"].to_numpy(), np.asarray(order)))
    return shares.iloc[by_trajectory].reset_index(drop=True), notes


def _appearance(shares: pd.DataFrame) -> NDArray[np.int64]:
    """Order of the trajectories by their first row in the data."""
    first = shares.index.to_series().groupby(shares["trajectory"].to_numpy(), sort=False).min()
    return np.argsort(first.to_numpy(), kind="stable")


def _numbers_of(agents: "pd.Series[Any]", network: ContactNetwork) -> NDArray[np.int64]:
    """Return the number of each agent in the network; -1 where it is not there."""
    if network.labels is None:
        numbers = pd.to_numeric(agents, errors="coerce").to_numpy(dtype=float)
        inside = (numbers >= 0) & (numbers < network.n_agents) & (numbers % 1 == 0)
        return np.where(inside, numbers, -1).astype(np.int64)
    labels = network.labels
    if pd.api.types.is_string_dtype(labels.dtype) or labels.dtype == object:
        agents, labels = agents.astype(str), labels.astype(str)
    return labels.get_indexer(pd.Index(agents)).astype(np.int64)


def histories_of(
    replicates: Sequence[Replicate],
    network: Network,
    members: NDArray[np.int32],
    labels: Sequence[str],
    rounds: int,
    columns: Mapping[str, Any],
) -> EventHistories:
    """Make the histories of replicates in rounds that recorded who shared when.

    Parameters
    ----------
    replicates : sequence of Replicate
        Replicates with `shared_at`.
    network : Network
        Their network.
    members : array of int32, shape (n_agents,)
        Number of the persona of each agent.
    labels : sequence of str
        Names of the personas.
    rounds : int
        End of the observation.
    columns : mapping
        Condition columns.
    """
    parts = []
    for replicate in replicates:
        shared_at = np.asarray(replicate.shared_at)
        agent = np.flatnonzero(shared_at >= 0)
        parts.append(
            pd.DataFrame(
                {
                    "trajectory": replicate.index,
                    "agent": agent,
                    "time": shared_at[agent],
                    "seed": shared_at[agent] == 0,
                    "persona": np.asarray(labels, dtype=object)[members[agent]],
                    **columns,
                }
            )
        )
    contacts = ContactNetwork.of_network(network)
    return EventHistories(pd.concat(parts, ignore_index=True), contacts, rounds, "rounds", "the simulation")
