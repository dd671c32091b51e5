"""Truths that are not made by the kernels of this package: another program, and a plain loop.

What the package simulates and what it fits could share a mistake. These truths share nothing with either.
"""

import math
import random
import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...models.clock import Clock
from ...simulate import Trajectories
from ...simulate.contacts import ContactNetwork
from ...simulate.histories import SEED, EventHistories
from ...simulate.trajectories import degree_text
from .data_generating_processes import INITIAL_SHARERS, DataGeneratingProcess, FloatArray, Who, members_of

if TYPE_CHECKING:
    from ...simulate import CompleteNetwork, Network


@dataclass(frozen=True)
class _Independent(DataGeneratingProcess):
    """A truth that gives the time at which each agent shares, on one clock; `rate` is the mean of the agents' rates."""

    clock: ClassVar[Clock]
    rate: float

    @abstractmethod
    def share_times(
        self, network: "Network", rates: FloatArray, starters: NDArray[np.int64], rounds: int, rng: np.random.Generator
    ) -> FloatArray:
        """Simulate one replicate.

        Parameters
        ----------
        network : Network
            Who sees whose posts.
        rates : array, shape (n_agents,)
            Rate of each agent, per mean degree.
        starters : array of int, shape (n_starters,)
            Agents that share at time 0.
        rounds : int
            End of the simulation.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        array, shape (n_agents,)
            Infinite where an agent does not share.
        """

    def rates_of(self, n_agents: int, rng: np.random.Generator) -> FloatArray:
        """Return the rate of each agent, shape (n_agents,)."""
        return np.full(n_agents, self.rate)

    def spread(
        self,
        network: "Network | CompleteNetwork",
        *,
        rounds: int,
        replicates: int,
        clock: Clock = "rounds",
        seed: int,
        histories: bool = False,
        homophily: float = 0.0,
    ) -> Trajectories:
        from ...simulate import Network

        if clock != self.clock:
            raise InputError(f"truth {self.name}: needs the clock {self.clock}, not {clock}")
        if not isinstance(network, Network):
            raise InputError(f"truth {self.name}: needs a network with edges; choose another than complete")
        if homophily:
            raise InputError(f"truth {self.name}: its agents are not alike; leave homophily out")
        rates = self.rates_of(network.n_agents, np.random.default_rng([seed, 0]))
        times = []
        for index in range(replicates):
            rng = np.random.default_rng([seed, 1, index])
            starters = rng.choice(network.n_agents, INITIAL_SHARERS, replace=False)
            times.append(self.share_times(network, rates, starters, rounds, rng))
        return trajectories_of(network, np.array(times), np.arange(rounds + 1), clock, histories=histories)


@dataclass(frozen=True)
class _Two(_Independent):
    """Two rates, as in :class:`Who`."""

    two_rates: ClassVar[bool] = True
    ratio: float
    weight: float

    def rates_of(self, n_agents: int, rng: np.random.Generator) -> FloatArray:
        rates = Who(self.rate, self.ratio, self.weight).rates
        return np.array(rates)[members_of(np.array([self.weight, 1.0 - self.weight]), n_agents, rng)]


@dataclass(frozen=True)
class Sir(_Independent):
    """One rate, and sharers that are removed after an exponential time of mean `duration`: simulated by EoN.

    Notes
    -----
    Kiss, Miller & Simon (2017), doi:10.1007/978-3-319-50806-1; program: Miller & Ting (2019), doi:10.21105/joss.01731.
    """

    name: ClassVar[str] = "sir"
    structure: ClassVar[str | None] = "fading"
    clock: ClassVar[Clock] = "continuous"
    duration: float

    def share_times(  # noqa: D102
        self, network: "Network", rates: FloatArray, starters: NDArray[np.int64], rounds: int, rng: np.random.Generator
    ) -> FloatArray:
        import networkx as nx

        try:
            with warnings.catch_warnings():
                # EoN imports a name from a module of SciPy that no longer has it.
                warnings.simplefilter("ignore", DeprecationWarning)
                import EoN
        except ImportError as error:
            raise InputError(f"truth {self.name}: needs the package EoN; install it (pip install EoN)") from error
        graph: nx.Graph[int] = nx.Graph()
        graph.add_nodes_from(range(network.n_agents))
        graph.add_edges_from(_pairs(network).tolist())
        result = EoN.fast_nonMarkov_SIR(
            graph,
            trans_time_fxn=lambda _, target: rng.exponential(network.mean_degree / rates[target]),
            rec_time_fxn=lambda _: rng.exponential(self.duration),
            initial_infecteds=starters.tolist(),
            tmax=rounds,
            rng=rng,
            return_full_data=True,
        )
        times = np.full(network.n_agents, np.inf)
        for time, _, agent in result.transmissions():
            times[agent] = time
        return times


@dataclass(frozen=True)
class WhoSir(Sir, _Two):
    """Two rates, and sharers that are removed."""

    name: ClassVar[str] = "who-sir"


@dataclass(frozen=True)
class AgeingLoop(_Independent):
    """One rate, and a post that ages with the time constant `time_constant`: a loop over all agents in every round."""

    name: ClassVar[str] = "ageing-loop"
    structure: ClassVar[str | None] = "ageing"
    clock: ClassVar[Clock] = "rounds"
    time_constant: float

    def share_times(  # noqa: D102
        self, network: "Network", rates: FloatArray, starters: NDArray[np.int64], rounds: int, rng: np.random.Generator
    ) -> FloatArray:
        # Everything is written again here on purpose, the formula of ageing too.
        draw = random.Random(int(rng.integers(2**63)))
        neighbours = [part.tolist() for part in np.split(network.indices, network.indptr[1:-1])]
        times = [math.inf] * network.n_agents
        for agent in starters:
            times[agent] = 0.0
        for t in range(rounds):
            for agent in range(network.n_agents):
                if times[agent] <= t:
                    continue
                n_sharing = sum(times[other] <= t for other in neighbours[agent])
                pressure = rates[agent] * math.exp(-t / self.time_constant) * n_sharing / network.mean_degree
                if draw.random() < 1.0 - math.exp(-pressure):
                    times[agent] = t + 1.0
        return np.array(times)


@dataclass(frozen=True)
class WhoAgeingLoop(AgeingLoop, _Two):
    """Two rates, and a post that ages: a loop over all agents in every round."""

    name: ClassVar[str] = "who-ageing-loop"


def trajectories_of(
    network: "Network", times: FloatArray, at: NDArray[Any], clock: Clock, *, histories: bool = False
) -> Trajectories:
    """Make trajectories from the times at which agents share.

    Parameters
    ----------
    network : Network
        Who sees whose posts.
    times : array, shape (replicates, n_agents)
        Infinite where an agent does not share.
    at : array, shape (n_times,)
        Times of the trajectories, from 0; the last is the end of the observation.
    clock : {"rounds", "continuous"}
        How time passes.
    histories : bool
        Whether who shared when is a part of the result.

    Returns
    -------
    Trajectories
        `si_edges` counts edges to all agents that have shared, also to those that were removed.
    """
    one, other = _pairs(network).T
    tables, shares = [], []
    degrees = np.diff(network.indptr)
    unequal = {} if degrees.min() == degrees.max() else {"degrees": degree_text(degrees)}
    for index, of_agents in enumerate(times):
        # An edge joins a sharer and a susceptible agent from the first time to the second of its ends.
        first, second = np.minimum(of_agents[one], of_agents[other]), np.maximum(of_agents[one], of_agents[other])
        tables.append(
            pd.DataFrame(
                {
                    "trajectory": index,
                    "time": at,
                    "infected": _until(of_agents, at),
                    "population": network.n_agents,
                    "si_edges": _until(first, at) - _until(second, at),
                    "degree": network.mean_degree,
                    **unequal,
                    "network": network.name,
                }
            )
        )
        agents = np.flatnonzero(np.isfinite(of_agents))
        seeds = of_agents[agents] == 0.0
        shares.append(pd.DataFrame({"trajectory": index, "agent": agents, "time": of_agents[agents], SEED: seeds}))
    recorded = None
    if histories:
        contacts = ContactNetwork.of_network(network)
        recorded = EventHistories(pd.concat(shares, ignore_index=True), contacts, until=float(at[-1]), clock=clock)
    record = {"spreads": [{"clock": clock}]}
    return Trajectories(pd.concat(tables, ignore_index=True), record=record, histories=recorded)


def _until(times: FloatArray, at: NDArray[Any]) -> NDArray[np.int64]:
    """Count the times that are not after each of some times."""
    return np.searchsorted(np.sort(times), at, side="right")


def _pairs(network: "Network") -> NDArray[np.int64]:
    """Return the two ends of each edge once, shape (n_edges, 2)."""
    one = np.repeat(np.arange(network.n_agents), np.diff(network.indptr))
    pairs = np.stack([one, network.indices.astype(np.int64)], axis=1)
    return pairs[pairs[:, 0] < pairs[:, 1]]
