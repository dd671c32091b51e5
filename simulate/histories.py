"""Event histories: who shared when, and who is shown whose posts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from .contacts import NETWORK, ContactNetwork

SEED, DEGREE = "seed", "degree"
KNOWN = ("trajectory", "agent", "time", SEED, "persona")
"""Columns of shares with a fixed meaning; all others are condition columns."""

RESERVED = ("trajectory", "shared", "time", "exposure", "elpd_gain", "p_fast")
"""Names that no attribute of an agent can have: results for single agents have them."""

PATH_NUMBER, _NUMBER = "path_number", "agent_number"
_COMPUTED = (PATH_NUMBER, _NUMBER)
"""Columns that are computed when histories are made: number of the trajectory, and of the agent in its network."""

_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no", "")


@dataclass(frozen=True, eq=False)
class EventHistories:
    """Who shared when in one or more trajectories, and who is shown whose posts.

    Parameters
    ----------
    shares : pandas.DataFrame
        One row a share. Columns `agent` (a label of the network) and `time` (a number); optional `trajectory` (the
        cascade; one if absent), `seed` (whether the agent is an initial sharer), `persona`, and `network` (the name of
        the trajectory's network, where there are several). Further columns that do not change within a trajectory are
        conditions. Where an agent shares twice, the first share counts. Sharers that are not in the network are left
        out.
    network : ContactNetwork or mapping of str to ContactNetwork
        Who is shown whose posts; several networks by name. Agents without a share are those that did not share until
        the end.
    until : float, optional
        End of the observation of all trajectories; by default the last share of each.
    clock : {"rounds", "continuous"}, optional
        Clock of the process, if it is known.
    source : str
        Name of the data in messages.
    apart_by : sequence of str
        Condition columns that, with the label, tell trajectories apart: for labels that are used again in other
        conditions.
    agents : pandas.DataFrame, optional
        What is known of the agents: one row an agent, with the column `agent` (a label of the network), `network` where
        there are several, and one column for each attribute, such as `persona`. Agents may be absent.
    time_unit : str, optional
        Unit of the times, such as hour, where it is known.
    notes : tuple of str
        How the data were understood, and what was left out, in words.

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
    network: ContactNetwork | Mapping[str, ContactNetwork]
    until: float | None = None
    clock: str | None = None
    source: str = "event histories"
    apart_by: Sequence[str] = ()
    agents: pd.DataFrame | None = None
    time_unit: str | None = field(default=None, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        shares, notes = _validated(self.shares, self.network, self.until, self.source, self.apart_by)
        object.__setattr__(self, "shares", shares)
        if self.agents is not None:
            _check_agents(self.agents, self.networks)
        of_networks = (note for network in self.networks.values() for note in network.notes)
        object.__setattr__(self, "notes", (*dict.fromkeys((*self.notes, *of_networks, *notes)),))

    @property
    def networks(self) -> dict[str, ContactNetwork]:
        """Networks by name."""
        if isinstance(self.network, ContactNetwork):
            return {self.network.name: self.network}
        return dict(self.network)

    def network_of(self, number: int) -> ContactNetwork:
        """Return the network of a trajectory."""
        if isinstance(self.network, ContactNetwork):
            return self.network
        return self.network[self.shares[NETWORK].iloc[self.begins[number]]]

    @property
    def labels(self) -> NDArray[Any]:
        """Label of each trajectory, shape (n_trajectories,)."""
        return self.shares["trajectory"].to_numpy()[self.begins[:-1]]

    @property
    def n_trajectories(self) -> int:
        """Number of trajectories."""
        return self.begins.size - 1

    @property
    def n_shares(self) -> int:
        """Number of shares, those of the initial sharers included."""
        return len(self.shares)

    @property
    def table(self) -> pd.DataFrame:
        """The shares without computed columns, as they are saved."""
        return self.shares.drop(columns=list(_COMPUTED))

    @property
    def conditions(self) -> list[str]:
        """Names of the condition columns: those that do not change within a trajectory."""
        names = [str(name) for name in self.shares.columns if name not in (*KNOWN, *_COMPUTED)]
        by_trajectory = self.shares.groupby(PATH_NUMBER)
        return [name for name in names if by_trajectory[name].nunique(dropna=False).max() <= 1]

    @property
    def starts(self) -> NDArray[np.float64]:
        """Time of the first share of each trajectory, shape (n_trajectories,)."""
        return self._times[self.begins[:-1]]

    @property
    def ends(self) -> NDArray[np.float64]:
        """End of the observation of each trajectory, shape (n_trajectories,)."""
        if self.until is not None:
            return np.full(self.n_trajectories, float(self.until))
        return self._times[self.begins[1:] - 1]

    def share_times(self, number: int) -> NDArray[np.float64]:
        """Time at which each agent shared in a trajectory, infinite where it did not; shape (n_agents,)."""
        times = np.full(self.network_of(number).n_agents, np.inf)
        rows = self.rows(number)
        times[self._numbers[rows]] = self._times[rows]
        return times

    def seeds(self, number: int) -> NDArray[np.bool_]:
        """Whether each agent is an initial sharer of a trajectory: named as seed, or among the first to share."""
        seeds = np.zeros(self.network_of(number).n_agents, dtype=bool)
        rows = self.rows(number)
        chosen = self._times[rows] == self._times[rows.start]
        if SEED in self.shares:
            chosen = chosen | self.shares[SEED].to_numpy(dtype=bool)[rows]
        seeds[self._numbers[rows][chosen]] = True
        return seeds

    @property
    def attributes(self) -> list[str]:
        """Names of what is known of the agents."""
        return [] if self.agents is None else [str(n) for n in self.agents.columns if n not in ("agent", NETWORK)]

    def attributes_of(self, number: int) -> pd.DataFrame:
        """Return what is known of the agents of a trajectory: one row an agent, in the order of its network.

        The column `degree` has the weight of the edges that lead to an agent: their number, if there are no weights.
        """
        network = self.network_of(number)
        table = pd.DataFrame(index=pd.RangeIndex(network.n_agents))
        if self.agents is not None:
            own = self.agents
            if NETWORK in own and len(self.networks) > 1:
                own = own[own[NETWORK] == network.name]
            numbers = _numbers_of(own["agent"], network)
            table = own[numbers >= 0].set_axis(numbers[numbers >= 0])[self.attributes].reindex(table.index)
        return table.assign(**({} if DEGREE in table else {DEGREE: network.weights_in}))

    @cached_property
    def begins(self) -> NDArray[np.int64]:
        """First row of each trajectory in `shares`, then the number of rows; shape (n_trajectories + 1,)."""
        path = self.shares[PATH_NUMBER].to_numpy()
        return np.concatenate([np.flatnonzero(np.diff(path, prepend=-1)), [path.size]])

    @cached_property
    def _times(self) -> NDArray[np.float64]:
        return self.shares["time"].to_numpy(dtype=float)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        return self.shares[_NUMBER].to_numpy()

    def rows(self, number: int) -> slice:
        """Return the rows of a trajectory in `shares`."""
        return slice(int(self.begins[number]), int(self.begins[number + 1]))

    def select(self, numbers: Sequence[int] | NDArray[np.int64]) -> "EventHistories":
        """Return the histories of some trajectories, by their numbers."""
        chosen = np.isin(self.shares[PATH_NUMBER].to_numpy(), np.asarray(numbers))
        return replace(self, shares=self.table[chosen])


def _validated(
    shares: pd.DataFrame,
    network: ContactNetwork | Mapping[str, ContactNetwork],
    until: float | None,
    source: str,
    apart_by: Sequence[str],
) -> tuple[pd.DataFrame, list[str]]:
    for name in ("agent", "time", *apart_by):
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
    if SEED in shares:
        shares = shares.assign(**{SEED: _as_bool(shares[SEED], source)})
    shares = shares.assign(
        **{PATH_NUMBER: shares.groupby(["trajectory", *apart_by], sort=False, dropna=False).ngroup()}
    )
    if isinstance(network, ContactNetwork):
        number = _numbers_of(shares["agent"], network)
    else:
        number = _numbers_in(network, shares, source, refuse)
    notes = []
    strangers = number < 0
    if strangers.any():
        notes.append(f"shares by agents that are not in the network, left out: {strangers.sum()}")
    shares = shares.assign(**{_NUMBER: number})[~strangers]
    shares = shares.iloc[np.lexsort((shares["time"].to_numpy(), shares[PATH_NUMBER].to_numpy()))]
    repeated = shares.duplicated([PATH_NUMBER, _NUMBER])
    if repeated.any():
        notes.append(f"later shares of an agent that had shared, left out: {repeated.sum()}")
        shares = shares[~repeated]
    if shares.empty:
        raise InputError(f"{source}: no share is by an agent of the network; check that both use the same names")
    # A trajectory without a share by an agent of the network is gone.
    return shares.assign(**{PATH_NUMBER: pd.factorize(shares[PATH_NUMBER])[0]}).reset_index(drop=True), notes


def _check_agents(agents: pd.DataFrame, networks: Mapping[str, ContactNetwork]) -> None:
    """Raise an InputError when a table of agents cannot be used."""
    if "agent" not in agents:
        raise InputError(
            f"agents: has no column 'agent'; there are: {', '.join(map(str, agents.columns))}. Give one row an agent"
        )
    if reserved := [name for name in agents.columns if name in RESERVED or "/" in str(name)]:
        raise InputError(f"agents: the column {reserved[0]!r} cannot be an attribute; give it another name")
    keys = ["agent", NETWORK] if NETWORK in agents and len(networks) > 1 else ["agent"]
    repeated = agents.duplicated(keys)
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise InputError(
            f"agents, line {row + 2}: agent {agents['agent'].iloc[row]} comes twice; give one row an agent"
        )
    if all((_numbers_of(agents["agent"], network) < 0).all() for network in networks.values()):
        raise InputError("agents: none is in the network; check that both use the same names")


def _as_bool(column: "pd.Series[Any]", source: str) -> "pd.Series[bool]":
    """Read yes or no: true and false in any case, 1 and 0; empty is no."""
    if pd.api.types.is_bool_dtype(column):
        return column.fillna(False).astype(bool)
    text = column.fillna("").astype(str).str.strip().str.lower()
    wrong = ~text.isin([*_TRUE, *_FALSE])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{source}, line {row + 2}: seed = {column.iloc[row]!r} must be true or false")
    return text.isin(_TRUE)


def _numbers_in(
    networks: Mapping[str, ContactNetwork], shares: pd.DataFrame, source: str, refuse: Callable[[Any, str], None]
) -> NDArray[np.int64]:
    """Return the number of each agent in the network of its trajectory; -1 where it is not there."""
    if NETWORK not in shares:
        raise InputError(f"{source}: there are several networks; name that of each trajectory in the column network")
    names = ", ".join(list(networks)[:5])
    refuse(~shares[NETWORK].isin(list(networks)), f"there is no network {{{NETWORK}!r}}; there are: {names}")
    several = shares.groupby(PATH_NUMBER)[NETWORK].transform("nunique") > 1
    refuse(several, f"trajectory {{trajectory}} is on several networks ({{{NETWORK}}} and others); give it one")
    number = np.full(len(shares), -1, dtype=np.int64)
    for name, network in networks.items():
        own = (shares[NETWORK] == name).to_numpy()
        number[own] = _numbers_of(shares.loc[own, "agent"], network)
    return number


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
