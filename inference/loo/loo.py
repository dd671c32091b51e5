"""Leave-one-out cross-validation: PSIS as in ArviZ, exact refits where PSIS fails, and leave-future-out."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..data.observations import AgentUnits, Transitions
from ..likelihood.density_kernels import BINOMIAL
from ..likelihood.likelihoods import pointwise_log_likelihood
from ..likelihood.specification import REPLICATE_EFFECT, REPLICATE_SD, Specification
from ..posterior import arviz_adapter
from ..posterior.arviz_adapter import Posterior, group, mean_efficiency
from ..posterior.fitting import dispersion_of, predicted_draws
from .psis import leave_one_out

FloatArray = NDArray[np.float64]

Unit = Literal["increment", "trajectory", "agent"]
UNITS: tuple[str, ...] = get_args(Unit)
"""Names of the units that are left out. The first is the default."""
_NODES = np.linspace(-10.0, 10.0, 41)
"""Nodes for integrating out a replicate's effect, in widths of the integrand around the draw's own effect."""


@dataclass(frozen=True)
class Elpd:
    """Expected log predictive density of data that the model was not fitted to.

    Parameters
    ----------
    pointwise : array, shape (n_units,)
        Log predictive density of each increment or trajectory.
    pareto_k : array, shape (n_units,)
        Pareto k of PSIS. NaN marks units whose density is exact, from a refit without the unit.
    good_k : float
        Limit `min(1 - 1/log10(S), 0.7)` of Pareto k for S draws.
    p_loo : float
        Effective number of parameters.
    """

    pointwise: FloatArray = dataclasses.field(repr=False)
    pareto_k: FloatArray = dataclasses.field(repr=False)
    good_k: float
    p_loo: float

    @property
    def elpd_loo(self) -> float:
        """Sum over the units."""
        return float(self.pointwise.sum())

    @property
    def se(self) -> float:
        """Standard error of `elpd_loo`."""
        return float(np.sqrt(self.pointwise.size * np.var(self.pointwise)))

    @property
    def high_k_units(self) -> NDArray[np.int64]:
        """Units whose Pareto k is too high, the worst first."""
        worst = np.argsort(-np.nan_to_num(self.pareto_k, nan=-np.inf), kind="stable")
        return worst[self.pareto_k[worst] > self.good_k]

    def refitted(
        self, numbers: Iterable[int], exact: Callable[[int], float | None], counts: NDArray[np.int64] | None = None
    ) -> "Elpd":
        """Replace the PSIS estimates of units with exact leave-one-out.

        Parameters
        ----------
        numbers : iterable of int
            Numbers of the units.
        exact : callable
            Refits the model without a unit and returns the log predictive density of that unit. It returns None where
            the refit cannot be trusted. That unit then keeps its PSIS estimate.
        counts : array of int, shape (n_units,), optional
            Number of times that each unit counts; 1 by default.
        """
        pointwise, pareto_k, p_loo = self.pointwise.copy(), self.pareto_k.copy(), self.p_loo
        for number in numbers:
            density = exact(int(number))
            if density is None:
                continue
            # p_loo is the log predictive density of the fitted data, minus elpd.
            p_loo += (1 if counts is None else int(counts[number])) * (pointwise[number] - density)
            pointwise[number], pareto_k[number] = density, np.nan
        return Elpd(pointwise, pareto_k, self.good_k, p_loo)

    @property
    def n_refitted(self) -> int:
        """Number of units for which the model was refitted."""
        return int(np.isnan(self.pareto_k).sum())

    def to_dataset(self) -> xr.Dataset:
        """Return the dataset that is saved with the posterior."""
        return xr.Dataset(
            {"elpd": ("unit", self.pointwise), "pareto_k": ("unit", self.pareto_k)},
            attrs={"good_k": self.good_k, "p_loo": self.p_loo},
        )

    @classmethod
    def from_dataset(cls, saved: xr.Dataset) -> "Elpd":
        """Read the dataset of :meth:`to_dataset`."""
        pointwise, pareto_k = (np.asarray(saved[name], dtype=float) for name in ("elpd", "pareto_k"))
        return cls(pointwise, pareto_k, good_k=float(saved.attrs["good_k"]), p_loo=float(saved.attrs["p_loo"]))


def loo(specification: Specification, posterior: Posterior, data: Transitions, unit: Unit = "increment") -> Elpd:
    """Compute the expected log predictive density by PSIS-LOO.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : Posterior
        The fit.
    data : Transitions
        The data of the fit.
    unit : {"increment", "trajectory", "agent"}
        What is left out at a time.
    """
    pointwise = np.asarray(group(posterior, "log_likelihood")[specification.likelihood.observed])
    return psis_loo(specification, group(posterior, "posterior"), data, unit, pointwise.reshape(-1, data.size))


def psis_loo(
    specification: Specification,
    draws: xr.Dataset,
    data: Transitions,
    unit: Unit,
    pointwise: FloatArray | None = None,
) -> Elpd:
    """Compute the expected log predictive density by PSIS-LOO; arguments as of :func:`unit_log_likelihood`."""
    values = unit_log_likelihood(specification, draws, data, unit, pointwise)
    psis = leave_one_out(values, efficiency=mean_efficiency(draws))
    counts = np.ones(psis.elpd.size, dtype=np.int64)
    if unit == "agent":
        counts = np.bincount(_units_of(data).type_of_agent, minlength=psis.elpd.size)
    return Elpd(psis.elpd, psis.pareto_k, psis.good_k, p_loo=float((counts * (psis.lpd - psis.elpd)).sum()))


def of_each_agent(elpd: Elpd, data: Transitions) -> Elpd:
    """Repeat what was worked out for each type of agents, so that every agent is a unit."""
    types = _units_of(data).type_of_agent
    return Elpd(elpd.pointwise[types], elpd.pareto_k[types], elpd.good_k, elpd.p_loo)


def _units_of(data: Transitions) -> AgentUnits:
    if data.units is None:
        raise ValueError("agents can be left out of event histories only")
    return data.units


def unit_log_likelihood(
    specification: Specification,
    draws: xr.Dataset,
    data: Transitions,
    unit: Unit,
    pointwise: FloatArray | None = None,
) -> FloatArray:
    """Compute the log-likelihood of each unit under each draw, shape (n_draws, n_units).

    The log-likelihood of a trajectory is the sum over its increments. With replicate effects, the effect of a left-out
    replicate is unknown and is integrated over its distribution.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    draws : xarray.Dataset
        Posterior draws.
    data : Transitions
        The observations.
    unit : {"increment", "trajectory", "agent"}
        What is left out at a time.
    pointwise : array, shape (n_draws, n_observations), optional
        Log-likelihood of each observation, if already computed.
    """
    starts = np.flatnonzero(np.diff(data.path, prepend=-1))
    if unit == "trajectory" and specification.only_replicates:
        return _marginal_log_likelihood(specification, draws, data, starts)
    values = _log_likelihood(specification, draws, data) if pointwise is None else pointwise
    if unit == "agent":
        # A row holds the log-likelihood of all agents of its type. They are alike, so each has the same part of it.
        units = _units_of(data)
        of_agent = np.zeros((len(values), units.row_before.size))
        for rows in (units.row_before, units.row_event):
            has_row = np.flatnonzero(rows >= 0)
            of_agent[:, has_row] += np.take(values, rows[has_row], axis=1) / data.n_susceptible[rows[has_row]]
        return of_agent
    return values if unit == "increment" else np.add.reduceat(values, starts, axis=1)


def _marginal_log_likelihood(
    specification: Specification, draws: xr.Dataset, data: Transitions, starts: NDArray[np.int64]
) -> FloatArray:
    """Compute the log-likelihood of each trajectory with its effect integrated out, shape (n_draws, n_trajectories).

    The log-rate of the left-out replicate is normal around the mean of the other R - 1 log-rates, with variance
    `sd² R / (R - 1)`, if the prior of the rate is flat compared with this distribution. The integrand is narrow, so the
    nodes lie around the draw's own effect, half a width apart. The trapezoidal rule is then exact for a normal density,
    and its error is 1e-8 if the true width is half of the assumed width. The assumed width is `1/sqrt(new sharers)`,
    where the number of new sharers is divided by the inflation of the variance due to dispersion.
    """
    n_paths = len(data.paths)
    sd = np.asarray(draws[REPLICATE_SD]).reshape(-1, 1)
    effects = draws[REPLICATE_EFFECT].transpose("chain", "draw", "replicate").to_numpy().reshape(sd.size, n_paths)
    log_factor = np.log(specification.replicate_factors(sd, effects))
    scale = np.broadcast_to(np.maximum(log_factor.std(axis=0), 1e-6), log_factor.shape)
    if specification.likelihood.family == BINOMIAL:
        inflation = 1.0 + dispersion_of(draws)[:, None] * (data.n_susceptible - 1)
        information = np.zeros_like(log_factor)
        np.add.at(information.T, data.path, (data.incidence / inflation).T)
        scale = np.minimum(scale, 1.0 / np.sqrt(np.maximum(information, 1.0)))
    others = -log_factor / max(n_paths - 1, 1)
    spread = sd * np.sqrt(n_paths / max(n_paths - 1, 1))
    paths = np.unique(data.path)
    terms = []
    for node in _NODES:
        at = log_factor + scale * node
        values = np.add.reduceat(_log_likelihood(specification, draws, data, np.exp(at)), starts, axis=1)
        density = -0.5 * ((at - others) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
        terms.append(density[:, paths] + values)
    return np.asarray(logsumexp(terms, axis=0) + np.log(scale[:, paths] * (_NODES[1] - _NODES[0])))


def refit_bad(
    elpd: Elpd, data: Transitions, unit: Unit, refitted: Callable[[Transitions], FloatArray | None], most: int
) -> Elpd:
    """Replace units of high Pareto k with exact leave-one-out, unless there are too many.

    Parameters
    ----------
    elpd : Elpd
        Estimates by PSIS.
    data : Transitions
        The data of the fit.
    unit : {"increment", "trajectory", "agent"}
        What was left out at a time.
    refitted : callable
        Takes data in which some observations have weight 0, fits the model to them, and returns the log-likelihood of
        every unit under the draws, shape (n_draws, n_units). It returns None when the fit cannot be trusted. The unit
        then keeps its high Pareto k.
    most : int
        Maximum number of units to refit. With more units of high Pareto k none is refitted, because the verdict would
        not become more certain.
    """
    if not 0 < elpd.high_k_units.size <= most:
        return elpd

    def exact(number: int) -> float | None:
        if unit == "agent":
            rows = np.array([_units_of(data).row_before[number], _units_of(data).row_event[number]])
            without = data.weight.copy()
            # One agent of the type is left out, not all of them.
            without[rows[rows >= 0]] -= 1.0 / data.n_susceptible[rows[rows >= 0]]
        else:
            numbers = data.path if unit == "trajectory" else np.arange(data.size)
            left_out = numbers == np.unique(numbers)[number]
            without = np.where(left_out, 0.0, data.weight)
        log_likelihood = refitted(dataclasses.replace(data, weight=without))
        return None if log_likelihood is None else log_mean_exp(log_likelihood[:, number])

    counts = np.bincount(_units_of(data).type_of_agent) if unit == "agent" else None
    return elpd.refitted(elpd.high_k_units, exact, counts)


def log_mean_exp(values: FloatArray) -> float:
    """Compute the logarithm of the mean of the exponentials of values, shape (n,)."""
    return float(logsumexp(values) - np.log(values.size))


def future_density(
    specification: Specification, posterior: Any, data: Transitions, future: NDArray[np.bool_]
) -> FloatArray:
    """Compute the log predictive density of the rest of each trajectory, with draws from a fit without it.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : xarray.Dataset
        Draws of a fit in which the future has weight 0.
    data : Transitions
        All observations.
    future : array of bool, shape (n_observations,)
        The observations to predict.

    Returns
    -------
    array, shape (n_trajectories with a future,)
        `log E[Π_t p(ΔI_t | past)]` over the draws.
    """
    values = _log_likelihood(specification, posterior, data)[:, future]
    starts = np.flatnonzero(np.diff(data.path[future], prepend=-1))
    total = np.add.reduceat(values, starts, axis=1)
    return np.asarray(logsumexp(total, axis=0) - np.log(total.shape[0]))


def stacking_weights(elpds: Mapping[str, Elpd]) -> dict[str, float]:
    """Return the stacking weights by model."""
    return arviz_adapter.stacking_weights({name: elpd.pointwise for name, elpd in elpds.items()})


def elpd_difference(first: FloatArray, second: FloatArray) -> tuple[float, float]:
    """Sum the differences of two pointwise elpd, with standard error `sqrt(n Var(d_i))`, as in `arviz.compare`."""
    difference = first - second
    return float(difference.sum()), float(np.sqrt(difference.size * np.var(difference)))


def _log_likelihood(
    specification: Specification, posterior: Any, data: Transitions, factors: FloatArray | None = None
) -> FloatArray:
    likelihood = specification.likelihood
    prediction, dispersion = predicted_draws(specification, posterior, data, factors)
    observed = data.observed(likelihood.observed)
    return pointwise_log_likelihood(likelihood.family, prediction, dispersion, observed, data.n_susceptible)
