"""The spreading process in synchronous rounds: who sees the post, who shares it."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .network import Network
from .trajectories import Trajectories


def spread(
    network: Network,
    probabilities: ArrayLike,
    personas: ArrayLike | None = None,
    *,
    rounds: int = 40,
    replicates: int = 10,
    initial_sharers: int = 5,
    visibility: float = 0.25,
    seed: int | Sequence[int],
    conditions: Mapping[str, Any] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trajectories:
    """Simulate the spread of one post over a network.

    In every round each edge between an agent that has not shared and one that has shows the former the post with
    probability `visibility`: a sighting. At its m-th sighting an agent with persona `z` shares with probability
    `probabilities[z, m]`; the last column stands for its and all later sightings. Decisions of a round take effect in
    the next. Sharing is permanent.

    Parameters
    ----------
    network : Network
        Who sees whose posts.
    probabilities : array, shape (n_personas, n_sightings)
        The decision table, in [0, 1].
    personas : array of int, shape (n_agents,), optional
        Row of the table for each agent; may be left out when the table has one row.
    rounds, replicates : int
        Rounds to simulate, and independent repetitions (each with its own random initial sharers).
    initial_sharers : int
        Agents that have shared at time 0.
    visibility : float
        Probability `c` that an edge shows the post in a round, in (0, 1].
    seed : int or sequence of int
        Replicate `r` draws from its own stream of (seed, r): the same result for any number of threads, and for one
        replicate alone or among many.
    conditions : mapping, optional
        Condition columns to add, such as `{"event": "VAR1"}`.
    threads : int, optional
        Replicates simulated at once; the number of cores by default.
    progress : callable, optional
        Called with replicates done and total.

    Returns
    -------
    Trajectories
        With `si_edges` and `degree`; where agents have different numbers of neighbours, that is the mean, and `degrees`
        says how many have how many.

    Raises
    ------
    InputError
        When an argument cannot be used.
    """
    table, members = _checked(network, probabilities, personas)
    check_process(network.n_agents, rounds, replicates, initial_sharers, visibility)

    def replicate(index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(index,))))
        starters = rng.choice(network.n_agents, size=initial_sharers, replace=False)
        return _rounds(
            network.indptr, network.indices, table, members, starters.astype(np.int32), rounds, visibility, rng
        )

    results = []
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for result in pool.map(replicate, range(replicates)):
            results.append(result)
            if progress:
                progress(len(results), replicates)
    return _trajectories(network, results, rounds, conditions or {})


def check_process(n_agents: int, rounds: int, replicates: int, initial_sharers: int, visibility: float) -> None:
    """Raise an InputError when a setting of the process cannot be used."""
    for name, value in (("rounds", rounds), ("replicates", replicates), ("initial_sharers", initial_sharers)):
        if value < 1:
            raise InputError(f"{name} = {value}: must be at least 1")
    if initial_sharers >= n_agents:
        raise InputError(f"initial_sharers = {initial_sharers}: must be below the number of agents ({n_agents})")
    if not 0.0 < visibility <= 1.0:
        raise InputError(f"visibility = {visibility}: must lie in (0, 1]")


def _checked(
    network: Network, probabilities: ArrayLike, personas: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    table = np.ascontiguousarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape or not np.all((table >= 0) & (table <= 1)):
        raise InputError("probabilities must be a table [persona, sighting] of numbers in [0, 1]")
    if personas is None:
        if table.shape[0] > 1:
            raise InputError(f"the table has {table.shape[0]} personas: say which agent has which (personas=…)")
        personas = np.zeros(network.n_agents)
    members = np.ascontiguousarray(personas, dtype=np.int32)
    if members.shape != (network.n_agents,) or members.min() < 0 or members.max() >= table.shape[0]:
        raise InputError(
            f"personas must hold, for each of the {network.n_agents} agents, a row from 0 to {table.shape[0] - 1}"
        )
    return table, members


def _trajectories(
    network: Network,
    results: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    rounds: int,
    conditions: Mapping[str, Any],
) -> Trajectories:
    columns: dict[str, Any] = {
        "trajectory": np.repeat(np.arange(len(results)), rounds + 1),
        "time": np.tile(np.arange(rounds + 1), len(results)),
        "infected": np.concatenate([infected for infected, _ in results]),
        "population": network.n_agents,
        "si_edges": np.concatenate([si_edges for _, si_edges in results]),
    }
    degrees = network.degrees
    if degrees.min() == degrees.max():
        columns["degree"] = int(degrees[0])
    else:
        columns["degree"] = network.mean_degree
        columns["degrees"] = " ".join(f"{k}:{n}" for k, n in zip(*np.unique(degrees, return_counts=True), strict=True))
    return Trajectories(pd.DataFrame({**columns, "network": network.name, **conditions}))


@njit(nogil=True, cache=True)
def _rounds(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    table: NDArray[np.float64],
    members: NDArray[np.int32],
    starters: NDArray[np.int32],
    rounds: int,
    visibility: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Run one replicate; returns infected and susceptible-sharer edges at rounds 0 to `rounds`.

    Only agents with a sharing neighbour (`exposed`) are visited in a round.
    """
    n_agents = indptr.size - 1
    last = table.shape[1] - 1
    shared = np.zeros(n_agents, dtype=np.bool_)
    sharing_neighbours = np.zeros(n_agents, dtype=np.int32)
    sightings = np.zeros(n_agents, dtype=np.int32)
    exposed = np.empty(n_agents, dtype=np.int32)
    n_exposed = 0
    newly = np.empty(n_agents, dtype=np.int32)
    newly[: starters.size] = starters
    n_newly = starters.size
    infected = np.empty(rounds + 1, dtype=np.int64)
    si_edges = np.empty(rounds + 1, dtype=np.int64)
    n_infected = 0
    n_si = 0
    for t in range(rounds + 1):
        for i in range(n_newly):
            shared[newly[i]] = True
        for i in range(n_newly):
            agent = newly[i]
            n_si -= sharing_neighbours[agent]
            for edge in range(indptr[agent], indptr[agent + 1]):
                other = indices[edge]
                if not shared[other]:
                    if sharing_neighbours[other] == 0:
                        exposed[n_exposed] = other
                        n_exposed += 1
                    n_si += 1
                    sharing_neighbours[other] += 1
        n_infected += n_newly
        infected[t] = n_infected
        si_edges[t] = n_si
        n_newly = 0
        kept = 0
        for i in range(n_exposed):
            agent = exposed[i]
            if shared[agent]:
                continue
            persuaded = False
            for _ in range(sharing_neighbours[agent]):
                if visibility < 1.0 and rng.random() >= visibility:
                    continue
                probability = table[members[agent], min(sightings[agent], last)]
                sightings[agent] += 1
                if rng.random() < probability:
                    persuaded = True
                    break
            if persuaded:
                newly[n_newly] = agent
                n_newly += 1
            else:
                exposed[kept] = agent
                kept += 1
        n_exposed = kept
    return infected, si_edges
