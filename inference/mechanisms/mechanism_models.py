"""Fit of one mechanism model to decision counts, and how well it predicts decisions that it has not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import gammaln

from ...common.cues import CUE_LABELS
from ..loo.loo import Elpd, log_mean_exp
from ..loo.psis import leave_one_out
from ..posterior.arviz_adapter import Posterior, group, make_posterior, mean_efficiency
from ..posterior.nutpie_adapter import SamplerModel, Trace
from ..posterior.sampling import (
    DIMENSIONS,
    SampledPosterior,
    SamplerSettings,
    SamplingRun,
    SamplingTarget,
    sample_stats,
)
from .decision_counts import DecisionCounts
from .mechanism_density import POINT, Layout, buffer_of, effects_of, sampler_model

FloatArray = NDArray[np.float64]

MECHANISM_MODELS: dict[str, tuple[str, ...]] = {
    "neither": (),
    "who": ("persona",),
    "when": ("sighting",),
    "cue": ("cue",),
    "both": ("persona", "sighting", "interaction"),
    "who and cue": ("persona", "cue"),
    "when and cue": ("sighting", "cue"),
    "all": ("persona", "sighting", "cue", "interaction"),
}
"""Mechanism models and their parts, the simpler models first."""
UNITS = ("cell", "trajectory")
"""What is left out at a time. The first is the default."""
MAX_GROUPS = 50
"""If there are more trajectories than this, they are left out in this many groups."""
TARGET_ACCEPT = 0.9

_CHUNK = 2000
"""Cells whose log-likelihood is held in memory at once."""


@dataclass(frozen=True)
class MechanismFit:
    """A mechanism model as it was fitted.

    Parameters
    ----------
    name : str
        One of :data:`MECHANISM_MODELS`.
    posterior : Posterior
        Groups `posterior` (`mean_logit`, the standard deviation of each part on the logit scale, and `p_share` by
        persona, sighting and cue) and `sample_stats`.
    parameters : pandas.DataFrame
        See :func:`tworate.inference.posterior.diagnostics.summarize`.
    elpd : Elpd
        Leave-one-out.
    lpd : array, shape (n_units,)
        Log predictive density of each unit by draws that have seen it. Draws that have not seen it never give more.
    problems : list of str
        What is wrong with the sampling; empty when all is well.
    """

    name: str
    posterior: Posterior
    parameters: pd.DataFrame
    elpd: Elpd
    lpd: FloatArray
    problems: list[str]

    @property
    def bound(self) -> FloatArray:
        """Expected log predictive density of each unit; an upper bound for units where PSIS cannot be trusted.

        `p(y | others) = 1 / E[1 / p(y | θ)] <= E[p(y | θ)]` over the posterior, by Jensen's inequality.
        """
        bound = self.elpd.pointwise.copy()
        bound[self.elpd.high_k_units] = self.lpd[self.elpd.high_k_units]
        return bound

    @property
    def p_share(self) -> FloatArray:
        """Draws of the decision table, shape (n_draws, n_personas, n_sightings[, n_cues])."""
        return _table_of(self.posterior)


def offered(data: DecisionCounts) -> list[str]:
    """Return the mechanism models that the data can distinguish: *who* needs two personas, and so on."""
    varies = {"persona": data.shape[0] > 1, "sighting": data.shape[1] > 1, "cue": data.n_cues > 1}
    return [name for name, parts in MECHANISM_MODELS.items() if all(varies.get(part, True) for part in parts)]


def fit_mechanism_model(
    name: str, data: DecisionCounts, *, seed: int, settings: SamplerSettings, unit: str, max_refits: int
) -> MechanismFit:
    """Fit a mechanism model, and leave out each unit.

    Parameters
    ----------
    name : str
        One of :data:`MECHANISM_MODELS`.
    data : DecisionCounts
        The counts.
    seed : int
        Seed.
    settings : SamplerSettings
        How to sample. If the diagnostics are bad, sampling is repeated once, longer or harder.
    unit : {"cell", "trajectory"}
        What is left out at a time: one cell (persona, sighting, cue, trajectory), or a whole trajectory.
    max_refits : int
        Units with a high Pareto k are left out exactly, by refitting, if there are at most this many.
    """
    layout = Layout(data.shape, MECHANISM_MODELS[name])
    decisions, new_sharers = data.totals()
    sampled = _sampled(layout, data, decisions, new_sharers, seed, settings)
    units = _units(data, unit)
    draws = group(sampled.posterior, "posterior")
    scalars = draws[[name for name, values in draws.items() if values.ndim == 2]]
    elpd, lpd = _loo(_table_of(sampled.posterior), data, units, efficiency=mean_efficiency(scalars))
    if 0 < elpd.high_k_units.size <= max_refits:
        elpd = _refitted(elpd, layout, data, units, seed, settings)
    return MechanismFit(name, sampled.posterior, sampled.summary, elpd, lpd, sampled.problems)


def log_likelihood(table: FloatArray, data: DecisionCounts, cells: Any = slice(None)) -> FloatArray:
    """Return the log-probability of the new sharers in some cells, by draw; shape (n_draws, n_cells)."""
    n, y = data.decisions[cells].astype(float), data.new_sharers[cells].astype(float)
    chance = np.clip(table, 1e-300, 1.0 - 1e-16)[:, *(place[cells] for place in data.place)]
    constant = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
    return np.asarray(y * np.log(chance) + (n - y) * np.log1p(-chance) + constant)


@dataclass(frozen=True)
class MechanismTarget(SamplingTarget):
    """A mechanism model of decision counts as a target of sampling."""

    layout: Layout
    data: DecisionCounts
    buffer: FloatArray

    max_tree_depth = 10
    # The density scales its coordinates by the information of the data, so correlations are weak.
    low_rank = False

    def sampler_model(self) -> SamplerModel:
        """Return the compiled log-density with its data."""
        return sampler_model(self.layout, self.buffer)

    def posterior(self, trace: Trace) -> Posterior:
        """Return the decision table, its parts, and the statistics of the sampler."""
        statistics = sample_stats(trace)
        points = trace.draws[POINT]
        values = effects_of(self.layout, self.buffer, points.reshape(-1, self.layout.n_dim))
        axes = ("persona", "sighting", "cue")
        draws = xr.Dataset(
            {
                name: ((*DIMENSIONS, *axes[: value.ndim - 1]), value.reshape(*points.shape[:2], *value.shape[1:]))
                for name, value in values.items()
            },
            coords={
                **{name: statistics[name].to_numpy() for name in DIMENSIONS},
                "persona": list(self.data.personas),
                "sighting": np.arange(1, self.layout.shape[1] + 1),
                **({} if self.data.cue is None else {"cue": list(CUE_LABELS[: self.data.n_cues])}),
            },
        )
        return make_posterior(posterior=draws, sample_stats=statistics)


def _sampled(
    layout: Layout,
    data: DecisionCounts,
    decisions: FloatArray,
    new_sharers: FloatArray,
    seed: int,
    settings: SamplerSettings,
) -> SampledPosterior:
    settings = SamplerSettings(settings.chains, settings.tune, settings.draws, settings.target_accept or TARGET_ACCEPT)
    target = MechanismTarget(layout, data, buffer_of(layout, decisions, new_sharers))
    return SamplingRun(target, seed=seed, settings=settings).result()


def _table_of(posterior: Posterior) -> FloatArray:
    table = group(posterior, "posterior")["p_share"].transpose("chain", "draw", "persona", "sighting", ...).to_numpy()
    return np.asarray(table.reshape(-1, *table.shape[2:]))


def _units(data: DecisionCounts, unit: str) -> NDArray[np.int64]:
    """Return the number of each cell's unit. Cells of the same unit need not be adjacent."""
    group = data.trajectory
    n_paths = len(data.trajectories)
    if n_paths > MAX_GROUPS:
        group = group * MAX_GROUPS // n_paths
    if unit == "trajectory":
        return np.unique(group, return_inverse=True)[1]
    for size, place in zip(data.shape, data.place, strict=True):
        group = group * size + place
    return np.unique(group, return_inverse=True)[1]


def _loo(
    table: FloatArray, data: DecisionCounts, units: NDArray[np.int64], efficiency: float
) -> tuple[Elpd, FloatArray]:
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    ends = np.append(starts[1:], order.size)
    elpd, lpd, pareto_k = [], [], []
    good_k, first = 0.7, 0
    while first < starts.size:
        # As many units as fit into the chunk of cells, and at least one.
        last = max(first + 1, int(np.searchsorted(ends, starts[first] + _CHUNK, side="right")))
        cells = order[starts[first] : ends[last - 1]]
        values = np.add.reduceat(log_likelihood(table, data, cells), starts[first:last] - starts[first], axis=1)
        result = leave_one_out(values, efficiency)
        elpd.append(result.elpd)
        lpd.append(result.lpd)
        pareto_k.append(result.pareto_k)
        good_k, first = result.good_k, last
    pointwise, by_seen = np.concatenate(elpd), np.concatenate(lpd)
    return Elpd(pointwise, np.concatenate(pareto_k), good_k, float((by_seen - pointwise).sum())), by_seen


def _refitted(
    elpd: Elpd,
    layout: Layout,
    data: DecisionCounts,
    units: NDArray[np.int64],
    seed: int,
    settings: SamplerSettings,
) -> Elpd:
    """Leave out exactly the units of high Pareto k. A unit keeps its PSIS value if sampling without it fails."""

    def exact(number: int) -> float | None:
        left_out = units == number
        sampled = _sampled(layout, data, *data.totals(~left_out), seed, settings)
        if sampled.problems:
            return None
        return log_mean_exp(log_likelihood(_table_of(sampled.posterior), data, left_out).sum(axis=1))

    return elpd.refitted(elpd.high_k_units, exact)
