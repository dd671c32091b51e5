"""Does a model describe the data? Two models can be compared, and both be wrong.

Counts: every increment is predicted one step ahead, from the past and from the other increments (leave-one-out). If the
model is right, the ranks of the observations among their predictions are uniform, and in bins of exposure and of time
the numbers of new sharers are those expected. Event histories: single agents share or not, which says nothing alone;
the numbers in bins of exposure do.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import eval_legendre
from scipy.stats import chi2, norm

from ..data.observations import Transitions
from ..likelihood.likelihoods import draw_observations, pointwise_log_likelihood
from ..likelihood.predictor import RoundsPredictor
from ..likelihood.specification import Specification
from ..loo.psis import smoothed_weights
from ..posterior.fitting import draws_of, factors_of, predicted_draws
from .sides import beats

FloatArray = NDArray[np.float64]

REJECTED_BELOW = 0.01
"""A model is not adequate if the p-value of its tests together lies below this."""
MAX_BINS = 8
"""Largest number of bins of exposure, or of time."""
MIN_EXPECTED = 10.0
"""Smallest expected number of new sharers in a bin."""
_MAX_DRAWS = 1000
"""Posterior draws that are used, evenly spaced: more make no difference to ranks."""
_ORDER = 4
"""Order of the test of uniformity: mean, spread, skewness and tails of the ranks."""
_FINE = 200
"""Cells of exposure from which bins of equal expectation are made, at the level of agents."""
_IN_WORDS = {"exposure": "exposures of", "time": "times"}


@dataclass(frozen=True)
class Binned:
    """New sharers in bins of exposure or of time, observed and expected.

    Parameters
    ----------
    low, high : list of float, one per bin
        First and last exposure or time of the bin, in the unit of the data.
    observed, expected, sd : list of float, one per bin
        New sharers; how many the model expects, given the past; and the standard deviation of their number.
    p_value : float
        Of the sum of squares of the standardised residuals.
    """

    low: list[float]
    high: list[float]
    observed: list[float]
    expected: list[float]
    sd: list[float]
    p_value: float

    @property
    def residuals(self) -> FloatArray:
        """Standardised residuals, shape (n_bins,)."""
        return (np.array(self.observed) - np.array(self.expected)) / np.array(self.sd)


@dataclass(frozen=True)
class Adequacy:
    """How well a model describes the data.

    Parameters
    ----------
    p_value : float
        Of all tests together: the smallest of `p_values` times their number (Bonferroni), at most 1.
    p_values : dict of str to float
        Of each test: `pit`, whether ranks are uniform, for counts; `exposure` and `time`, whether the numbers of new
        sharers in bins are those expected.
    crps : float
        Mean continuous ranked probability score, in sharers: of the one-step prediction of an increment; of that of a
        bin of exposure at the level of agents.
    coverage50, coverage90 : float
        Share of the one-step predictions whose 50% and 90% intervals hold the observation: of increments, or of bins at
        the level of agents.
    worst : str
        The bin of the largest standardised residual in words, such as
        `at exposures of 1.2 to 2: 84 shared, 61 expected`.
    bins : dict of str to Binned
        By `exposure` and `time`; at the level of agents by `exposure`.
    pit : list of float, one per increment
        Randomised leave-one-out PIT: rank of the observation among predictions, from 0 to 1. Empty for agents.
    elpd_diff, dse : float or None
        Elpd of the free hazard minus that of this model, and its standard error; None where they were not compared.
    """

    p_value: float
    p_values: dict[str, float]
    crps: float
    coverage50: float
    coverage90: float
    worst: str
    bins: dict[str, Binned] = field(repr=False)
    pit: list[float] = field(default_factory=list, repr=False)
    elpd_diff: float | None = None
    dse: float | None = None

    @property
    def is_adequate(self) -> bool:
        """Whether no test rejects the model, and a free hazard does not beat it."""
        beaten = self.elpd_diff is not None and self.dse is not None and beats((self.elpd_diff, self.dse))
        return self.p_value >= REJECTED_BELOW and not beaten

    @property
    def in_words(self) -> str:
        """The conclusion as a sentence."""
        if self.is_adequate:
            against = (
                "" if self.elpd_diff is None else f"; a free hazard gains {self.elpd_diff:.1f}, dse = {self.dse:.1f}"
            )
            return f"describes the data adequately (p = {self.p_value:.2g}{against})"
        why = []
        if self.p_value < REJECTED_BELOW:
            why.append(f"p = {self.p_value:.1g}")
        if self.elpd_diff is not None and self.dse is not None and beats((self.elpd_diff, self.dse)):
            why.append(f"a free hazard gains {self.elpd_diff:.1f}, dse = {self.dse:.1f}")
        return f"is not adequate: the misfit is largest {self.worst} ({'; '.join(why)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the content as it is saved, in plain numbers and words."""
        return {**dataclasses.asdict(self), "adequate": self.is_adequate}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Adequacy":
        """Read what :meth:`to_dict` returned."""
        fields = {name: value for name, value in saved.items() if name != "adequate"}
        return cls(**{**fields, "bins": {axis: Binned(**binned) for axis, binned in saved["bins"].items()}})


def adequacy(specification: Specification, posterior: Any, data: Transitions, seed: int) -> Adequacy:
    """Test whether a fitted model describes its data.

    Parameters
    ----------
    specification : Specification
        What was fitted, with a transition likelihood.
    posterior : xarray.Dataset
        Draws, with dimensions chain and draw.
    data : Transitions
        The data of the fit.
    seed : int
        Seed of the draws that break ties of ranks.

    Notes
    -----
    In bins, residuals are those of the fit: the parameters have taken their part of the misfit, so the chi-squared
    distribution with as many degrees of freedom as bins is an upper bound. Tests are combined by Bonferroni's rule,
    which needs no independence.
    """
    every = max(1, math.ceil(posterior.sizes["chain"] * posterior.sizes["draw"] / _MAX_DRAWS))
    draws = posterior.isel(draw=slice(every - 1, None, every))
    return (
        _of_agents(specification, draws, data)
        if data.units is not None
        else _of_counts(specification, draws, data, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))))
    )


def _of_counts(specification: Specification, draws: Any, data: Transitions, rng: np.random.Generator) -> Adequacy:
    family = specification.likelihood.family
    prediction, dispersion = predicted_draws(specification, draws, data)
    size, shared = data.n_susceptible, data.incidence
    weights = smoothed_weights(pointwise_log_likelihood(family, prediction, dispersion, shared, size), efficiency=1.0)
    predicted = draw_observations(family, prediction, dispersion, size, rng)
    pit = ranks(predicted, weights, shared, rng)
    p = -np.expm1(prediction)
    expected = size * p.mean(axis=0)
    spread = 1.0 + np.outer(dispersion, size - 1.0)
    variance = (size * p * (1.0 - p) * spread).mean(axis=0)
    axes = {"exposure": data.exposure_start, "time": data.time}
    bins = {axis: in_bins(values, shared, expected, variance) for axis, values in axes.items()}
    return _concluded(
        bins,
        pit,
        crps=float(sample_crps(predicted, weights, shared).mean()),
        coverage=[float(np.mean(np.abs(pit - 0.5) < 0.5 * level)) for level in (0.5, 0.9)],
    )


def _concluded(bins: dict[str, Binned], pit: FloatArray, crps: float, coverage: list[float]) -> Adequacy:
    p_values = {axis: binned.p_value for axis, binned in bins.items()}
    if pit.size:
        p_values = {"pit": uniformity(pit), **p_values}
    return Adequacy(
        p_value=min(1.0, len(p_values) * min(p_values.values())),
        p_values=p_values,
        crps=crps,
        coverage50=coverage[0],
        coverage90=coverage[1],
        worst=_worst(bins),
        bins=bins,
        pit=np.round(pit, 5).tolist(),
    )


def _worst(bins: Mapping[str, Binned]) -> str:
    axis = max(bins, key=lambda name: float(np.abs(bins[name].residuals).max()))
    binned = bins[axis]
    number = int(np.abs(binned.residuals).argmax())
    low, high = binned.low[number], binned.high[number]
    where = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return f"at {_IN_WORDS[axis]} {where}: {binned.observed[number]:.0f} shared, {binned.expected[number]:.0f} expected"


def ranks(predicted: NDArray[Any], weights: FloatArray, observed: NDArray[Any], rng: np.random.Generator) -> FloatArray:
    """Compute the randomised PIT of each observation, shape (n_observations,).

    It is the rank among the predictions; ties are broken by chance. The observation counts as one prediction more, so
    that ranks are uniform for any number of draws.

    Parameters
    ----------
    predicted, weights : array, shape (n_draws, n_observations)
        One prediction by each draw, and the weights that leave out the observation.
    observed : array, shape (n_observations,)
        What was observed.
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_draws = len(predicted)
    below = (weights * (predicted < observed)).sum(axis=0)
    equal = (weights * (predicted == observed)).sum(axis=0)
    return np.asarray((n_draws * below + rng.uniform(size=observed.size) * (n_draws * equal + 1)) / (n_draws + 1))


def uniformity(pit: ArrayLike) -> float:
    """Test whether numbers are uniform on [0, 1], and return the p-value.

    Notes
    -----
    Neyman's smooth test: the sum of squares of the standardised means of the first four Legendre polynomials, which
    notice a shift, a wrong spread, skewness and tails. It is chi-squared with four degrees of freedom. Rayner & Best
    (1990), International Statistical Review 58, 9, doi:10.2307/1403457.
    """
    at = 2.0 * np.asarray(pit, dtype=float) - 1.0
    degrees = np.arange(1, _ORDER + 1)
    parts = [math.sqrt(2 * degree + 1) * eval_legendre(degree, at).sum() / math.sqrt(at.size) for degree in degrees]
    return float(chi2.sf(np.square(parts).sum(), _ORDER))


def sample_crps(predicted: NDArray[Any], weights: FloatArray, observed: NDArray[Any]) -> FloatArray:
    """Compute the continuous ranked probability score of weighted predictions; arguments as of :func:`ranks`.

    Notes
    -----
    `E|X - y| - E|X - X'|/2`. Gneiting & Raftery (2007), J. Am. Stat. Assoc. 102, 359, doi:10.1198/016214506000001437.
    """
    order = np.argsort(predicted, axis=0)
    x = np.take_along_axis(predicted, order, axis=0).astype(float)
    w = np.take_along_axis(weights, order, axis=0)
    until = np.cumsum(w, axis=0)
    return np.asarray((w * np.abs(x - observed)).sum(axis=0) - (w * x * (2.0 * until - w - 1.0)).sum(axis=0))


def in_bins(at: FloatArray, observed: NDArray[Any], expected: FloatArray, variance: FloatArray) -> Binned:
    """Add up new sharers in bins of about equal expectation, and compare them with what was expected.

    Parameters
    ----------
    at : array, shape (n_observations,)
        What the bins are of.
    observed, expected, variance : array, shape (n_observations,)
        New sharers; their mean and variance given the past.
    """
    values, place = np.unique(at, return_inverse=True)
    cells = merged(np.bincount(place, weights=expected).astype(float))
    number = cells[place]
    sums = [np.bincount(number, weights=column) for column in (observed, expected, variance)]
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    last = np.append(first[1:], values.size) - 1
    statistic = float(((sums[0] - sums[1]) ** 2 / sums[2]).sum())
    return Binned(
        low=values[first].tolist(),
        high=values[last].tolist(),
        observed=sums[0].tolist(),
        expected=sums[1].tolist(),
        sd=np.sqrt(sums[2]).tolist(),
        p_value=float(chi2.sf(statistic, first.size)),
    )


def merged(expected: FloatArray) -> NDArray[np.int64]:
    """Return the bin of each of many cells in a row: bins of about equal, and large enough, expectation."""
    least = max(MIN_EXPECTED, expected.sum() / MAX_BINS)
    result, bin_number, total = np.zeros(expected.size, dtype=np.int64), 0, 0.0
    remaining = float(expected.sum())
    for cell, value in enumerate(expected):
        result[cell] = bin_number
        total += value
        remaining -= value
        # What is left for the last bin must suffice too.
        if total >= least * (1.0 - 1e-9) and remaining >= 0.5 * least:
            bin_number, total = bin_number + 1, 0.0
    return result


def _of_agents(specification: Specification, draws: Any, data: Transitions) -> Adequacy:
    binned = agents_in_bins(specification, draws, data)
    z = binned.residuals
    score = np.array(binned.sd) * (z * (2.0 * norm.cdf(z) - 1.0) + 2.0 * norm.pdf(z) - 1.0 / math.sqrt(math.pi))
    coverage = [float(np.mean(np.abs(z) < norm.ppf(0.5 + 0.5 * level))) for level in (0.5, 0.9)]
    return _concluded({"exposure": binned}, np.empty(0), crps=float(score.mean()), coverage=coverage)


def agents_in_bins(specification: Specification, draws: Any, data: Transitions) -> Binned:
    """Compare how many agents shared in bins of exposure with how many were expected.

    Parameters
    ----------
    specification, draws, data
        As of :func:`adequacy`, of event histories.

    Notes
    -----
    With `D` the hazard that an agent accumulates in an interval, it shares there with probability `p = 1 - exp(-D)`.
    The number expected in a bin is the hazard that the agents accumulate in it. A share counts `D/p`, of which each bin
    has the part of its hazard; in small steps that is 1. The difference has mean 0, whatever the steps: it is the score
    of a factor on the hazard in the bin. Exposure is weighted as the model weights it.
    """
    accumulated, edges = _hazard_in_cells(specification, draws, data)
    count, shared = data.weight * data.n_susceptible, data.weight * data.incidence
    total = accumulated.sum(axis=1)
    cells = merged(np.asarray(count @ accumulated))
    n_bins = int(cells[-1]) + 1
    hazard = np.stack([accumulated[:, cells == number].sum(axis=1) for number in range(n_bins)], axis=1)
    p = np.maximum(-np.expm1(-total), np.finfo(float).tiny)
    expected, observed = count @ hazard, (shared / p) @ hazard
    covariance = (hazard * (shared * (1.0 - p) / p**2)[:, None]).T @ hazard
    # The intervals of those who did not share are not kept apart. Those of sharers stand for them.
    scale = np.sqrt(np.divide(expected, observed, out=np.ones(n_bins), where=observed > 0))
    covariance = covariance * np.outer(scale, scale)
    covariance[np.diag_indices(n_bins)] = np.where(observed > 0, covariance.diagonal(), expected)
    residual = observed - expected
    statistic = float(residual @ np.linalg.pinv(covariance, hermitian=True) @ residual)
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    return Binned(
        low=edges[first].tolist(),
        high=edges[np.append(first[1:], cells.size)].tolist(),
        observed=observed.tolist(),
        expected=expected.tolist(),
        sd=np.sqrt(covariance.diagonal()).tolist(),
        p_value=float(chi2.sf(statistic, n_bins)),
    )


def _hazard_in_cells(specification: Specification, draws: Any, data: Transitions) -> tuple[FloatArray, FloatArray]:
    """Return the hazard of each observation in fine cells of exposure, and the edges of the cells.

    The hazard has the shape (n_observations, n_cells). The parts of the cells are those under the mean of the
    parameters; the sum over cells is that of all draws. Where the hazard depends on time too, that part is spread as
    the rest.
    """
    prediction, _ = predicted_draws(specification, draws, data)
    total = -np.log1p(-np.minimum(-np.expm1(prediction).mean(axis=0), 1.0 - 1e-15))
    formula = RoundsPredictor(specification)
    arrays = formula.arrays(data)
    values = {
        name: np.full((1, 1), value.mean() * (data.window if name in specification.rates else 1.0))
        for name, value in draws_of(specification.model, draws).items()
    }
    factors = factors_of(specification, draws, data)
    mean_factors = None if factors is None else factors.mean(axis=0, keepdims=True)
    at_nodes = np.ravel(formula.exposure(arrays, values, mean_factors))
    start, end = (at_nodes[arrays[f"node_{name}"].astype(int)] for name in ("start", "end"))
    inner = np.unique(np.quantile(end, np.linspace(0.0, 1.0, _FINE + 1)[1:-1]))
    edges = np.unique(np.concatenate([[0.0], inner, [end.max()]]))
    clipped = np.clip(edges[None, :], start[:, None], end[:, None])
    log_g = specification.model.log_survival(
        clipped.ravel(), np.repeat(data.time_end / data.window, edges.size), {k: v.ravel() for k, v in values.items()}
    )
    part = np.maximum(-np.diff(np.reshape(log_g, clipped.shape), axis=1), 0.0)
    whole = part.sum(axis=1, keepdims=True)
    # With exact times the exposure gained in the instant of sharing may be lost to rounding.
    lost = whole[:, 0] <= 0.0
    part[lost] = 0.0
    part[lost, np.clip(np.searchsorted(edges, end[lost]) - 1, 0, edges.size - 2)] = 1.0
    whole[lost] = 1.0
    return part / whole * total[:, None], edges * data.window
