"""Draws from a posterior without a sampler: around its mode, corrected by importance sampling.

It serves models that are asked for their elpd: structures, the continuum of rates, the reference of adequacy. It takes
less than a second, where compiling and sampling take many. Where the importance weights say that it does not do, the
sampler does.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..data.observations import Transitions
from ..likelihood.specification import Specification
from ..loo.psis import leave_one_out, smoothed_weights
from ..posterior.diagnostics import ROUGH, STRICT, diagnose
from ..posterior.fit_target import FitTarget
from ..posterior.mode import Density
from ..posterior.nutpie_adapter import STATISTICS, Trace
from ..posterior.sampling import SampledPosterior, SamplerSettings

FloatArray = NDArray[np.float64]

_DRAWS = SamplerSettings(chains=4, tune=1, draws=250)
"""Draws that are kept, in the form of chains."""
_PROPOSALS = 2000
_TAILS = 5.0
"""Degrees of freedom of the proposals: their tails are heavier than those of a normal distribution."""
_IMPOSSIBLE = -1e30
"""Log-weight of a proposal of density 0."""
_FAR, _WIDEST = 3.0, 4.0
"""Distance from the mode at which the fall of the density is measured, in standard deviations; largest widening."""


def approximated(specification: Specification, data: Transitions, seed: int) -> SampledPosterior | None:
    """Draw from a posterior by importance sampling around its mode.

    Parameters
    ----------
    specification : Specification
        What is fitted; without effects of replicates or covariates.
    data : Transitions
        Its observations.
    seed : int
        Seed.

    Returns
    -------
    SampledPosterior or None
        None where the posterior is too far from normal: Pareto k of the importance weights is too high, or their
        effective number too low.
    """
    rng = np.random.default_rng(seed)
    density = Density(specification, data, of_unconstrained=True)
    mode = density.mode()
    try:
        root = _root(density, mode)
    except np.linalg.LinAlgError:
        return None
    proposal = stats.multivariate_t(mode, root @ root.T, _TAILS)
    points = proposal.rvs(_PROPOSALS, random_state=rng).reshape(_PROPOSALS, mode.size)
    with np.errstate(all="ignore"):
        log_ratio = density.log_density(points) - proposal.logpdf(points)
    log_ratio = np.where(np.isfinite(log_ratio), log_ratio, _IMPOSSIBLE)[:, None]
    # Leaving out a unit divides by its likelihood: with minus the log-ratio for it, the weight is the ratio itself.
    checked = leave_one_out(-log_ratio, 1.0)
    weights = smoothed_weights(-log_ratio, 1.0)[:, 0]
    k = float(checked.pareto_k[0])
    if not (k <= checked.good_k and 1.0 / (weights @ weights) >= STRICT.ess):
        return None
    n_kept = _DRAWS.chains * _DRAWS.draws
    at = (rng.random() + np.arange(n_kept)) / n_kept
    kept = rng.permutation(np.minimum(np.searchsorted(np.cumsum(weights), at), _PROPOSALS - 1))
    shape = (_DRAWS.chains, _DRAWS.draws)
    draws = {
        name: column.reshape(*shape, 1) for name, column in zip(specification.scalars, points[kept].T, strict=True)
    }
    target = FitTarget(specification, data)
    posterior = target.posterior(Trace(draws, {name: np.zeros(shape) for name in STATISTICS}))
    summary = target.summary(posterior)
    return SampledPosterior(posterior, _DRAWS, summary, diagnose(posterior, summary, ROUGH), k)


def _root(density: Density, mode: FloatArray) -> FloatArray:
    """Return a root of the covariance of the proposals, shape (n_scalars, n_scalars).

    It is that of the normal approximation, wider along the axes in which the density falls more slowly than a normal
    one: near a limit, as of a dispersion of 0, it falls exponentially.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the log-density is not concave at the mode.
    """
    variances, axes = np.linalg.eigh(np.linalg.inv(density.precision(mode)))
    if not variances.min() > 0:
        raise np.linalg.LinAlgError("the log-density is not concave at the mode")
    root = axes * np.sqrt(variances)
    far = np.vstack([mode, mode + _FAR * root.T, mode - _FAR * root.T])
    with np.errstate(all="ignore"):
        log_density = density.log_density(far)
    falls = np.maximum(log_density[0] - log_density[1:].reshape(2, -1), 0.5 * (_FAR / _WIDEST) ** 2)
    falls = np.where(np.isfinite(falls), falls, np.inf)
    # A normal density falls by half the square of the distance.
    return root * np.maximum(_FAR / np.sqrt(2.0 * falls.min(axis=0)), 1.0)
