"""Prediction by simulation on the network of the data.

An agent that the survival function `G` describes shares when `G` of its exposure falls below a random number from the
uniform distribution on (0, 1). So any model is simulated from its survival function alone, on any network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...models import SIModel
from ...models.clock import Clock
from ...simulate.contacts import ContactNetwork
from ...simulate.histories import EventHistories
from ..data.covariates import design
from ..data.individual import Contact, agent_exposure, contact_scale
from ..data.observations import Design
from .pacing import Pacing

FloatArray = NDArray[np.float64]

N_STEPS = 200
"""Steps of a simulation in continuous time."""
_MAX_WORK = 20_000_000
"""Agents times steps times draws of one simulation, beyond which fewer draws are made."""
MIN_DRAWS = 20


def simulate_shares(
    model: type[SIModel],
    values: Mapping[str, FloatArray],
    network: ContactNetwork,
    given: FloatArray,
    *,
    until: float,
    clock: Clock,
    rng: np.random.Generator,
    contact: Contact = "edges",
    start: float = 0.0,
    factor: FloatArray | None = None,
    pacing: Pacing | None = None,
    begin: float = 0.0,
) -> FloatArray:
    """Simulate when agents share, for each of some draws of the parameters.

    Parameters
    ----------
    model : type of SIModel
        The model.
    values : mapping of array, shape (n_draws,)
        Parameter values by name.
    network : ContactNetwork
        Who is shown whose posts.
    given : array, shape (n_agents,)
        Times of shares that are given, since the start of the trajectory; infinite for all other agents. Shares before
        `start` have happened. Later ones happen whatever the model says.
    until : float
        End of the simulation.
    clock : {"rounds", "continuous"}
        In rounds, agents decide at whole times. Continuous time advances in `N_STEPS` steps.
    rng : numpy.random.Generator
        Source of randomness.
    contact : {"edges", "fraction"}
        How exposure counts sharing neighbours.
    start : float
        Time from which agents are simulated. What agents have seen before without sharing is taken into account.
    factor : array, shape (n_draws,) or (n_draws, n_agents), optional
        Multiplier of the exposure in each draw, of all agents or of each.
    pacing : Pacing, optional
        How a structure weights exposure.
    begin : float
        Time of the data at the start of the trajectory.

    Returns
    -------
    array, shape (n_draws, n_agents)
        Times of shares, infinite for agents that do not share.

    Notes
    -----
    In continuous time, agents that share within a step are taken to have shared in its middle. The error falls with the
    square of the step.
    """
    n_draws, n_agents = next(iter(values.values())).size, network.n_agents
    seen_by = contacts_matrix(network, contact)
    before = given <= start
    rate0 = before.astype(float) @ seen_by
    exposure0 = _exposure_before(before, given, start, network, seen_by, clock, pacing, begin)
    links, n_neighbours = links_matrix(network)
    shared = np.tile(before, (n_draws, 1))
    times = np.tile(np.where(before, given, np.inf), (n_draws, 1))
    rate, exposure = np.tile(rate0, (n_draws, 1)), np.tile(exposure0, (n_draws // len(exposure0), 1))
    scale = np.ones((n_draws, 1)) if factor is None else factor.reshape(n_draws, -1)
    scale = np.broadcast_to(scale, (n_draws, n_agents))
    log_threshold = np.log(rng.random((n_draws, n_agents)))
    log_threshold += model.log_survival(
        scale * exposure, start, {name: value[:, None] for name, value in values.items()}
    )
    step = 1.0 if clock == "rounds" else (until - start) / N_STEPS
    n_steps = round((until - start) / step)
    uses_time = model.uses_time()
    for number in range(1, n_steps + 1):
        now = start + number * step
        seen_at = now - step if clock == "rounds" else now - step / 2
        weight: Any = 1.0
        if pacing is not None and pacing.by_age:
            age = np.where(shared, seen_at - np.where(shared, times, 0.0), 0.0)
            rate = np.where(shared, pacing.at_age(age, step), 0.0) @ seen_by
        elif pacing is not None and pacing.by_neighbours:
            weight = pacing.at_neighbours(shared.astype(float) @ links, n_neighbours)
        elif pacing is not None:
            weight = pacing.at_time(seen_at, begin + seen_at)
        exposure += step * weight * rate
        open_agents = ~shared if uses_time else ~shared & (rate > 0)
        draw, agent = np.nonzero(open_agents)
        own = {name: value[draw] for name, value in values.items()}
        falls = model.log_survival(scale[draw, agent] * exposure[draw, agent], now, own) < log_threshold[draw, agent]
        draw, agent = draw[falls], agent[falls]
        forced = np.flatnonzero((given > now - step) & (given <= now))
        if forced.size:
            d, i = np.meshgrid(np.arange(n_draws), forced, indexing="ij")
            pending = ~shared[d, i]
            draw, agent = np.append(draw, d[pending]), np.append(agent, i[pending])
        if not draw.size:
            continue
        draw, agent = np.unique(np.stack([draw, agent]), axis=1)
        shared[draw, agent] = True
        times[draw, agent] = now if clock == "rounds" else now - step / 2
        new = sparse.csr_array((np.ones(draw.size), (draw, agent)), shape=(n_draws, n_agents))
        gain = (new @ seen_by).toarray()
        rate += gain
        if clock == "continuous":
            exposure += weight * gain * (step / 2)
    return times


def _exposure_before(
    before: NDArray[np.bool_],
    given: FloatArray,
    start: float,
    network: ContactNetwork,
    seen_by: Any,
    clock: Clock,
    pacing: Pacing | None,
    begin: float,
) -> FloatArray:
    """Return the exposure of each agent until `start`, shape (1 or n_draws, n_agents)."""
    shared_at = np.where(before, given, start)
    if pacing is None:
        return (np.where(before, start - shared_at, 0.0) @ seen_by)[None, :]
    n_steps = round(start) if clock == "rounds" else N_STEPS
    exposure: Any = np.zeros((next(iter(pacing.values.values())).shape[0], given.size))
    links, n_neighbours = links_matrix(network)
    for number in range(n_steps if start > 0 else 0):
        low, high = start * number / n_steps, start * (number + 1) / n_steps
        at = low if clock == "rounds" else 0.5 * (low + high)
        visible = np.where(before, np.clip(high - shared_at, 0.0, high - low), 0.0)[None, :]
        if pacing.by_age:
            age = np.maximum(at - shared_at, 0.0)[None, :]
            visible = visible * pacing.at_age(age, high - low)
        elif pacing.by_neighbours:
            n_sharing = (before & (shared_at <= at)).astype(float) @ links
            exposure += (visible @ seen_by) * pacing.at_neighbours(n_sharing, n_neighbours)
            continue
        else:
            visible = visible * pacing.at_time(at, begin + at)
        exposure += visible @ seen_by
    return exposure


def given_shares(histories: EventHistories, number: int, clock: Clock) -> FloatArray:
    """Return the times of the shares of a trajectory that no model explains: initial and further initial sharers.

    Returns
    -------
    array, shape (n_agents,)
        Times since the start of the trajectory; infinite for all other agents.
    """
    own = histories.select([number])
    exposure, _ = agent_exposure(own, clock)
    times = histories.share_times(number) - histories.starts[number]
    explained = np.zeros(times.size, dtype=bool)
    explained[exposure.agent] = True
    return np.where(explained, np.inf, times)


def designs_of_all(histories: EventHistories, clock: Clock, covariates: Sequence[str]) -> list[Design]:
    """Return the design of all agents of each trajectory; levels and means are those of the fit."""
    exposure, _ = agent_exposure(histories, clock)
    sizes = [histories.network_of(number).n_agents for number in range(histories.n_trajectories)]
    path = np.repeat(np.arange(len(sizes)), sizes)
    begins = np.concatenate([[0], np.cumsum(sizes)])
    agent = np.arange(path.size) - begins[path]
    fitted = np.zeros(path.size, dtype=bool)
    fitted[begins[exposure.path] + exposure.agent] = True
    of_all = design(histories, path, agent, covariates, fitted)
    return [replace(of_all, group=of_all.group[path == number]) for number in range(len(sizes))]


def draws_within_reach(n_draws: int, n_agents: int, length: float, clock: Clock) -> int:
    """Return how many draws are simulated: all, or fewer if the network is large."""
    n_steps = length if clock == "rounds" else N_STEPS
    return int(min(n_draws, max(MIN_DRAWS, _MAX_WORK / (n_agents * max(n_steps, 1.0)))))


def links_matrix(network: ContactNetwork) -> tuple[Any, FloatArray]:
    """Return the matrix of ones from who shares to who is shown it, and the number of contacts that show to each."""
    shape = (network.n_agents, network.n_agents)
    links = sparse.csr_array((np.ones(network.n_edges), network.indices, network.indptr), shape=shape)
    return links, np.bincount(network.indices, minlength=network.n_agents).astype(float)


def contacts_matrix(network: ContactNetwork, contact: Contact) -> Any:
    """Return the matrix from who shares to whose exposure rises, and by how much."""
    weights = np.ones(network.n_edges) if network.weights is None else network.weights
    scale = contact_scale(network, contact)
    shape = (network.n_agents, network.n_agents)
    return sparse.csr_array((weights / scale[network.indices], network.indices, network.indptr), shape=shape)
