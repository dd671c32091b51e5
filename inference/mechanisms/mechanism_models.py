"""Fitting one account of the resolved counts, and how well it predicts decisions that it has not seen."""

from dataclasses import dataclass
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ...errors import JobError
from ..loo.loo import Elpd
from ..loo.psis import leave_one_out
from ..posterior.diagnostics import diagnose, n_divergences, summarize
from ..posterior.sampling import SamplerSettings
from .decision_counts import ResolvedCounts
from .mechanism_density import Layout, buffer_of, effects_of, nutpie_model

FloatArray = NDArray[np.float64]

ACCOUNTS: dict[str, tuple[str, ...]] = {
    "neither": (),
    "who": ("persona",),
    "when": ("sighting",),
    "both": ("persona", "sighting", "interaction"),
}
"""Accounts, and the parts of each; the simpler come first."""
UNITS = ("cell", "trajectory")
"""What is left out at a time; the first is the default."""
MOST_GROUPS = 50
"""More trajectories than this are left out in so many groups."""
TARGET_ACCEPT = 0.9

_CHUNK = 2000
"""Units whose log-likelihood is held at once."""


@dataclass(frozen=True)
class AccountFit:
    """An account as it was fitted.

    Parameters
    ----------
    name : str
        One of :data:`ACCOUNTS`.
    posterior : arviz.InferenceData
        Groups `posterior` (`mean_logit`, the standard deviation of each part on the logit scale, and `p_share` by
        persona and sighting) and `sample_stats`.
    parameters : pandas.DataFrame
        See :func:`tworate.inference.posterior.diagnostics.summarize`.
    elpd : Elpd
        Leave-one-out.
    lpd : array, shape (n_units,)
        Log predictive density of each unit by draws that have seen it: never below that by draws that have not.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    """

    name: str
    posterior: az.InferenceData
    parameters: pd.DataFrame
    elpd: Elpd
    lpd: FloatArray
    problems: list[str]

    @property
    def bound(self) -> FloatArray:
        """Expected log predictive density of each unit, or what it cannot exceed where PSIS cannot be trusted.

        `p(y | others) = 1 / E[1 / p(y | θ)] <= E[p(y | θ)]` over the posterior, by Jensen's inequality.
        """
        bound = self.elpd.pointwise.copy()
        bound[self.elpd.bad] = self.lpd[self.elpd.bad]
        return bound

    @property
    def p_share(self) -> FloatArray:
        """Draws of the decision table, shape (n_draws, n_personas, n_sightings)."""
        return _table_of(self.posterior)


def offered(data: ResolvedCounts) -> list[str]:
    """Accounts that the data can tell apart: with one persona it is not *who*, with one sighting not *when*."""
    varies = {"persona": data.shape[0] > 1, "sighting": data.shape[1] > 1}
    return [name for name, parts in ACCOUNTS.items() if all(varies.get(part, True) for part in parts)]


def fit_account(
    name: str, data: ResolvedCounts, *, seed: int, settings: SamplerSettings, unit: str, max_refits: int
) -> AccountFit:
    """Fit an account, and leave out each unit.

    Parameters
    ----------
    name : str
        One of :data:`ACCOUNTS`.
    data : ResolvedCounts
        The counts.
    seed : int
        Seed.
    settings : SamplerSettings
        How to sample; when the diagnostics are bad it is tried once more, longer or harder.
    unit : {"cell", "trajectory"}
        What is left out at a time: one cell (persona, sighting, trajectory), or a whole trajectory.
    max_refits : int
        Up to this many units of high Pareto k are left out exactly, by refitting.
    """
    layout = Layout(data.shape, ACCOUNTS[name])
    decisions, new_sharers = data.totals()
    posterior, parameters, problems = _sampled(layout, data, decisions, new_sharers, seed, settings)
    units = _units(data, unit)
    draws = posterior.posterior
    sizes = [float(az.ess(draws[key], method="mean")[key]) for key in draws if draws[key].ndim == 2]
    table = _table_of(posterior)
    elpd, lpd = _loo(table, data, units, efficiency=float(np.mean(sizes)) / len(table))
    if 0 < elpd.bad.size <= max_refits:
        elpd = _refitted(elpd, layout, data, units, seed, settings)
    return AccountFit(name, posterior, parameters, elpd, lpd, problems)


def log_likelihood(table: FloatArray, data: ResolvedCounts, cells: Any = slice(None)) -> FloatArray:
    """Log-probability of the new sharers in some cells, by draw; shape (n_draws, n_cells)."""
    n, y = data.decisions[cells].astype(float), data.new_sharers[cells].astype(float)
    chance = np.clip(table, 1e-300, 1.0 - 1e-16)[:, data.persona[cells], data.sighting[cells]]
    constant = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
    return np.asarray(y * np.log(chance) + (n - y) * np.log1p(-chance) + constant)


def _sampled(
    layout: Layout,
    data: ResolvedCounts,
    decisions: FloatArray,
    new_sharers: FloatArray,
    seed: int,
    settings: SamplerSettings,
) -> tuple[az.InferenceData, pd.DataFrame, list[str]]:
    buffer = buffer_of(layout, decisions, new_sharers)
    settings = SamplerSettings(settings.chains, settings.tune, settings.draws, settings.target_accept or TARGET_ACCEPT)
    for _ in range(2):
        points, stats = _draw(layout, buffer, seed, settings)
        posterior = _inference_data(layout, data, effects_of(layout, buffer, points), stats, settings.chains)
        parameters = summarize(posterior)
        problems = diagnose(posterior, parameters)
        if not problems:
            break
        settings = settings.again(n_divergences(posterior))
    return posterior, parameters, problems


def _draw(layout: Layout, buffer: FloatArray, seed: int, settings: SamplerSettings) -> tuple[FloatArray, Any]:
    """Points, chains joined, and the sampler's statistics."""
    try:
        trace = nutpie.sample(
            nutpie_model(layout, buffer),
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            target_accept=settings.target_accept,
            seed=seed,
            progress_bar=False,
            save_warmup=False,
        )
    except RuntimeError as error:
        raise JobError(f"the sampler gave up on the resolved counts ({str(error).strip().splitlines()[0]})") from error
    return trace.posterior["point"].to_numpy().reshape(-1, layout.n_dim), trace.sample_stats


def _inference_data(
    layout: Layout, data: ResolvedCounts, found: dict[str, FloatArray], stats: Any, chains: int
) -> az.InferenceData:
    dims = {2: ("chain", "draw"), 4: ("chain", "draw", "persona", "sighting")}
    shaped = {name: values.reshape(chains, -1, *values.shape[1:]) for name, values in found.items()}
    draws = xr.Dataset(
        {name: (dims[values.ndim], values) for name, values in shaped.items()},
        coords={
            "chain": np.arange(chains),
            "draw": np.arange(next(iter(shaped.values())).shape[1]),
            "persona": list(data.personas),
            "sighting": np.arange(1, layout.shape[1] + 1),
        },
    )
    kept = [name for name in ("diverging", "energy", "logp", "n_steps", "step_size", "depth") if name in stats]
    return az.InferenceData(posterior=draws, sample_stats=stats[kept])


def _table_of(posterior: az.InferenceData) -> FloatArray:
    table = posterior.posterior["p_share"].transpose("chain", "draw", "persona", "sighting").to_numpy()
    return np.asarray(table.reshape(-1, *table.shape[2:]))


def _units(data: ResolvedCounts, unit: str) -> NDArray[np.int64]:
    """Number of the unit that each cell belongs to; the cells of a unit that has several stand anywhere."""
    group = data.trajectory
    n_paths = len(data.trajectories)
    if n_paths > MOST_GROUPS:
        group = group * MOST_GROUPS // n_paths
    if unit == "trajectory":
        return np.unique(group, return_inverse=True)[1]
    n_personas, n_sightings = data.shape
    return np.unique((group * n_personas + data.persona) * n_sightings + data.sighting, return_inverse=True)[1]


def _loo(
    table: FloatArray, data: ResolvedCounts, units: NDArray[np.int64], efficiency: float
) -> tuple[Elpd, FloatArray]:
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    ends = np.append(starts[1:], order.size)
    elpd, lpd, pareto_k = [], [], []
    good_k, first = 0.7, 0
    while first < starts.size:
        # As many units as have so many cells, and one at least.
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + _CHUNK, side="right")))
        cells = order[starts[first] : ends[last - 1]]
        values = np.add.reduceat(log_likelihood(table, data, cells), starts[first:last] - starts[first], axis=1)
        found = leave_one_out(values, efficiency)
        elpd.append(found.elpd)
        lpd.append(found.lpd)
        pareto_k.append(found.pareto_k)
        good_k, first = found.good_k, last
    pointwise, seen = np.concatenate(elpd), np.concatenate(lpd)
    return Elpd(pointwise, np.concatenate(pareto_k), good_k, float((seen - pointwise).sum())), seen


def _refitted(
    elpd: Elpd,
    layout: Layout,
    data: ResolvedCounts,
    units: NDArray[np.int64],
    seed: int,
    settings: SamplerSettings,
) -> Elpd:
    """Leave out exactly what PSIS cannot be trusted for; what cannot be sampled without it stays bad."""
    pointwise, pareto_k, p_loo = elpd.pointwise.copy(), elpd.pareto_k.copy(), elpd.p_loo
    for number in elpd.bad:
        out = units == number
        posterior, _, problems = _sampled(layout, data, *data.totals(~out), seed, settings)
        if problems:
            continue
        values = log_likelihood(_table_of(posterior), data, out).sum(axis=1)
        exact = float(logsumexp(values) - np.log(values.size))
        p_loo += pointwise[number] - exact
        pointwise[number], pareto_k[number] = exact, np.nan
    return Elpd(pointwise, pareto_k, elpd.good_k, p_loo)
