"""Prediction one step ahead: new sharers in each interval, given what had happened until then."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...models import SIModel
from ...simulate import Trajectories
from ...simulate.histories import EventHistories
from ..data.individual import EVENT_HISTORIES
from ..likelihood.likelihoods import LIKELIHOODS
from .arviz_adapter import group
from .fitting import histories_of
from .network_prediction import contacts_matrix, draws_within_reach, given_shares, links_matrix
from .network_simulator import NetworkSimulator
from .posterior_predictive import bands_of

FloatArray = NDArray[np.float64]

MAX_BINS = 60
"""Largest number of intervals of time. Where the data have more, they are added up in intervals of equal length."""
_SUBSTEPS = 5
"""Steps within an interval in continuous time."""
_REPEATS = 10
"""Random numbers of new sharers for each draw from the posterior."""


def has_steps(posterior: Any) -> bool:
    """Return whether a fit predicts steps. A likelihood of whole curves does not."""
    return LIKELIHOODS[posterior.attrs["likelihood"]].kind == "transition"


def predict_steps(
    posterior: Any,
    trajectories: Trajectories,
    *,
    seed: int,
    model: type[SIModel] | None = None,
    n_draws: int = 40,
) -> pd.DataFrame:
    """Predict the new sharers in each interval from the observed state at its start.

    Parameters
    ----------
    posterior : Posterior
        A fit of a transition likelihood from :func:`tworate.inference.fit`.
    trajectories : Trajectories
        The data of the fit.
    seed : int
        Seed of the prediction.
    model : type of SIModel, optional
        The fitted model. The default is the model of tworate with the name that the fit records.
    n_draws : int
        Number of posterior draws at the individual level. With counts they are the predictions that the fit holds.

    Returns
    -------
    pandas.DataFrame
        One row an interval: `time` (its end, since each trajectory's start), `observed` (new sharers of all
        trajectories together), and the quantiles `q2.5`, `q25`, `q50`, `q75`, `q97.5` of the number predicted.

    Notes
    -----
    In continuous time with event histories, an agent's exposure within an interval is that by the shares of the others
    as they were observed.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    if posterior.attrs["closure"] == EVENT_HISTORIES:
        return _steps_of_agents(posterior, histories_of(trajectories), model, rng, n_draws)
    data = group(posterior, "constant_data")
    observed = np.asarray(group(posterior, "observed_data")["incidence"], dtype=float)
    predicted = np.asarray(group(posterior, "posterior_predictive")["incidence"], dtype=float)
    ends = np.asarray(data["time_end"], dtype=float)
    times, number = _intervals(ends)
    sums = np.zeros((predicted.reshape(-1, ends.size).shape[0], times.size))
    np.add.at(sums.T, number, predicted.reshape(-1, ends.size).T)
    bands = bands_of(times, sums)
    bands.insert(1, "observed", np.bincount(number, weights=observed, minlength=times.size))
    return bands


def _intervals(ends: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return the ends of intervals of time, and the number of the interval of each observation."""
    distinct, number = np.unique(np.round(ends, 9), return_inverse=True)
    if distinct.size <= MAX_BINS:
        return distinct, number
    edges = np.linspace(0.0, ends.max(), MAX_BINS + 1)[1:]
    number = np.minimum(np.searchsorted(edges, ends), MAX_BINS - 1)
    used, number = np.unique(number, return_inverse=True)
    return edges[used], number


def _steps_of_agents(
    posterior: Any, histories: EventHistories, model: type[SIModel] | None, rng: np.random.Generator, n_draws: int
) -> pd.DataFrame:
    """Predict steps with the exposure of every agent."""
    clock, contact = posterior.attrs["clock"], posterior.attrs["contact"]
    simulator = NetworkSimulator(posterior, histories, model, rng)
    longest = float((histories.ends - histories.starts).max())
    whole = clock == "rounds" and longest <= MAX_BINS
    times = np.arange(1.0, round(longest) + 1.0) if whole else np.linspace(0.0, longest, MAX_BINS + 1)[1:]
    n_agents = sum(histories.network_of(number).n_agents for number in range(histories.n_trajectories))
    n_own = draws_within_reach(n_draws, n_agents, longest, clock)
    n_own = min(n_own, group(posterior, "posterior").sizes["chain"] * group(posterior, "posterior").sizes["draw"])
    observed, mean, variance = np.zeros(times.size), np.zeros((n_own, times.size)), np.zeros((n_own, times.size))
    for number in range(histories.n_trajectories):
        end = float(histories.ends[number] - histories.starts[number])
        shared_at = histories.share_times(number) - histories.starts[number]
        explained = ~np.isfinite(given_shares(histories, number, clock))
        own = shared_at[explained & (shared_at <= end)]
        observed += np.bincount(np.minimum(np.searchsorted(times, own), times.size - 1), minlength=times.size)
        edges = np.arange(round(end) + 1.0) if clock == "rounds" else np.linspace(0.0, end, _SUBSTEPS * times.size + 1)
        for high, p in _probabilities(simulator, histories, number, shared_at, explained, edges, n_own, contact):
            place = min(int(np.searchsorted(times, high - 1e-9 * longest)), times.size - 1)
            mean[: len(p), place] += p.sum(axis=1)
            variance[: len(p), place] += (p * (1.0 - p)).sum(axis=1)
    bands = bands_of(times, _numbers(mean, variance, rng))
    bands.insert(1, "observed", observed)
    return bands


def _probabilities(
    simulator: NetworkSimulator,
    histories: EventHistories,
    number: int,
    shared_at: FloatArray,
    explained: NDArray[np.bool_],
    edges: FloatArray,
    n_draws: int,
    contact: Any,
) -> Iterator[tuple[float, FloatArray]]:
    """Yield the end of each step, and the probabilities with which agents that had not shared do so in it.

    These have the shape (n_draws, n_agents at risk).
    """
    network, model = histories.network_of(number), simulator.model
    draws = simulator.draws(number, n_draws, str(histories.labels[number]))
    seen_by, begin = contacts_matrix(network, contact), float(histories.starts[number])
    values = {name: value[:, None] for name, value in draws.values.items()}
    factor = draws.factor.reshape(len(draws.factor), -1)
    exposure: Any = np.zeros((1, network.n_agents))
    links, n_neighbours = links_matrix(network)
    for low, high in itertools.pairwise(edges):
        visible = np.clip(high - shared_at, 0.0, high - low)[None, :]
        at = low if simulator.clock == "rounds" else 0.5 * (low + high)
        worth: Any = 1.0
        if draws.pacing is not None and draws.pacing.by_age:
            age = np.where(visible > 0, np.maximum(at - shared_at, 0.0), 0.0)[None, :]
            visible = visible * draws.pacing.at_age(age, high - low)
        elif draws.pacing is not None and draws.pacing.by_neighbours:
            worth = draws.pacing.at_neighbours((shared_at <= at).astype(float) @ links, n_neighbours)
        elif draws.pacing is not None:
            visible = visible * draws.pacing.at_time(at, begin + at)
        after = exposure + (visible @ seen_by) * worth
        at_risk = explained & (shared_at > low)
        before, reached = factor * exposure, factor * after
        log_g = [model.log_survival(each[:, at_risk], time, values) for each, time in ((before, low), (reached, high))]
        yield float(high), np.clip(-np.expm1(log_g[1] - log_g[0]), 0.0, 1.0)
        exposure = after


def _numbers(mean: FloatArray, variance: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw sums of many independent events: binomial numbers of the same mean and variance."""
    p = np.clip(1.0 - np.divide(variance, mean, out=np.ones_like(mean), where=mean > 0), 1e-9, 1.0)
    n = np.maximum(np.ceil(mean / p), 1.0)
    drawn = rng.binomial(n.astype(np.int64), np.clip(mean / n, 0.0, 1.0), size=(_REPEATS, *mean.shape))
    return np.asarray(drawn.reshape(-1, mean.shape[1]), dtype=float)
