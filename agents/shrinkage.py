"""Partial pooling of sampled decisions: what sampling noise adds to the differences between cells is taken off.

Log-odds of few sampled answers spread by chance, and a spread that simulates them would read this noise as agents that
differ. The cells of a table are therefore shrunk towards the mean of their sighting, each by as much as its own noise
asks for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import chi2

SIGNIFICANCE = 0.05
"""Above this p-value, noise explains the differences between personas."""
_LARGEST_SD = 5.0
"""Largest standard deviation of effects that is tried, in log-odds."""


@dataclass(frozen=True)
class Shrinkage:
    """Log-odds of a table after partial pooling.

    Parameters
    ----------
    log_odds : array, shape (n_personas, n_sightings)
        Posterior means.
    sd : array, shape (n_personas, n_sightings)
        Posterior standard deviations.
    persona_sd : float
        Standard deviation of the effects of personas, which all sightings share.
    cell_sd : float
        Standard deviation of what single cells add.
    p_value : float
        Probability of differences between personas at least as large, if only noise made them; nan with one persona.
    """

    log_odds: NDArray[np.float64]
    sd: NDArray[np.float64]
    persona_sd: float
    cell_sd: float
    p_value: float


def shrink(log_odds: NDArray[np.float64], sd: NDArray[np.float64]) -> Shrinkage:
    """Pool the cells of a table by a random-effects model with known noise.

    Parameters
    ----------
    log_odds, sd : array, shape (n_personas, n_sightings)
        Estimates, and their standard errors; above 0.

    Notes
    -----
    `y_zm = mu_m + a_z + b_zm + e_zm`, with `a_z ~ N(0, persona_sd²)`, `b_zm ~ N(0, cell_sd²)` and known noise. The two
    standard deviations maximise the restricted likelihood [1]_; the means are estimated by least squares, and the cells
    by their posterior means (empirical Bayes). The p-value is that of Cochran's Q over the personas' means [2]_.

    References
    ----------
    .. [1] Harville (1977). Maximum likelihood approaches to variance component estimation and to related problems.
       Journal of the American Statistical Association 72, 320-338, doi:10.1080/01621459.1977.10480998.
    .. [2] Cochran (1954). The combination of estimates from different experiments. Biometrics 10, 101-129,
       doi:10.2307/3001666.

    Examples
    --------
    Noise alone is taken off:

    >>> rng = np.random.default_rng(1)
    >>> noisy = rng.normal(-1.0, 0.5, size=(32, 5))
    >>> pooled = shrink(noisy, np.full((32, 5), 0.5))
    >>> bool(pooled.log_odds.std() < 0.3 * noisy.std()), pooled.p_value > 0.05
    (True, True)
    """
    noise = np.asarray(sd, dtype=float) ** 2
    n_personas, n_sightings = log_odds.shape
    if n_personas == 1:
        return Shrinkage(log_odds.copy(), np.sqrt(noise), 0.0, 0.0, float("nan"))

    def cost(sds: NDArray[np.float64]) -> float:
        return _restricted(log_odds, noise, sds)[0]

    starts = [np.array(pair) for pair in ((0.0, 0.0), (0.3, 0.05), (0.05, 0.3), (1.0, 0.5))]
    # With one sighting, effects of personas and of cells are the same.
    bounds = [(0.0, _LARGEST_SD), (0.0, 0.0 if n_sightings == 1 else _LARGEST_SD)]
    fits = [minimize(cost, np.clip(start, *np.transpose(bounds)), method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(fits, key=lambda fit: fit.fun)
    persona_sd, cell_sd = (float(value) for value in best.x)
    _, mean, inverse = _restricted(log_odds, noise, best.x)
    prior = persona_sd**2 + cell_sd**2 * np.eye(n_sightings)
    gain = prior @ inverse
    pooled = mean + np.einsum("zij,zj->zi", gain, log_odds - mean)
    # What is unknown about the means is spread over the cells that are pooled towards them.
    variance = np.einsum("zii->zi", prior - gain @ prior)
    of_mean = np.linalg.inv(inverse.sum(axis=0))
    left = np.eye(n_sightings) - gain
    variance = variance + np.einsum("zij,jk,zik->zi", left, of_mean, left)
    return Shrinkage(pooled, np.sqrt(np.maximum(variance, 0.0)), persona_sd, cell_sd, _p_value(log_odds, noise))


def _restricted(
    values: NDArray[np.float64], noise: NDArray[np.float64], sds: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return minus the restricted log-likelihood, the means of the sightings, and each persona's inverse covariance."""
    n_sightings = values.shape[1]
    diagonal = noise + sds[1] ** 2
    covariance = diagonal[:, :, None] * np.eye(n_sightings) + sds[0] ** 2
    inverse = np.linalg.inv(covariance)
    information = inverse.sum(axis=0)
    mean = np.linalg.solve(information, np.einsum("zij,zj->i", inverse, values))
    left = values - mean
    cost = 0.5 * (
        np.linalg.slogdet(covariance)[1].sum()
        + np.linalg.slogdet(information)[1]
        + np.einsum("zi,zij,zj->", left, inverse, left)
    )
    return float(cost), mean, inverse


def _p_value(values: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    weight = 1 / noise
    left = values - (weight * values).sum(axis=0) / weight.sum(axis=0)
    of_persona = weight.sum(axis=1)
    means = (weight * left).sum(axis=1) / of_persona
    overall = (of_persona * means).sum() / of_persona.sum()
    return float(chi2.sf((of_persona * (means - overall) ** 2).sum(), len(values) - 1))
