"""Leave-one-out cross-validation: PSIS as by ArviZ, exact refits where it fails, and leaving out the future."""

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
"""What is left out at a time, by name; the first is the default."""
_NODES = np.linspace(-10.0, 10.0, 41)
"""Where a replicate's effect is integrated out: in widths of the integrand, about a draw's own."""


@dataclass(frozen=True)
class Elpd:
    """Expected log predictive density of data that a model has not seen.

    Parameters
    ----------
    pointwise : array, shape (n_units,)
        Of each increment or trajectory.
    pareto_k : array, shape (n_units,)
        Pareto k of PSIS; NaN where the model was refitted without the unit, which is exact.
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
        """Replace units by exact leave-one-out.

        Parameters
        ----------
        numbers : iterable of int
            Numbers of the units.
        exact : callable
            Refits the model without a unit and returns the log predictive density of that unit; None where the refit
            cannot be trusted, which leaves the unit as it was.
        counts : array of int, shape (n_units,), optional
            How often each unit counts; once by default.
        """
        pointwise, pareto_k, p_loo = self.pointwise.copy(), self.pareto_k.copy(), self.p_loo
        for number in numbers:
            density = exact(int(number))
            if density is None:
                continue
            # p_loo is the log predictive density of the data seen, minus elpd.
            p_loo += (1 if counts is None else int(counts[number])) * (pointwise[number] - density)
            pointwise[number], pareto_k[number] = density, np.nan
        return Elpd(pointwise, pareto_k, self.good_k, p_loo)

    @property
    def n_refitted(self) -> int:
        """Number of units for which the model was refitted."""
        return int(np.isnan(self.pareto_k).sum())

    def to_dataset(self) -> xr.Dataset:
        """As it is saved beside the posterior."""
        return xr.Dataset(
            {"elpd": ("unit", self.pointwise), "pareto_k": ("unit", self.pareto_k)},
            attrs={"good_k": self.good_k, "p_loo": self.p_loo},
        )

    @classmethod
    def from_dataset(cls, saved: xr.Dataset) -> "Elpd":
        """Inverse of :meth:`to_dataset`."""
        pointwise, pareto_k = (np.asarray(saved[name], dtype=float) for name in ("elpd", "pareto_k"))
        return cls(pointwise, pareto_k, good_k=float(saved.attrs["good_k"]), p_loo=float(saved.attrs["p_loo"]))


def loo(specification: Specification, posterior: Posterior, data: Transitions, unit: Unit = "increment") -> Elpd:
    """Expected log predictive density by PSIS-LOO.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : Posterior
        The fit.
    data : Transitions
        What it was fitted to.
    unit : {"increment", "trajectory", "agent"}
        What is left out at a time.
    """
    draws = group(posterior, "posterior")
    seen = group(posterior, "log_likelihood")[specification.likelihood.observed]
    values = unit_log_likelihood(specification, draws, data, unit, np.asarray(seen).reshape(-1, data.size))
    found = leave_one_out(values, efficiency=mean_efficiency(draws))
    counts = np.ones(found.elpd.size, dtype=np.int64)
    if unit == "agent":
        counts = np.bincount(_units_of(data).type_of_agent, minlength=found.elpd.size)
    return Elpd(found.elpd, found.pareto_k, found.good_k, p_loo=float((counts * (found.lpd - found.elpd)).sum()))


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
    """Log-likelihood of each unit under each draw, shape (n_draws, n_units).

    A trajectory's is the sum over its increments; where replicates have effects, the effect of one that is left out is
    not known, and is integrated over its distribution.

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
        Log-likelihood of each observation, where it is known already.
    """
    starts = np.flatnonzero(np.diff(data.path, prepend=-1))
    if unit == "trajectory" and specification.replicate_effects:
        return _marginal_log_likelihood(specification, draws, data, starts)
    values = _log_likelihood(specification, draws, data) if pointwise is None else pointwise
    if unit == "agent":
        # A row holds the log-likelihood of all agents of its type. They are alike, so each has the same part of it.
        units, of_one = _units_of(data), np.column_stack([values / data.n_susceptible, np.zeros(len(values))])
        return np.asarray(of_one[:, units.row_before] + of_one[:, units.row_event])
    return values if unit == "increment" else np.add.reduceat(values, starts, axis=1)


def _marginal_log_likelihood(
    specification: Specification, draws: xr.Dataset, data: Transitions, starts: NDArray[np.int64]
) -> FloatArray:
    """Log-likelihood of each trajectory with its own effect integrated out, shape (n_draws, n_trajectories).

    Given the log-rates of the other R - 1 replicates, that of the one left out is normal about their mean with variance
    `sd² R / (R - 1)`, as long as the prior of the rate is flat beside them. The integrand is narrow, so the nodes lie
    around the draw's own effect, half a width apart: of a normal density the trapezoidal rule then loses nothing, and
    1e-8 where the width is half of what was thought. That is `1/sqrt(new sharers)`, deflated by the dispersion.
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
    used = np.unique(data.path)
    terms = []
    for node in _NODES:
        at = log_factor + scale * node
        values = np.add.reduceat(_log_likelihood(specification, draws, data, np.exp(at)), starts, axis=1)
        density = -0.5 * ((at - others) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
        terms.append(density[:, used] + values)
    return np.asarray(logsumexp(terms, axis=0) + np.log(scale[:, used] * (_NODES[1] - _NODES[0])))


def refit_bad(
    elpd: Elpd, data: Transitions, unit: Unit, refitted: Callable[[Transitions], FloatArray | None], most: int
) -> Elpd:
    """Replace what PSIS cannot be trusted for by exact leave-one-out, if it is not too much.

    Parameters
    ----------
    elpd : Elpd
        By PSIS.
    data : Transitions
        What was fitted.
    unit : {"increment", "trajectory", "agent"}
        What was left out at a time.
    refitted : callable
        Given data in which some observations have weight 0, fits them and returns the log-likelihood of every unit
        under the draws, shape (n_draws, n_units); None when the fit cannot be trusted, which leaves the unit bad.
    most : int
        With more bad units than this none is refitted: the verdict would be no surer.
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
            out = np.arange(data.size) == number if unit == "increment" else data.path == np.unique(data.path)[number]
            without = np.where(out, 0.0, data.weight)
        again = refitted(dataclasses.replace(data, weight=without))
        return None if again is None else log_mean_exp(again[:, number])

    counts = np.bincount(_units_of(data).type_of_agent) if unit == "agent" else None
    return elpd.refitted(elpd.high_k_units, exact, counts)


def log_mean_exp(values: FloatArray) -> float:
    """Logarithm of the mean of the exponentials of values, shape (n,)."""
    return float(logsumexp(values) - np.log(values.size))


def future_density(
    specification: Specification, posterior: Any, data: Transitions, future: NDArray[np.bool_]
) -> FloatArray:
    """Log predictive density of the rest of each trajectory, by draws that have not seen it.

    Parameters
    ----------
    specification : Specification
        What was fitted.
    posterior : xarray.Dataset
        Draws fitted with weight 0 for the future.
    data : Transitions
        All observations.
    future : array of bool, shape (n_observations,)
        Which of them are to be predicted.

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
    """Sum of the difference of two pointwise elpd and its standard error `sqrt(n Var(d_i))`, as in `arviz.compare`."""
    difference = first - second
    return float(difference.sum()), float(np.sqrt(difference.size * np.var(difference)))


def _log_likelihood(
    specification: Specification, posterior: Any, data: Transitions, factors: FloatArray | None = None
) -> FloatArray:
    likelihood = specification.likelihood
    prediction, dispersion = predicted_draws(specification, posterior, data, factors)
    observed = data.observed(likelihood.observed)
    return pointwise_log_likelihood(likelihood.family, prediction, dispersion, observed, data.n_susceptible)
